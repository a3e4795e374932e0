#include "threads.hpp"

#include <cstddef>

namespace weir::detail {
namespace {

constexpr std::ptrdiff_t stack_reserve = 256 * 1024;  // bytes, for the task that would be run and what it calls

// Null if the system does not tell: then there is always room.
const std::byte* end_of_this_stack() noexcept {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return nullptr;
  void* lowest = nullptr;
  std::size_t size = 0;
  const bool known = pthread_attr_getstack(&attributes, &lowest, &size) == 0;
  pthread_attr_destroy(&attributes);
  return known ? static_cast<const std::byte*>(lowest) : nullptr;
}

}  // namespace

bool this_stack_has_room() noexcept {
  thread_local const std::byte* const end = end_of_this_stack();
  // Not the address of a local: AddressSanitizer may keep locals elsewhere.
  const auto* const here = static_cast<const std::byte*>(__builtin_frame_address(0));
  return end == nullptr || here - end > stack_reserve;
}

}  // namespace weir::detail
