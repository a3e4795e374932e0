// How a shutdown went.
#pragma once

#include <cstdint>
#include <source_location>
#include <string>
#include <string_view>
#include <vector>

#include <weir/scheduler/task_name.hpp>

namespace weir {

/// A task that was asked to stop and did not.
struct straggler {
  task_name name;
  std::source_location where;  ///< The place of submission.
  int worker = 0;              ///< On which worker it runs; -1 on a thread that is none.
  int depth = 0;  ///< How many tasks the worker has below it on its stack, which it was run by or joined by.
};

struct shutdown_report {
  enum class status : std::uint8_t {
    clean,           ///< All that was admitted ended by itself.
    stopped,         ///< At the deadline some were asked to stop, and all ended.
    stragglers,      ///< Some did not end, and are named.
    would_deadlock,  ///< Called on a worker, in a callback or a handler: the door is closed, nothing was waited for.
    forked,          ///< Called in a forked child: the workers are not in this process.
  };

  status how = status::clean;
  std::vector<straggler> stragglers;  ///< What ran then: by worker, the outermost task first, 32 at most of each.
  std::int64_t live = 0;              ///< Tasks that had not ended.

  [[nodiscard]] bool clean() const noexcept { return how == status::clean; }
};

/// E.g. "stragglers: 1 task(s) did not stop: 'scan' (worker 2, submitted at main.cpp:41)".
[[nodiscard]] std::string to_string(const shutdown_report& report);

}  // namespace weir
