#include <weir/admission/detail/async_wait.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>

#include <weir/admission/detail/asked.hpp>

namespace weir::detail {
namespace {

door_request request_of(const acquire_options& asked) noexcept {
  return {.weight = static_cast<std::uint32_t>(asked.weight),  // checked before it is looked at
          .priority = static_cast<std::uint8_t>(asked.priority),
          .may_wait = true,
          .deadline = asked.deadline,
          .patience = asked.until};
}

}  // namespace

std::optional<result<admission>> async_door::look(const acquire_options& asked) const noexcept {
  if (const auto wrong = check_weight(*at, asked.weight)) return *wrong;
  if (const auto wrong = check_priority(asked.priority)) return *wrong;
  const door_request request = request_of(asked);
  gate::verdict v{.granted = false, .why = refusal_reason::cancelled, .stamp = {}, .retry_after = {}};
  if (!asked.stop.stop_requested()) v = at->try_admit(request, at->clock().now());
  if (v.granted) return admission{v.stamp, v.took_token};
  if (gate::is_worth_waiting(v.why)) return std::nullopt;
  return at->explain(v, request);
}

result<void> async_door::take_place(const acquire_options& asked) const {
  timer_thread& keeper = timer->started();
  at->prepare_alarm();
  keeper.promise_room();
  struct room {
    timer_thread* of;
    ~room() {
      if (of != nullptr) of->return_room();
    }
  } unused{&keeper};
  const result<gate::slot> place = at->reserve(request_of(asked));
  if (!place) return place.error();
  if (*place == gate::slot::caller_runs) return at->full_line(request_of(asked));  // there is no caller that could wait
  unused.of = nullptr;
  return {};
}

void async_door::have_timer() const { timer->started().promise_room(); }

void async_door::leave_place(const acquire_options& asked) const noexcept {
  at->cancel_reservation(static_cast<std::uint32_t>(asked.weight));
  timer->started().return_room();
}

async_wait::async_wait(const async_door& where, const acquire_options& asked) noexcept
    : waiter(request_of(asked)), door_(where), asked_(asked), outcome_(refusal{}) {}

async_wait::~async_wait() {
  if (!is_placed_) return;
  std::fputs("weir: a coroutine is destroyed while it waits at a limiter; request its stop and let it finish\n",
             stderr);
  std::terminate();
}

void async_wait::settle(permit in) noexcept {
  outcome_ = admission{in.admitted_at_, in.has_token_};
  in.gate_ = nullptr;  // `finish` makes it again
}

bool async_wait::begin() {
  const resumption_scope afterwards;
  const result<void> place = door_.take_place(asked_);
  if (place) return waits();
  settle(place.error());
  return false;
}

bool async_wait::waits() noexcept {
  if (state_.load(memory_order_relaxed) != 0) {  // relaxed: nobody else is at it
    std::fputs("weir: what async_acquire returns is awaited twice; ask anew for each wait\n", stderr);
    std::terminate();
  }
  is_placed_ = true;
  // Before the join, so that a stop from then on finds it in line; one that was earlier is looked for after it.
  if (asked_.stop.stop_possible()) callback_.emplace(asked_.stop, on_stop{this});
  stand();
  if (asked_.stop.stop_requested()) leave(refusal_reason::cancelled);
  const time_point leave = std::min(asked_.deadline, asked_.until).at();
  if (leave != time_point::max()) door_.timer->started().set(*this, leave);
  return (state_.fetch_or(armed, memory_order_acq_rel) & decided) == 0;  // (1)
}

void async_wait::take_leave() noexcept {
  callback_.reset();  // waits for it, if it runs on another thread
  if (std::exchange(is_placed_, false)) door_.timer->started().remove(*this);
}

result<permit> async_wait::finish() noexcept {
  take_leave();
  if (!outcome_) return outcome_.error();
  return permit_of(door_, asked_, *outcome_);
}

result<void> async_wait::finish_without_permit() noexcept {
  take_leave();
  if (!outcome_) return outcome_.error();
  return {};
}

void async_wait::on_granted(time_point stamp) noexcept {
  outcome_ = admission{stamp, took_token()};
  decide();
}

void async_wait::on_refused(const refusal& why) noexcept {
  outcome_ = why;
  decide();
}

void async_wait::on_time() noexcept {
  const bool is_expired = asked_.deadline <= asked_.until;
  leave(is_expired ? refusal_reason::expired : refusal_reason::timed_out);
}

void async_wait::decide() noexcept {
  if ((state_.fetch_or(decided, memory_order_acq_rel) & armed) != 0) resume_in_turn(*this);  // (1)
}

}  // namespace weir::detail
