// A histogram of fixed size for quantiles, which any number of threads write, with an exact maximum. The pool's own,
// weir::latency_histogram, has the same buckets, four times as wide.
// Values below 2^(SubBits + 1) are counted exactly; above, a bucket is at most 1 / 2^SubBits of its value wide.
//
// Progress: `record` is wait-free but for the maximum, which is lock-free; reading while others record gives a value of
// some of the moments in between.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/log_linear.hpp>

namespace weir::tools {

/// Counts of 64-bit values. With SubBits = 6 it takes 30 KB and a quantile is at most 1/64 too high, never too low.
template <unsigned SubBits>
class histogram {
 public:
  /// Any thread. Wait-free but for a new maximum.
  void record(std::uint64_t value) noexcept {
    counts_[scale::index_of(value)].fetch_add(1, detail::memory_order_relaxed);  // (1)
    std::uint64_t seen = max_.load(detail::memory_order_relaxed);                // (1)
    while (seen < value && !max_.compare_exchange_weak(seen, value, detail::memory_order_relaxed,
                                                       detail::memory_order_relaxed)) {  // (1)
    }
  }

  /// A time; a negative one counts as 0.
  void record(std::chrono::nanoseconds time) noexcept {
    record(static_cast<std::uint64_t>(time.count() < 0 ? 0 : time.count()));
  }

  /// The smallest recorded value that at least the share `q` (0 to 1) of the values do not exceed, rounded up to the
  /// end of its bucket but not beyond the maximum; 0 if nothing was recorded. O(buckets).
  [[nodiscard]] std::uint64_t quantile(double q) const noexcept {
    const std::uint64_t total = count();
    auto rank = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(total)));
    if (rank == 0) rank = 1;
    std::uint64_t below = 0;
    for (std::size_t index = 0; index < buckets; ++index) {
      below += counts_[index].load(detail::memory_order_relaxed);  // (1)
      if (below >= rank) return std::min(scale::last_of(index), max());
    }
    return max();
  }

  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t total = 0;
    for (const auto& bucket : counts_) total += bucket.load(detail::memory_order_relaxed);  // (1)
    return total;
  }

  [[nodiscard]] std::uint64_t max() const noexcept { return max_.load(detail::memory_order_relaxed); }  // (1)

 private:
  using scale = detail::log_linear<SubBits>;

  static constexpr std::size_t buckets = scale::index_of(std::numeric_limits<std::uint64_t>::max()) + 1;

  // How many values fell into each bucket, and the largest value. Writers: whoever records; readers: all.
  // (1) statistics: relaxed, since they publish nothing; a reader that needs all of them joins the writers first.
  std::array<detail::atomic<std::uint64_t>, buckets> counts_{};
  detail::atomic<std::uint64_t> max_{0};
};

/// For times in nanoseconds.
using time_histogram = histogram<6>;

}  // namespace weir::tools
