// How often which times came, in buckets: what a pool has measured of its tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <limits>
#include <vector>

#include <weir/admission/clock.hpp>
#include <weir/scheduler/detail/log_linear.hpp>

namespace weir {
namespace detail {
class latency_counts;
}

/// Counts times of 0 ns to 292 years in 960 buckets: every nanosecond below 32 ns has its own, and every power of two
/// above is 16 of them, so that each time in a bucket is at most 1/16 below the longest of it.
///
/// A value: read by any number of threads, while none changes it. An empty one takes no memory, any other 7.5 KiB.
class latency_histogram {
  using scale = detail::log_linear<4>;

 public:
  /// Times that cannot be told apart.
  struct bucket {
    duration first;       ///< The shortest that would be in it.
    duration last;        ///< The longest.
    std::uint64_t count;  ///< How many came: not 0.

    friend bool operator==(const bucket&, const bucket&) noexcept = default;
  };
  class iterator;

  /// One more time; a negative one counts as 0. Constant time; the first allocates.
  /// @throws std::bad_alloc.
  void record(duration time);
  /// All of `other` besides. Linear in the buckets; may allocate. @throws std::bad_alloc, and has had no effect then.
  latency_histogram& operator+=(const latency_histogram& other);

  /// How many times there are. Linear in the buckets.
  [[nodiscard]] std::uint64_t count() const noexcept;
  [[nodiscard]] bool is_empty() const noexcept { return counts_.empty(); }
  /// All of them together, exactly; at most duration::max().
  [[nodiscard]] duration sum() const noexcept { return sum_; }
  /// Their mean, rounded down; 0 if there are none.
  [[nodiscard]] duration mean() const noexcept;
  /// The longest of the last bucket that has any: at most 1/16 more than the longest time. 0 if there are none.
  [[nodiscard]] duration max() const noexcept;

  /// The shortest time that at least the share `p`, 0 to 1, of all do not exceed, or up to 1/16 more: the longest of
  /// its bucket. 0 if there are none. Linear in the buckets.
  /// @throws std::invalid_argument for any other `p`.
  [[nodiscard]] duration quantile(double p) const;

  /// The buckets that have any, from the shortest times on. Valid until the histogram changes.
  [[nodiscard]] iterator begin() const noexcept;
  [[nodiscard]] iterator end() const noexcept;

  friend bool operator==(const latency_histogram&, const latency_histogram&) noexcept = default;

 private:
  friend class detail::latency_counts;  // the same, as a pool keeps it

  static constexpr std::size_t index_of(duration time) noexcept {
    return time <= duration::zero() ? 0 : scale::index_of(static_cast<std::uint64_t>(time.count()));
  }
  static constexpr duration last_of(std::size_t index) noexcept {
    return duration(static_cast<duration::rep>(scale::last_of(index)));
  }
  static constexpr duration added(duration a, duration b) noexcept {
    return a > duration::max() - b ? duration::max() : a + b;
  }
  void make_room();

  static constexpr std::size_t buckets = scale::index_of(std::numeric_limits<std::int64_t>::max()) + 1;

  std::vector<std::uint64_t> counts_;  // `buckets` of them as soon as one of them is not 0
  duration sum_{};
};

/// A forward iterator whose buckets are values.
class latency_histogram::iterator {
 public:
  using value_type = bucket;
  using difference_type = std::ptrdiff_t;
  using reference = bucket;
  using iterator_concept = std::forward_iterator_tag;
  using iterator_category = std::input_iterator_tag;

  iterator() noexcept = default;

  [[nodiscard]] bucket operator*() const noexcept {
    return {.first = duration(static_cast<duration::rep>(scale::first_of(index_))),
            .last = last_of(index_),
            .count = of_->counts_[index_]};
  }
  iterator& operator++() noexcept {
    ++index_;
    skip_empty();
    return *this;
  }
  iterator operator++(int) noexcept {
    const iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const iterator&, const iterator&) noexcept = default;

 private:
  friend class latency_histogram;

  iterator(const latency_histogram& of, std::size_t from) noexcept : of_(&of), index_(from) { skip_empty(); }
  void skip_empty() noexcept {
    while (index_ < of_->counts_.size() && of_->counts_[index_] == 0) ++index_;
  }

  const latency_histogram* of_ = nullptr;
  std::size_t index_ = 0;
};

inline latency_histogram::iterator latency_histogram::begin() const noexcept { return {*this, 0}; }
inline latency_histogram::iterator latency_histogram::end() const noexcept { return {*this, counts_.size()}; }

}  // namespace weir
