// A semaphore whose holders weigh: a limiter with one limit.
#pragma once

#include <concepts>
#include <cstdint>
#include <stop_token>
#include <utility>

#include <weir/admission/deadline.hpp>
#include <weir/admission/limiter.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/permit.hpp>
#include <weir/admission/result.hpp>

namespace weir {

/// What may wait at a semaphore; see weir::limits. What is heavier than max_waiting_weight never waits.
struct line_bounds {
  std::int64_t max_waiters = 1'024;             ///< 0 to 16,777,215
  std::int64_t max_waiting_weight = unlimited;  ///< 1 to 2^53, or `unlimited`
};

/// Lets holders in whose summed weight is at most its capacity. Strict first in, first out among those who wait; each
/// wait can be cancelled and has a deadline, and one that leaves lets those behind it be looked at.
///
/// Any thread may call anything at any time, but the destructor. What a holder did before it gave its permit back
/// happens before whatever a later admission returns to that had no room without it. Nothing but the constructor
/// allocates.
class weighted_semaphore {
 public:
  /// @param capacity     1 to 2,147,483,647.
  /// @param max_waiters  most threads that wait, 0 to 16,777,215; one more is refused `waiters_full`.
  /// @param clock        the time of the waits; it must outlive the semaphore.
  /// @throws std::invalid_argument naming the value and the rule.
  explicit weighted_semaphore(std::int64_t capacity, std::int64_t max_waiters = 1'024,
                              const clock_source& clock = steady_clock_source());
  /// The same with all that bounds its line.
  weighted_semaphore(std::int64_t capacity, const line_bounds& line, const clock_source& clock = steady_clock_source());
  weighted_semaphore(const weighted_semaphore&) = delete;
  weighted_semaphore& operator=(const weighted_semaphore&) = delete;
  /// Permits and waiting threads must be gone, and every call must have returned; else it says so on stderr and
  /// terminates, in every build.
  ~weighted_semaphore() = default;

  /// Takes `weight` if there is room and nobody waits. Linearizable: refused `weight_full` only if at one instant of
  /// the call there was no room or somebody waited; else `invalid`, `too_heavy` or `closed`.
  /// @param weight  1 to the capacity.
  /// Lock-free, one compare-and-swap, and a refusal only reads; but for the one that finds too little room after a time
  /// far from the capacity, which takes the short lock. Reads no clock, so that the permit's `admitted_at` is
  /// time_point{}.
  [[nodiscard]] result<permit> try_acquire(std::int64_t weight = 1) noexcept {
    if (permit granted = limiter_.acquire_at_once(weight)) [[likely]]
      return granted;
    return try_or_explain(weight);
  }
  template <std::floating_point Number, typename... Rest>
  result<permit> try_acquire(Number, Rest&&...) = delete;  // half a weight is none

  /// Takes `weight`, waiting in line until `until`; refusals, blocking and order as in limiter::acquire. Where there is
  /// room and nobody waits it is one compare-and-swap, too, and reads no clock: `admitted_at` is then time_point{}.
  [[nodiscard]] result<permit> acquire(std::int64_t weight = 1, deadline until = {}, const std::stop_token& stop = {});
  template <std::floating_point Number, typename... Rest>
  result<permit> acquire(Number, Rest&&...) = delete;  // half a weight is none

  /// The same without a thread that waits; see limiter::async_acquire and limiter::enqueue.
  [[nodiscard]] acquire_awaiter async_acquire(std::int64_t weight = 1, deadline until = {}, std::stop_token stop = {}) {
    return limiter_.async_acquire(weight, until, std::move(stop));
  }
  template <std::floating_point Number, typename... Rest>
  acquire_awaiter async_acquire(Number, Rest&&...) = delete;  // half a weight is none
  template <detail::takes_permit F>
  result<void> enqueue(const acquire_options& asked, F&& f) {
    return limiter_.enqueue(asked, std::forward<F>(f));
  }

  /// Changes the capacity at once, also below what is held: then nothing is granted until what is held fits again.
  /// Those who wait and are heavier than it leave `too_heavy`; those who fit now are let in, in order.
  /// @param capacity  1 to 2,147,483,647.
  /// @throws std::invalid_argument if it is out of range; nothing is changed then.
  /// Takes the short lock, and then wakes whom it decided on: linear in those who wait.
  void set_capacity(std::int64_t capacity);

  /// Waits until what is held is within the capacity, after it was lowered; see limiter::wait_until_within. Blocking.
  [[nodiscard]] bool wait_until_within(deadline until = {}) noexcept { return limiter_.wait_until_within(until); }
  /// The same without a thread that waits; see limiter::async_wait_until_within.
  [[nodiscard]] within_awaiter async_wait_until_within(deadline until = {}, std::stop_token stop = {}) {
    return limiter_.async_wait_until_within(until, std::move(stop));
  }

  /// Refuses everything from now on. See limiter::close.
  void close() noexcept { limiter_.close(); }

  /// The weight that is held, how many wait, and what those weigh if that is bounded, at some moment during the call;
  /// outdated at once. While set_capacity runs, in_use may be off by the change, and is never below 0. Wait-free.
  [[nodiscard]] std::int64_t in_use() const noexcept { return limiter_.weight_in_use(); }
  [[nodiscard]] std::int64_t waiting() const noexcept { return limiter_.waiting(); }
  [[nodiscard]] std::int64_t waiting_weight() const noexcept { return limiter_.waiting_weight(); }

 private:
  [[nodiscard]] result<permit> try_or_explain(std::int64_t weight) noexcept;

  limiter limiter_;
  const line_bounds line_;
};

}  // namespace weir
