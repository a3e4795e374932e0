// A stack of its own, on which the explorer runs one thread of a scenario. Over ucontext; all fibres belong to one
// thread.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <cstddef>
#include <memory>

#include "thread_locals.hpp"

namespace model {

class fibre {
 public:
  /// The stack that the caller is on already.
  fibre() = default;
  /// A new stack, which calls `entry(argument)` at the first switch to it. `entry` never returns.
  fibre(void (*entry)(void*), void* argument);
  fibre(const fibre&) = delete;
  fibre& operator=(const fibre&) = delete;

  /// Leaves this fibre, which must be the running one, for another; returns when somebody switches back.
  void switch_to(fibre& other);

  /// For a fibre that does not run: its thread_local variables are as at the beginning of a thread.
  void begin_thread_locals() noexcept { thread_locals_.begin(); }

 private:
  // What the C++ runtime keeps per thread about exceptions in flight, and each fibre needs for itself
  // (__cxa_eh_globals).
  struct exceptions_in_flight {
    void* caught = nullptr;
    unsigned int uncaught = 0;
  };

  static void enter() noexcept;
  static void arrived() noexcept;

  ucontext_t context_{};
  jmp_buf left_at_{};
  bool started_ = true;
  std::unique_ptr<std::byte[]> stack_;
  void (*entry_)(void*) = nullptr;
  void* argument_ = nullptr;
  exceptions_in_flight exceptions_;
  thread_locals thread_locals_;

  // For AddressSanitizer only: where the stack is, and its shadow of locals that outlive their scope.
  const void* bottom_ = nullptr;
  std::size_t size_ = 0;
  void* fake_stack_ = nullptr;
};

}  // namespace model
