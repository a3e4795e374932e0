// An account of what is admitted that owes nothing to the pool: kept by the callables themselves, from their admission
// to their destruction.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <utility>
#include <vector>

#include <weir/queues/sync.hpp>
#include <weir/weir.hpp>

namespace weir::testing {

/// How many are in, and their weight, in one word, and the most of each that was ever seen.
class probe {
 public:
  void enter(std::int64_t weight) noexcept {
    const std::uint64_t now = word_.fetch_add(one(weight), detail::memory_order_acq_rel) + one(weight);  // (1)
    raise(most_tasks_, static_cast<std::int64_t>(now >> shift));
    raise(most_weight_, static_cast<std::int64_t>(now & mask));
  }
  void leave(std::int64_t weight) noexcept { word_.fetch_sub(one(weight), detail::memory_order_acq_rel); }  // (1)

  [[nodiscard]] bool is_empty() const noexcept { return word_.load(detail::memory_order_acquire) == 0; }  // (1)
  [[nodiscard]] std::int64_t most_tasks() const noexcept { return most_tasks_.load(detail::memory_order_relaxed); }
  [[nodiscard]] std::int64_t most_weight() const noexcept { return most_weight_.load(detail::memory_order_relaxed); }

 private:
  static constexpr int shift = 40;
  static constexpr std::uint64_t mask = (std::uint64_t{1} << shift) - 1;
  static constexpr std::uint64_t one(std::int64_t weight) noexcept {
    return (std::uint64_t{1} << shift) + static_cast<std::uint64_t>(weight);
  }
  static void raise(detail::atomic<std::int64_t>& most, std::int64_t seen) noexcept {
    std::int64_t before = most.load(detail::memory_order_relaxed);
    while (before < seen && !most.compare_exchange_weak(before, seen, detail::memory_order_relaxed)) {
    }
  }

  // Tasks, and below them their weight. Writers and readers: the callables, the test.
  // (1) in one order, which is the order in which they entered and left.
  detail::atomic<std::uint64_t> word_{0};
  // The most that was seen. Relaxed: numbers alone, read at rest.
  detail::atomic<std::int64_t> most_tasks_{0};
  detail::atomic<std::int64_t> most_weight_{0};
};

/// What became of one submission.
struct entry {
  // Starts and ends of its callable. Writers: the callable. Reader: the test, at rest.
  detail::atomic<int> starts{0};
  detail::atomic<int> ends{0};
};

/// A callable that keeps both accounts. It may run into an exception where it is moved into the pool, if it is told so.
template <typename F>
class probed {
 public:
  probed(probe& live, std::int64_t weight, entry& of, F body, bool throws_on_move = false)
      : live_(&live), entry_(&of), weight_(weight), body_(std::move(body)), throws_on_move_(throws_on_move) {}
  probed(probed&& other)
      : live_(other.live_), entry_(other.entry_), weight_(other.weight_), body_(std::move(other.body_)) {
    if (other.throws_on_move_) throw std::length_error("the callable throws when it is moved in");
    is_in_pool_ = true;
  }
  ~probed() {
    if (is_admitted_) live_->leave(weight_);
    if (is_in_pool_) entry_->ends.fetch_add(1, detail::memory_order_relaxed);
  }

  void on_admit(time_point) noexcept {
    is_admitted_ = true;
    live_->enter(weight_);
  }
  auto operator()(stop_token stop) {
    entry_->starts.fetch_add(1, detail::memory_order_relaxed);
    return body_(stop);
  }

 private:
  probe* live_;
  entry* entry_;
  std::int64_t weight_;
  F body_;
  bool throws_on_move_ = false;
  bool is_in_pool_ = false;
  bool is_admitted_ = false;
};

}  // namespace weir::testing
