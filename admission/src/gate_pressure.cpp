// How the gate notices that it is nearly full, or no longer, and tells. Read it beside admission/pressure.md.
#include <weir/admission/detail/pressure_watch.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <weir/admission/detail/gate.hpp>
#include <weir/admission/detail/resumption.hpp>
#include <weir/admission/detail/thread_waiter.hpp>

namespace weir {

pressure_marks marks_of(std::int64_t limit, double warn_at) noexcept {
  // But for what a double cannot tell: 0.07 * 100 is more than 7.
  const auto used = static_cast<std::int64_t>(std::ceil(static_cast<double>(limit) * warn_at - 1e-6));
  const std::int64_t high = std::clamp<std::int64_t>(used, 1, limit);
  return {.high = high, .low = high - std::max<std::int64_t>(high / 8, 1)};
}

}  // namespace weir

namespace weir::detail {

// ---- the state

void pressure_watch::level::set(std::int64_t limit, std::int64_t free_of, double warn_at) noexcept {
  constexpr std::int64_t never = std::numeric_limits<std::int64_t>::min();
  const pressure_marks used = limit != 0 ? marks_of(limit, warn_at) : pressure_marks{};
  mark.store(limit != 0 ? free_of - used.high : never, memory_order_relaxed);
  relief.store(limit != 0 ? free_of - used.low : never, memory_order_relaxed);
}

void pressure_watch::set_marks(const bounds& of, double warn_at) noexcept {
  warn_at_ = warn_at;
  tasks_.set(of.tasks, of.tasks, warn_at);
  weight_.set(of.weight, of.weight, warn_at);
  line_.set(of.waiters, 0, warn_at);  // what is free is told as less than none are taken
}

void pressure_watch::tell(const gate& of) noexcept {
  if (untold_.fetch_add(1, memory_order_acq_rel) != 0) return;  // (2)
  for (std::uint32_t told = 1; told != 0;) {
    if (const bool high = is_high(); high != was_told_) {
      was_told_ = high;
      call(of.pressure_now(high));
    }
    told = untold_.fetch_sub(told, memory_order_acq_rel) - told;  // (2)
  }
}

void pressure_watch::call(const pressure& with) noexcept {
  const bool could_block = this_thread_may_block();
  set_this_thread_may_block(false);
  try {
    handler_(with);
  } catch (...) {  // dropped, as it says
  }
  set_this_thread_may_block(could_block);
}

// ---- the gate's part

pressure_watch::filling gate::filled() const noexcept {
  const capacity::view seen = capacity_.load();  // acquire, and before the state: (1) of pressure_watch
  return {.tasks_free = seen.tasks_free, .weight_free = seen.weight_free, .waiting = waiting()};
}

// After a step that may have taken room or made some.
void gate::note_pressure() noexcept {
  bool has_changed = false;
  while (pressure_->disagrees(filled())) {
    // What the stocks have looks as if it were held; from here on nothing stays there.
    const bool asks = stock_ != nullptr && !pressure_->is_high();
    if (asks) stock_->ask();
    while (asks && !recall()) thread_yield();  // attempts are about to end
    has_changed = follow_pressure(asks) || has_changed;
  }
  if (has_changed) pressure_->tell(*this);
}

// True if the state is another one now. Somebody asks for what is spare as long as it is high: who makes it so.
bool gate::follow_pressure(bool asks) noexcept {
  const lock_guard held(mutex_);
  sweep_credits();
  const bool was_high = pressure_->is_high();
  const bool is_sure = was_high || asks || stock_ == nullptr;
  const bool is_high = was_high != (is_sure && pressure_->disagrees(filled()));
  for (int asking = int{asks} + int{was_high}; stock_ != nullptr && asking > int{is_high}; --asking) {
    stock_->ask_no_more();
  }
  if (is_high == was_high) return false;
  pressure_->set_high(is_high);
  capacity_.meet();
  return true;
}

pressure gate::pressure_now(bool is_high) const noexcept {
  return {.is_high = is_high,
          .tasks = tasks_in_use(),
          .max_tasks = counts_tasks_ ? max_tasks() : std::int64_t{unlimited},
          .weight = weight_in_use(),
          .max_weight = counts_weight_ ? max_weight_.load(memory_order_relaxed) : std::int64_t{unlimited},
          .waiting = waiting(),
          .max_waiters = max_waiters()};
}

void gate::move_marks(double warn_at) noexcept {
  if (pressure_ == nullptr) return;
  pressure_->set_marks(
      {.tasks = max_tasks(), .weight = max_weight_.load(memory_order_relaxed), .waiters = max_waiters()}, warn_at);
  credits_allowed_ = credits_allowed_ && pressure_watch::allows_credits(warn_at);
  capacity_.meet();
}

// ---- steps that are shorter where nobody is told

void gate::give_back_observed(flight_op what, std::uint32_t weight, demand held) noexcept {
  const resumption_scope afterwards;  // what goes on by this may end the gate
  if (flight_ != nullptr) return give_back_recorded(what, weight, held);
  give_back_final(held);
  note_pressure();
}

bool gate::try_add_child_observed() noexcept {
  const resumption_scope afterwards;
  const bool taken = flight_ != nullptr ? try_add_child_recorded() : take_child();
  if (pressure_ != nullptr) note_pressure();
  return taken;
}

}  // namespace weir::detail
