// What the templates of the pool call: passages past the door, and the ways from there into a pool's inside.
#include <weir/scheduler/detail/submission.hpp>

#include <span>
#include <utility>

#include <weir/scheduler/this_task.hpp>

#include "core.hpp"
#include "door_wait.hpp"

namespace weir::detail {

result<passage> enter(core& into, verb how, const submit_options& options, stamp wanted, deadline patience) {
  return into.enter(how, options, wanted, patience, into.timing().takes_next());
}

result<passage> enter_timed(core& into, verb how, const submit_options& options, stamp wanted, bool is_timed,
                            launch_batch* unlaunched) {
  return into.enter(how, options, wanted, {}, is_timed, unlaunched);
}

bool is_to_be_timed(core& in) noexcept { return in.timing().takes_next(); }

short_passage::short_passage(core& into, const submit_options& options) noexcept
    : core_(&into),
      weight_(static_cast<std::uint32_t>(options.weight)),
      lane_(options.priority),
      is_timed_(into.timing().takes_next()),
      is_open_(!is_timed_ && into.enter_at_once(options)) {}

void short_passage::launch(frame& f) && noexcept {
  is_open_ = false;
  core_->insert(f, lane_);
}

void short_passage::fail(frame& f, std::exception_ptr error) && noexcept {
  is_open_ = false;
  core_->door().release(weight_);
  core_->failed_to_enter(f, std::move(error));
}

void short_passage::leave_unused() noexcept {
  core_->forget(passage::kind::admitted);
  core_->door().release(weight_);
}

void passage::launch(frame& f) && noexcept {
  core& into = *std::exchange(core_, nullptr);
  switch (how_) {
    case kind::refused:
      break;
    case kind::admitted:
      into.launch_admitted(f, lane_, stamp_);
      break;
    case kind::admitted_for_caller:
      into.launch_on_caller(f, stamp_);
      break;
    case kind::must_wait:
      into.launch_waiting(f, *std::exchange(place_, nullptr));
      break;
  }
}

void passage::hold(tracked_frame& f) && noexcept {
  f.weight = weight_;
  std::exchange(core_, nullptr)->admit(f, stamp_);
}

frame& passage::admit(frame& f) && noexcept {
  std::exchange(core_, nullptr)->admit(f, stamp_);
  return f;
}

void launch_batch::flush() noexcept {
  if (const std::size_t count = std::exchange(count_, 0); count != 0) {
    core_->insert_all(std::span(frames_).first(count), lane_);
  }
}

void passage::fail(frame& f, std::exception_ptr error) && noexcept {
  core& into = *core_;
  give_back();
  into.failed_to_enter(f, std::move(error));
}

void passage::leave_unused() noexcept {
  core_->forget(how_);
  give_back();
}

void passage::give_back() noexcept {
  core& into = *std::exchange(core_, nullptr);
  if (has_timer_) into.timers().return_room();
  switch (how_) {
    case kind::refused:
      break;
    case kind::admitted:
    case kind::admitted_for_caller:
      into.door().release(weight_);
      break;
    case kind::must_wait:
      delete std::exchange(place_, nullptr);
      into.door().cancel_reservation(weight_);
      break;
  }
}

trace_id trace_of(const submit_options& options) noexcept { return options.trace ? options.trace : this_task::trace(); }

bool is_inside(const core& pool) noexcept { return !pool.is_forked() && pool.is_inside(); }

void adopt(core& pool, tracked_frame& f) { pool.adopt(f); }
void undo_adoption(core& pool, tracked_frame& f) noexcept { pool.undo_adoption(f); }

void run_inline(core& pool, tracked_frame& f) noexcept { pool.run_adopted(f); }

}  // namespace weir::detail
