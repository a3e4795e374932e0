// Count, weight and rate at one door, all or nothing: for whatever is to be protected, with or without a pool.
#pragma once

#include <cstdint>
#include <stop_token>

#include <weir/admission/deadline.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/permit.hpp>
#include <weir/admission/result.hpp>

namespace weir {

/// Admits at most max_tasks holders of at most max_weight in sum, at most burst + rate * T of them in every window of
/// length T.
///
/// Who cannot be admitted may wait in one strict first-in-first-out queue: a heavy one at its head is not overtaken by
/// light ones, which costs up to its weight less one in idle capacity, and starves nobody. Thread-safe. Permits and
/// waiting threads must be gone before it is destroyed.
class limiter {
 public:
  /// @param clock  the time of rates and deadlines; it must outlive the limiter.
  /// @throws std::invalid_argument naming the field, the value and the rule.
  explicit limiter(const limits& configured, const clock_source& clock = steady_clock_source());
  limiter(const limiter&) = delete;
  limiter& operator=(const limiter&) = delete;

  /// Admits now or says why not. Never waits and never overtakes who waits; may be refused `contended` while another
  /// attempt is in flight that may still give its capacity back, which only a limiter with a rate knows.
  /// @param weight  1 to max_weight; `invalid` below, `too_heavy` above. Lock-free; no allocation; one reading of the
  /// clock (none in the second form).
  [[nodiscard]] result<permit> try_acquire(std::int64_t weight = 1) noexcept;
  [[nodiscard]] result<permit> try_acquire(std::int64_t weight, time_point now) noexcept;

  /// Admits, waiting at most until `until`. Refused at once if it cannot be admitted by then: `too_heavy`, `closed`,
  /// `waiters_full`, or `timed_out` where the rate alone takes longer. `cancelled` when `stop` is requested: before the
  /// call even if there is room, during it as soon as possible; a grant that comes at the same time is kept, not lost.
  /// On a worker of a pool refused `would_deadlock`. Blocking; no allocation.
  [[nodiscard]] result<permit> acquire(std::int64_t weight = 1, deadline until = {}, const std::stop_token& stop = {});

  /// Refuses everything from now on, `closed`, first of all those who wait, in order. Permits that are out stay valid.
  /// Idempotent.
  void close() noexcept { gate_.close(); }
  [[nodiscard]] bool is_closed() const noexcept { return gate_.is_closed(); }

  /// What is held and who waits at some moment during the call. 0 where the limit is `unlimited`, since it is then not
  /// counted.
  [[nodiscard]] std::int64_t tasks_in_use() const noexcept { return gate_.tasks_in_use(); }
  [[nodiscard]] std::int64_t weight_in_use() const noexcept { return gate_.weight_in_use(); }
  [[nodiscard]] std::int64_t waiting() const noexcept { return gate_.waiting(); }
  [[nodiscard]] const limits& configured() const noexcept { return gate_.configured(); }

 private:
  detail::gate gate_;
};

}  // namespace weir
