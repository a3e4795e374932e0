// A semaphore whose holders weigh: a limiter with one limit.
#pragma once

#include <cstdint>
#include <stop_token>

#include <weir/admission/deadline.hpp>
#include <weir/admission/permit.hpp>
#include <weir/admission/result.hpp>

namespace weir {

/// Lets holders in whose summed weight is at most its capacity. Strict first in, first out among those who wait; each
/// wait can be cancelled and has a deadline, and one that leaves lets those behind it be looked at. Thread-safe.
class weighted_semaphore {
 public:
  /// @param capacity     1 to 2,147,483,647.
  /// @param max_waiters  most threads that wait; one more is refused `waiters_full`.
  /// @throws std::invalid_argument naming the value and the rule.
  explicit weighted_semaphore(std::int64_t capacity, std::int64_t max_waiters = 1'024,
                              const clock_source& clock = steady_clock_source());
  weighted_semaphore(const weighted_semaphore&) = delete;
  weighted_semaphore& operator=(const weighted_semaphore&) = delete;

  /// Takes `weight` if there is room and nobody waits. Linearizable: refused `weight_full` only if at one instant of
  /// the call there was no room or somebody waited. Lock-free; no allocation; no reading of a clock.
  [[nodiscard]] result<permit> try_acquire(std::int64_t weight = 1) noexcept;

  /// Takes `weight`, waiting in line until `until`. See limiter::acquire. Blocking.
  [[nodiscard]] result<permit> acquire(std::int64_t weight = 1, deadline until = {}, const std::stop_token& stop = {});

  /// Changes the capacity at once, also below what is held: then nothing is granted until what is held fits again.
  /// Waiters that are heavier than it leave `too_heavy`. @throws std::invalid_argument if it is out of range; nothing
  /// is changed then.
  void set_capacity(std::int64_t capacity);

  /// Refuses everything from now on. See limiter::close.
  void close() noexcept { gate_.close(); }

  [[nodiscard]] std::int64_t in_use() const noexcept { return gate_.weight_in_use(); }
  [[nodiscard]] std::int64_t waiting() const noexcept { return gate_.waiting(); }

 private:
  detail::gate gate_;
};

}  // namespace weir
