// A pool whose workers' threads never run, for models of its parts: what these would do the threads of the scenario do.
// All of it is the real source, compiled in the explorer's seam, but for the system (stand_ins.cpp, hiding/).
#pragma once

#include <memory>
#include <source_location>
#include <string_view>

#include "core.hpp"
#include "explorer.hpp"
#include "mistakes.hpp"
#include "person.hpp"
#include "run_context.hpp"
#include "task_run.hpp"

namespace model {

class quiet_pool {
 public:
  /// @param made  the mistake that its source makes, in this schedule.
  explicit quiet_pool(int workers, std::string_view made = {}, const weir::clock_source& clock = no_time,
                      const weir::limits& limits = {}, int help_depth = 0)
      : in_((mistake = made, *new weir::detail::core({.workers = workers,
                                                      .limits = limits,
                                                      .clock = &clock,
                                                      .help_depth = help_depth,
                                                      .search_time = weir::duration::zero(),
                                                      .time_slice = weir::duration::zero(),
                                                      .time_one_in = 0}))) {}
  quiet_pool(const quiet_pool&) = delete;
  quiet_pool& operator=(const quiet_pool&) = delete;
  ~quiet_pool() { in_.drop_user(); }

  [[nodiscard]] weir::detail::core& in() { return in_; }
  [[nodiscard]] weir::detail::worker& worker(int index) { return *in_.workers()[static_cast<std::size_t>(index)]; }

 private:
  weir::detail::core& in_;
};

/// The calling thread runs the callable `body` of a task, as core::run_shown does.
/// @param by  the worker that it runs on; null: none.
template <typename Body>
void run_task(weir::detail::core& in, weir::detail::frame& f, weir::detail::worker* by, Body&& body) {
  // Not on the stack, so that who uses it after its end is found out.
  const weir::detail::shown_on_worker shown(by, f, 0);
  const auto here = std::make_unique<weir::detail::run_context>(f, in, by, by != nullptr ? &by->forks() : nullptr, 0);
  body(*here);
  if (f.state.has_callbacks()) in.stops().close(*here);
}

/// A task that runs, and that nobody owns.
class running_task {
 public:
  explicit running_task(weir::detail::core& in)
      : in_(in), frame_(ops(), weir::detail::task_state::phase::running, 0, {}, std::source_location::current()) {
    frame_.pool = &in;
  }

  template <typename Body>
  void run(weir::detail::worker* by, Body&& body) {
    run_task(in_, frame_, by, body);
  }

  [[nodiscard]] weir::detail::tracked_frame& frame() { return frame_; }

 private:
  static const weir::detail::frame_ops& ops() {
    static const weir::detail::frame_ops none{.run = nullptr,
                                              .drop = nullptr,
                                              .on_admit = nullptr,
                                              .keep_error = nullptr,
                                              .free = nullptr,
                                              .kind = weir::detail::frame_kind::tracked};
    return none;
  }

  weir::detail::core& in_;
  weir::detail::tracked_frame frame_;
};

}  // namespace model
