// Loops whose iterations may run at the same time, as forks of the calling task.
//
// Source: lazy binary splitting (Tzannes, Caragea, Barua and Vishkin, PPoPP 2010): a worker goes through its part in
// blocks, and forks half of what is left when it sees that a thief would find nothing. So beyond the first 16 parts the
// forks are as many as the steals, and not as the iterations. What is over before a thief could wake is not split.
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/fork.hpp>
#include <weir/scheduler/fork_join.hpp>

namespace weir {

struct parallel_options {
  /// Iterations that are not split any more, 1 or more. 0: as it comes, for parallel_for; for parallel_reduce one 256th
  /// of all.
  std::int64_t grain = 0;
};

namespace detail {

inline std::uint64_t checked_grain(const parallel_options& options) {
  if (options.grain < 0) {
    throw std::invalid_argument("weir: grain is " + std::to_string(options.grain) +
                                ": it must be 1 or more, or 0 for weir to choose");
  }
  return static_cast<std::uint64_t>(options.grain);
}

/// How many iterations [first, last) has.
template <std::integral I>
constexpr std::uint64_t length_of(I first, I last) noexcept {
  return first < last ? static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first) : 0;
}

template <std::integral I>
constexpr I advanced(I first, std::uint64_t by) noexcept {
  return static_cast<I>(static_cast<std::uint64_t>(first) + by);
}

/// Calls `block(first, count)` for parts that together are the range, which is not empty.
template <std::integral I, typename Block>
class range_splitter {
 public:
  range_splitter(std::uint64_t count, std::uint64_t grain, Block& block) noexcept
      : grain_(grain), leaf_(std::max(grain, count / leaves)), block_(&block) {}

  void run(I first, std::uint64_t count) const {
    forker* const here = forker::current();
    if (here == nullptr) return run_serially(first, count);
    for (;;) {
      if (count > leaf_ || (count > grain_ && here->has_nothing_to_steal())) {
        const std::uint64_t kept = count - count / 2;
        auto left = [&] { run(first, kept); };
        auto right = [&] { run(advanced(first, kept), count / 2); };
        (void)fork_two(left, right);
        return;
      }
      here->throw_if_stopped();
      here->publish_all();  // an iteration may take long
      const std::uint64_t now = std::min(count, std::max(grain_, count / blocks));
      (*block_)(first, now);
      if (count == now) return;
      first = advanced(first, now);
      count -= now;
    }
  }

 private:
  void run_serially(I first, std::uint64_t count) const {
    for (;;) {
      forker::throw_if_stopped_elsewhere();
      const std::uint64_t now = std::min(count, leaf_);
      (*block_)(first, now);
      if (count == now) return;
      first = advanced(first, now);
      count -= now;
    }
  }

  // So much is forked at once, so that one long iteration keeps no more than one of these parts from the thieves.
  static constexpr std::uint64_t leaves = 16;
  // Of what is left of a leaf, one so many-th is gone through before the next look for a thief: shorter and shorter.
  static constexpr std::uint64_t blocks = 16;

  std::uint64_t grain_;
  std::uint64_t leaf_;
  Block* block_;
};

/// The first part of a range that has many, for as long as a wake-up takes: a loop that is over by then is not worth
/// one. In blocks: one iteration, or the grain, for nobody knows how long they are; and then each time what fits into
/// the rest of the time if it goes on like that, but at most eight times what is done, and a 16th of all. Returns how
/// many iterations are done.
template <std::integral I, typename Block>
std::uint64_t run_alone_at_first(forker& here, I first, std::uint64_t count, std::uint64_t grain, Block& block) {
  constexpr std::uint64_t many = 64;
  constexpr std::uint64_t parts = 16;
  constexpr std::uint64_t growth = 8;
  constexpr std::chrono::nanoseconds a_wake_up = std::chrono::microseconds(5);
  if (count < many) return 0;
  const auto begun = steady_now();
  std::uint64_t done = 0;
  for (std::uint64_t next = grain;;) {
    here.throw_if_stopped();
    const std::uint64_t now = std::min(next, count - done);
    block(advanced(first, done), now);
    done += now;
    if (done == count) break;
    const std::chrono::nanoseconds spent = steady_now() - begun;
    if (spent >= a_wake_up) break;
    const auto left = static_cast<double>((a_wake_up - spent).count());
    const double fitting =
        static_cast<double>(done) * left / static_cast<double>(std::max<std::int64_t>(spent.count(), 1));
    const std::uint64_t most = std::min(growth * done, count / parts);
    next = std::max(grain, fitting < static_cast<double>(most) ? static_cast<std::uint64_t>(fitting) : most);
  }
  return done;
}

template <std::integral I, typename Block>
void split_range(I first, std::uint64_t count, std::uint64_t grain, Block& block) {
  forker* const here = forker::current();
  const std::uint64_t done = here != nullptr ? run_alone_at_first(*here, first, count, grain, block) : 0;
  if (done != count) range_splitter<I, Block>(count - done, grain, block).run(advanced(first, done), count - done);
}

}  // namespace detail

/// Calls `f(i)` once for each i from `first` to below `last`, and returns when all have been called: maybe at the same
/// time, on several workers of the pool whose task calls this, and in any order; outside a worker one after the other.
/// Where `last` is not above `first` there is nothing to do. None may wait for another.
///
/// The range is split where another worker looks for work, down to `grain` iterations (1 unless it is given). A grain
/// is worth giving where an iteration takes nanoseconds and its order in memory matters. Of 64 iterations or more the
/// first ones are called alone, until 5 us are over: one, then eight times as many as are done, up to a 16th of all, so
/// that long ones which follow short ones there may be in one part.
///
/// @throws what an `f(i)` throws; of several, that of the lowest part of the range. What has begun is waited for; parts
///   that have not begun may never begin, others run on. weir::cancelled if the task was asked to stop, or its deadline
///   has passed: looked at between blocks: a 16th of the range at most, or the grain. std::invalid_argument for a
///   negative grain.
///
/// Blocking and context as fork_join. Allocates nothing. Without a thief: 16 forks and a few more.
template <std::integral I, typename F>
requires std::invocable<F&, I>
void parallel_for(I first, I last, const parallel_options& options, F&& f) {
  const std::uint64_t grain = std::max<std::uint64_t>(1, detail::checked_grain(options));
  const std::uint64_t count = detail::length_of(first, last);
  if (count == 0) return;
  auto block = [&f](I from, std::uint64_t n) {
    auto& call = f;  // known in the loop, whatever the iterations write
    const auto begin = static_cast<std::uint64_t>(from);
#pragma GCC unroll 4
    for (std::uint64_t i = begin; i != begin + n; ++i) std::invoke(call, static_cast<I>(i));
  };
  detail::split_range(first, count, grain, block);
}

template <std::integral I, typename F>
requires std::invocable<F&, I>
void parallel_for(I first, I last, F&& f) { parallel_for(first, last, {}, std::forward<F>(f)); }

}  // namespace weir
