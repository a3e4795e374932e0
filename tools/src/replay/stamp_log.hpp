// The times of all admissions, 16 bytes each: by the limiter's stamp and by an own clock. Memory is reserved for all
// that may come and used as they come. Progress: `add` is wait-free.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

#include <weir/queues/sync.hpp>

namespace weir::tools {

class stamp_log {
 public:
  /// The largest capacity: 64 TiB of addresses, half of what x86 has.
  static constexpr std::size_t most = std::size_t{1} << 42U;

  /// @param capacity  the most admissions that can come. @throws std::bad_alloc if not even addresses are left.
  explicit stamp_log(std::size_t capacity);
  ~stamp_log();
  stamp_log(const stamp_log&) = delete;
  stamp_log& operator=(const stamp_log&) = delete;

  /// Any thread. Beyond the capacity it only counts.
  void add(std::chrono::nanoseconds limiter, std::chrono::nanoseconds own) noexcept;

  /// Sorted, in place; once the adding threads are joined or their adding happens before.
  [[nodiscard]] std::span<const std::int64_t> sorted_limiter_stamps() noexcept;
  [[nodiscard]] std::span<const std::int64_t> sorted_own_stamps() noexcept;

  /// The longest time by which an own stamp lay behind the limiter's.
  [[nodiscard]] std::chrono::nanoseconds skew() const noexcept;
  /// Additions beyond the capacity: there must be none.
  [[nodiscard]] std::size_t lost() const noexcept;

 private:
  [[nodiscard]] std::size_t size() const noexcept;

  std::size_t capacity_;
  std::int64_t* stamps_;  // capacity_ of the limiter's, then capacity_ own

  // Admissions so far, and the largest skew. Writers: whoever admits. Readers: the owner, after the writers.
  // (1) claim: relaxed, since a slot has one writer and its reader synchronizes with all writers by other means.
  detail::atomic<std::size_t> used_{0};
  detail::atomic<std::int64_t> skew_{0};
};

}  // namespace weir::tools
