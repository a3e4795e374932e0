// What a group adds to what it is part of: a deadline, a trace, and outside of tasks a permit. A frame without a
// callable, so that the clock thread, which may still look at it when the group has ended, finds what it knows.
#pragma once

#include <optional>

#include <weir/scheduler/detail/frame.hpp>

#include "tasks_on_callers.hpp"

namespace weir::detail {

struct group_scope final : tracked_frame {
  group_scope(task_name called, const std::source_location& from) noexcept
      : tracked_frame(table, task_state::phase::running, 0, called, from) {
    state.announce_groups();
  }

  /// For a root, which is on no worker: names it in reports.
  std::optional<tasks_on_callers::entry> shown;

 private:
  static const frame_ops table;
};

inline constexpr frame_ops group_scope::table{.run = nullptr,
                                              .drop = nullptr,
                                              .on_admit = nullptr,
                                              .keep_error = nullptr,
                                              .free = [](frame& f) noexcept { delete static_cast<group_scope*>(&f); },
                                              .kind = frame_kind::tracked};

}  // namespace weir::detail
