#undef _FORTIFY_SOURCE  // its longjmp takes a jump to another stack for an attack
#include "fibre.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#define MODEL_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MODEL_ASAN
#endif
#endif

#ifdef MODEL_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace model {
namespace {

// What AddressSanitizer wants to know of a switch: before it, to where; after it, where we are.
#ifdef MODEL_ASAN
void tell_before(void** fake_stack, const void* bottom, std::size_t size) {
  __sanitizer_start_switch_fiber(fake_stack, bottom, size);
}
void tell_after(void* fake_stack, const void** bottom_left, std::size_t* size_left) {
  __sanitizer_finish_switch_fiber(fake_stack, bottom_left, size_left);
}
#else
void tell_before(void**, const void*, std::size_t) {}
void tell_after(void*, const void**, std::size_t*) {}
#endif

constexpr std::size_t stack_size = 256 * 1024;  // untouched pages cost nothing; AddressSanitizer's frames are large

// The two ends of the switch under way: makecontext passes ints only.
fibre* leaving = nullptr;
fibre* entering = nullptr;

}  // namespace

fibre::fibre(void (*entry)(void*), void* argument)
    : started_(false),
      stack_(new std::byte[stack_size]),
      entry_(entry),
      argument_(argument),
      bottom_(stack_.get()),
      size_(stack_size) {
  ::getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = stack_size;
  ::makecontext(&context_, &fibre::enter, 0);
}

void fibre::switch_to(fibre& other) {
  leaving = this;
  entering = &other;
  void* const runtime = abi::__cxa_get_globals();
  std::memcpy(&exceptions_, runtime, sizeof exceptions_);
  std::memcpy(runtime, &other.exceptions_, sizeof exceptions_);
  thread_locals_.keep();
  other.thread_locals_.restore();
  tell_before(&fake_stack_, other.bottom_, other.size_);
  // The context only starts a fibre: to switch by contexts would cost two system calls, for the mask of signals.
  if (::_setjmp(left_at_) == 0) {
    if (std::exchange(other.started_, true)) ::_longjmp(other.left_at_, 1);
    ::setcontext(&other.context_);
  }
  arrived();
}

void fibre::arrived() noexcept {
  // It answers where the stack is that was left: the only way to learn that of the thread's own.
  tell_after(entering->fake_stack_, &leaving->bottom_, &leaving->size_);
}

void fibre::enter() noexcept {
  arrived();
  entering->entry_(entering->argument_);
  std::abort();
}

}  // namespace model
