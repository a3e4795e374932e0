// The thread_local variables of the program, so that each thread of a scenario has its own, though all are fibres of
// one thread: their whole block is exchanged where one fibre is left for another. Those of shared libraries are not in
// it.
#pragma once

#include <cstddef>
#include <memory>

namespace model {

/// What they hold while another fibre runs. At first as at the beginning of a thread.
class thread_locals {
 public:
  thread_locals();

  /// Keeps what the variables hold.
  void keep() noexcept;
  /// Lets the variables hold what was kept.
  void restore() const noexcept;
  /// What is kept is what they hold at the beginning of a thread.
  void begin() noexcept;

 private:
  std::unique_ptr<std::byte[]> kept_;
};

}  // namespace model
