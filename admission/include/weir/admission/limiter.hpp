// Count, weight and rate at one door, all or nothing: for whatever is to be protected, with or without a pool.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <utility>

#include <weir/admission/acquire_options.hpp>
#include <weir/admission/async_acquire.hpp>
#include <weir/admission/deadline.hpp>
#include <weir/admission/flight.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/permit.hpp>
#include <weir/admission/pressure.hpp>
#include <weir/admission/result.hpp>

namespace weir {

/// Admits at most max_tasks holders of at most max_weight in sum, at most burst + rate * T of them in every window of
/// length T between the times of admission.
///
/// Who cannot be admitted may wait in one line, in the order of arrival within a priority; a higher one goes before
/// those that are lower, until they have been passed often enough (limits::priority_ageing). A heavy one at the head is
/// not overtaken by light ones, which costs up to its weight less one in idle capacity, and starves nobody; but see
/// limits::max_bypass.
///
/// Any thread may call anything at any time, but the destructor. What a holder did before it gave its permit back
/// happens before whatever a later admission returns to that had no room without it. Nothing allocates but the
/// constructor, `flight`, `enqueue` and the first wait without a thread.
class limiter {
 public:
  /// @param configured  checked by weir::check; see weir::limits for units and ranges.
  /// @param clock       the time of rates and deadlines; it must outlive the limiter.
  /// @param on_pressure told when the limiter is nearly full, and when it no longer is: limits::warn_at. None: nobody
  ///                    is, and it costs nothing. With one each admission and each end reads three words more.
  /// @throws std::invalid_argument naming the field, the value and the rule.
  explicit limiter(const limits& configured, const clock_source& clock = steady_clock_source(),
                   pressure_handler on_pressure = {});
  limiter(const limiter&) = delete;
  limiter& operator=(const limiter&) = delete;
  /// Permits and waiting threads must be gone, and every call must have returned. While anything that is counted is
  /// held, or anybody waits, it says so on stderr and terminates, in every build.
  ~limiter() = default;

  /// Admits now or says why not. Never waits, and never overtakes who waits: behind them it is refused with what the
  /// first of them lacks. Refused `invalid`, `too_heavy`, `tasks_full`, `weight_full`, `rate_limited`, `closed`; with a
  /// rate, and at the door of a pool, also `contended`, while another attempt, or a recall of what is spare for
  /// children, is in flight that may still give its capacity back.
  /// @param weight  1 to max_weight; `invalid` below, `too_heavy` above.
  /// @param now     the time of the admission, instead of a reading of the clock here: one that serves for several
  ///                calls, however old (to a year). A time ahead of the clock is taken as it is and spends the
  ///                tokens of that time, so that the rate's bound holds whatever is passed; with strict_window it is
  ///                taken as the present.
  /// Lock-free while nobody waits, but for one that finds too little room after a time far from the limits, which takes
  /// the short lock. Behind those who wait it is refused after a read, wait-free; only an attempt that
  /// loses its token to another while somebody begins to wait takes the short lock, and tells those whom it lets in.
  /// Reads the clock once, the second form not at all; more often with strict_window, after a clock that went back or
  /// a time ahead of it, and where the lock is taken.
  [[nodiscard]] result<permit> try_acquire(std::int64_t weight = 1) noexcept;
  [[nodiscard]] result<permit> try_acquire(std::int64_t weight, time_point now) noexcept;
  template <std::floating_point Number, typename... Rest>
  result<permit> try_acquire(Number, Rest&&...) = delete;  // half a weight is none

  /// Admits, waiting in line for at most `until`. Refused at once if it cannot be admitted by then: `invalid`,
  /// `too_heavy`, `closed`, `waiters_full`, or `timed_out` where the rate alone takes longer; on a worker of a pool
  /// `would_deadlock`. Refused later `timed_out`, `shed`, `closed` or `too_heavy`, or `cancelled` when `stop` is
  /// requested: before the call even if there is room, during it as soon as possible; a grant that comes at the same
  /// time is kept, not lost.
  /// @param weight  1 to max_weight.
  /// @param until   by the limiter's clock; a time that has passed admits what needs no wait.
  /// Blocking: the thread sleeps, and is woken for its outcome and, at the head of the line, for its token. Registers a
  /// std::stop_callback on its stack where `stop` can be stopped. What is at the limit is handed over in the order of
  /// the line, linear in those that it passes there.
  /// The second form also refuses `expired` what its own deadline leaves no time for, and `invalid` a priority that is
  /// none.
  [[nodiscard]] result<permit> acquire(std::int64_t weight = 1, deadline until = {}, const std::stop_token& stop = {});
  [[nodiscard]] result<permit> acquire(const acquire_options& asked);
  template <std::floating_point Number, typename... Rest>
  result<permit> acquire(Number, Rest&&...) = delete;  // half a weight is none

  /// `co_await limiter.async_acquire(8, within(20ms))`: as `acquire`, but it is the coroutine that waits, in any
  /// coroutine whatever, and no thread: allowed on a worker of a pool, too. Does not suspend where no wait is needed.
  /// What waits goes on, as soon as its outcome is decided, on the thread that decided it: who gives back, requests the
  /// stop, closes, changes limits, drops it to have its place, or leaves the line before it, as an `acquire` does whose
  /// time is over; at the end of that call and after all whom it decided before; or, at its time, on the thread
  /// `weir-door`, which all limiters with one clock share and which is there while they are used so. It must not block
  /// there for what another one does that was let in by the same call, nor long, and must end before the limiter does.
  /// A coroutine must not be destroyed while it waits, nor what this returns be awaited twice: it says so on stderr and
  /// terminates. Instead of caller_runs it is refused waiters_full. After fork(2) nobody keeps the time of the parent's
  /// limiters in the child. The destructor of the last limiter with a clock waits for what goes on on `weir-door`, also
  /// for that of others.
  /// @throws std::bad_alloc, std::system_error, where it has to wait and there is no timer to be had; it does not wait
  ///         then.
  /// Allocates nothing in the steady state: its place is in the coroutine's frame. See admission/async.md.
  [[nodiscard]] acquire_awaiter async_acquire(std::int64_t weight = 1, deadline until = {}, std::stop_token stop = {}) {
    return async_acquire({.weight = weight, .until = until, .stop = std::move(stop)});
  }
  [[nodiscard]] acquire_awaiter async_acquire(acquire_options asked) { return {async_door(), std::move(asked)}; }
  /// For g++ 12, which destroys a braced `{.stop = token}` in a co_await expression twice: keep the token out of it.
  [[nodiscard]] acquire_awaiter async_acquire(acquire_options asked, std::stop_token stop) {
    asked.stop = std::move(stop);
    return async_acquire(std::move(asked));
  }
  template <std::floating_point Number, typename... Rest>
  acquire_awaiter async_acquire(Number, Rest&&...) = delete;  // half a weight is none

  /// As `async_acquire`, for a callable: `f(result<permit>)` is called once, with the permit or, if it was refused
  /// while it waited, with the reason. At once, on this thread, if it is admitted at once; if this thread is calling
  /// one already, then after that. The result says why it does not even wait: then `f` has not been touched.
  /// @param f  movable; moved only if it does not run at once. It must not throw: the program terminates.
  /// @throws std::bad_alloc, std::system_error; what moving `f` throws. Then it is not called.
  /// Allocates once where it does not run at once.
  template <detail::takes_permit F>
  result<void> enqueue(const acquire_options& asked, F&& f) {
    return detail::enqueue_at(async_door(), asked, std::forward<F>(f));
  }

  /// Changes the limits, at once, all or none. Also to less than what is held: then nobody is let in, and in a pool no
  /// child begins (it runs inline), until that fits again. Those who wait and are heavier than max_weight leave
  /// `too_heavy`; those who fit now are let in, in order, and who waits for a token is told anew when it comes. Who
  /// waits stays, also if max_waiters is less. The tokens that are there stay, up to the burst; see
  /// token_bucket::set_rate; a rate that is the same is not touched. While the call runs, an admission finds each limit
  /// as it was or as it will be; after it, all as they are. After a close nothing changes any more.
  /// @param next  all of them, checked as by the constructor. max_tasks that were `unlimited` stay so, since what is
  ///              held was not counted; counted ones can become `unlimited`: 16,777,215. max_weight that was
  ///              `unlimited` stays so, any other stays a number. max_waiting_weight that was `unlimited` stays so.
  /// @throws std::invalid_argument naming the field, the value and the rule; at the door of a pool std::system_error if
  ///         a rate comes and its clock thread cannot be started. Then nothing has changed.
  /// Takes the short lock, and then wakes whom it decided on: linear in those who wait.
  void set_limits(const limits& next) { gate_.set_limits(next); }

  /// Waits until no more is held than the limits are, after they were lowered: true, at once where that is so. False at
  /// `until`, by the limiter's clock, or if the limiter is closed; on a worker of a pool, which may not wait, if
  /// it is not so already. Blocking.
  [[nodiscard]] bool wait_until_within(deadline until = {}) noexcept;

  /// `co_await limiter.async_wait_until_within(within(1s))`: as wait_until_within, but it is the coroutine that waits,
  /// on a worker of a pool, too. Else `timed_out`, `closed`, or `cancelled` when `stop` is requested. Where it goes on,
  /// what it must not do there, and what it throws: as async_acquire. It has no place in line.
  [[nodiscard]] within_awaiter async_wait_until_within(deadline until = {}, std::stop_token stop = {}) {
    return {async_door(), acquire_options{.until = until, .stop = std::move(stop)}};
  }

  /// Refuses everything from now on, `closed`, first of all those who wait, in order. Permits that are out stay valid.
  /// Idempotent. Takes the short lock, and then wakes each of those who wait: linear in their number.
  void close() noexcept { gate_.close(); }
  [[nodiscard]] bool is_closed() const noexcept { return gate_.is_closed(); }

  /// What is held, who waits and what those weigh at some moment during the call; outdated at once. 0 where the limit
  /// is `unlimited`, since it is then not counted. Wait-free.
  [[nodiscard]] std::int64_t tasks_in_use() const noexcept { return gate_.tasks_in_use(); }
  [[nodiscard]] std::int64_t weight_in_use() const noexcept { return gate_.weight_in_use(); }
  [[nodiscard]] std::int64_t waiting() const noexcept { return gate_.waiting(); }
  [[nodiscard]] std::int64_t waiting_weight() const noexcept { return gate_.waiting_weight(); }
  /// The limits as they are in force, all of one moment. Takes the short lock.
  [[nodiscard]] limits configured() const { return gate_.configured(); }

  /// How long the door is still shut by limits::breaker; zero: it is open. A reading of the clock, and where it may be
  /// shut a lock.
  [[nodiscard]] duration pause_left() noexcept {
    return gate_.breaker().may_be_shut() ? gate_.breaker().pause_at(gate_.clock().now()) : duration::zero();
  }

  /// What was decided so far, as the flight recorder has kept it; without one (limits::flight_entries) no entries.
  /// Copies 64 bytes an entry under the short lock, which holds up whoever comes to this door. @throws std::bad_alloc
  [[nodiscard]] flight_log flight() const { return gate_.flight(); }

 protected:
  /// The door of a pool, whose workers give back what was admitted, and which rings when a token is due.
  limiter(const limits& configured, const clock_source& clock, pressure_handler on_pressure,
          detail::gate::alarm& for_tokens, std::size_t givers);
  [[nodiscard]] detail::gate& engine() noexcept { return gate_; }
  [[nodiscard]] const detail::gate& engine() const noexcept { return gate_; }

 private:
  friend class weighted_semaphore;

  // Where there is no rate: what one look grants, without a time. Empty says nothing.
  [[nodiscard]] permit acquire_at_once(std::int64_t weight) noexcept {
    const bool is_weight = weight >= 1 && weight <= largest_max_weight;
    const auto narrow = static_cast<std::uint32_t>(weight);
    return is_weight && gate_.try_admit_at_once(narrow) ? permit(gate_, narrow, {}) : permit();
  }
  [[nodiscard]] result<permit> attempt(std::int64_t weight, time_point now, detail::time_of whose) noexcept;
  [[nodiscard]] result<permit> wait_for(const detail::door_request& asked, const std::stop_token& stop);

  [[nodiscard]] detail::async_door async_door() noexcept { return {&gate_, &timer_}; }

  detail::gate gate_;
  detail::door_timer timer_;  // ends before the gate, which it calls
};

}  // namespace weir
