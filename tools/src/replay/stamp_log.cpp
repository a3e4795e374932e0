#include "stamp_log.hpp"

#include <algorithm>
#include <new>
#include <sys/mman.h>

namespace weir::tools {

stamp_log::stamp_log(std::size_t capacity) : capacity_(std::max<std::size_t>(capacity, 1)) {
  void* const memory = capacity_ > most ? MAP_FAILED
                                        : ::mmap(nullptr, capacity_ * 2 * sizeof *stamps_, PROT_READ | PROT_WRITE,
                                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stamps_ = static_cast<std::int64_t*>(memory);
}

stamp_log::~stamp_log() { ::munmap(stamps_, capacity_ * 2 * sizeof *stamps_); }

void stamp_log::add(std::chrono::nanoseconds limiter, std::chrono::nanoseconds own) noexcept {
  const std::size_t slot = used_.fetch_add(1, detail::memory_order_relaxed);  // (1)
  if (slot >= capacity_) return;
  stamps_[slot] = limiter.count();
  stamps_[capacity_ + slot] = own.count();
  const std::int64_t skew = (own - limiter).count();
  std::int64_t seen = skew_.load(detail::memory_order_relaxed);  // (1)
  while (seen < skew &&
         !skew_.compare_exchange_weak(seen, skew, detail::memory_order_relaxed, detail::memory_order_relaxed)) {  // (1)
  }
}

std::size_t stamp_log::size() const noexcept {
  return std::min(used_.load(detail::memory_order_relaxed), capacity_);
}  // (1)

std::span<const std::int64_t> stamp_log::sorted_limiter_stamps() noexcept {
  std::sort(stamps_, stamps_ + size());
  return {stamps_, size()};
}

std::span<const std::int64_t> stamp_log::sorted_own_stamps() noexcept {
  std::sort(stamps_ + capacity_, stamps_ + capacity_ + size());
  return {stamps_ + capacity_, size()};
}

std::chrono::nanoseconds stamp_log::skew() const noexcept {
  return std::chrono::nanoseconds(skew_.load(detail::memory_order_relaxed));  // (1)
}

std::size_t stamp_log::lost() const noexcept { return used_.load(detail::memory_order_relaxed) - size(); }  // (1)

}  // namespace weir::tools
