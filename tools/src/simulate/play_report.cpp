// A play as text.
#include "play_report.hpp"

#include <initializer_list>

#include "columns.hpp"
#include "replay/setting_values.hpp"

namespace weir::tools {

namespace {

std::string number_cell(std::uint64_t count) { return right_cell(count_text(static_cast<std::int64_t>(count)), 12); }

double share_of(double part, double whole) { return whole > 0 ? part / whole : 0; }

std::string line_of(const std::string& label, std::uint64_t count, const std::string& more = {}) {
  return "  " + left_cell(label, 22) + number_cell(count) + (more.empty() ? "" : "   " + more) + '\n';
}

std::string titles(const std::string& title, std::initializer_list<const char*> columns) {
  std::string line = '\n' + left_cell(title, 24);
  for (const char* const column : columns) line += right_cell(column, 12);
  return line + '\n';
}

std::string outcome_lines(const play_result& seen) {
  const auto all = static_cast<double>(seen.submitted);
  const auto part = [all](std::uint64_t count) { return share_text(share_of(static_cast<double>(count), all)); };
  std::string text = titles("outcomes", {"requests"});
  text += line_of("submitted", seen.submitted);
  text += line_of("admitted", seen.admitted, part(seen.admitted));
  text += line_of("  after a wait", seen.waited);
  text += line_of("  completed", seen.completed);
  if (seen.expired > 0) text += line_of("  expired", seen.expired);
  text += line_of("refused", seen.refused_in_all(), part(seen.refused_in_all()));
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    if (seen.refused[i] > 0)
      text += line_of("  " + std::string(to_string(static_cast<refusal_reason>(i))), seen.refused[i]);
  }
  if (seen.children > 0) {
    text += line_of("children", seen.children);
    text += line_of("  for want of a task inline", seen.children_inline);
  }
  return text;
}

std::string times_of_play(const play_report& of) {
  std::string text = titles("times", {"p50", "p99", "p99.9", "max"});
  const auto line = [&text](const char* label, const times& all) {
    text += "  " + left_cell(label, 22);
    for (const std::chrono::nanoseconds time : {all.p50, all.p99, all.p999, all.max})
      text += right_cell(time_text(time), 12);
    text += '\n';
  };
  line("at the door", of.seen.at_door);
  if (of.workers != 0) line("to the start", of.seen.queue);
  line("to the end", of.seen.latency);
  return text;
}

std::string use_lines(const play_report& of) {
  const std::vector<limit_use> uses = uses_of(of);
  if (uses.empty()) return "\nno limits\n";
  std::string text = titles("limits", {"limit", "mean use", "most", "binds", "refused"});
  for (const limit_use& one : uses) {
    text += "  " + left_cell(one.name, 22) + right_cell(count_text(static_cast<std::int64_t>(one.limit)), 12) +
            right_cell(share_text(one.mean), 12) + right_cell(one.most > 0 ? share_text(one.most) : "", 12) +
            right_cell(one.name == "max_waiters" ? "" : share_text(one.bound_share), 12) + number_cell(one.refused) +
            '\n';
  }
  return text;
}

std::string slice_lines(const play_report& of) {
  std::string text = titles("over time", {"submitted", "admitted", "refused", "tasks", "weight", "waiting", "binds"});
  double from = 0;
  for (const play_slice& one : of.seen.slices) {
    std::string binds;
    constexpr std::array<const char*, bound_count> names{"tasks", "weight", "rate"};
    for (std::size_t i = 0; i < bound_count; ++i) {
      const double share = share_of(one.bound_seconds[i], one.seconds);
      if (share >= 0.0005) binds += (binds.empty() ? "" : ", ") + std::string(names[i]) + ' ' + share_text(share);
    }
    const auto mean = [&one](double sum) {
      char digits[32];
      std::snprintf(digits, sizeof digits, "%.1f", share_of(sum, one.seconds));
      return right_cell(digits, 12);
    };
    text += "  " + left_cell("from " + time_text(std::chrono::nanoseconds(static_cast<std::int64_t>(from * 1e9))), 22) +
            number_cell(one.submitted) + number_cell(one.admitted) + number_cell(one.refused) + mean(one.task_seconds) +
            mean(one.weight_seconds) + mean(one.waiter_seconds) + right_cell(binds.empty() ? "-" : binds, 12) + '\n';
    from += one.seconds;
  }
  return text;
}

std::string pressure_line(const play_report& of) {
  const pressure_seen& seen = of.seen.pressure;
  const double share = share_of(static_cast<double>(seen.high.count()), static_cast<double>(of.seen.simulated.count()));
  char mark[32];
  std::snprintf(mark, sizeof mark, "%g %%", 100 * of.door.warn_at);
  return "\npressure: high " + count_text(static_cast<std::int64_t>(seen.times)) +
         (seen.times == 1 ? " time, " : " times, ") + share_text(share) + " of the time, from " + mark +
         " of a limit on\n";
}

std::string speed_line(const play_result& seen) {
  const double factor = share_of(static_cast<double>(seen.simulated.count()), static_cast<double>(seen.wall.count()));
  return "\nsimulated " + time_text(seen.simulated) + " in " + time_text(seen.wall) + ", " +
         count_text(static_cast<std::int64_t>(factor)) + " times as fast as it was\n";
}

}  // namespace

std::vector<limit_use> uses_of(const play_report& of) {
  const play_slice sum = of.seen.total();
  const auto refused = [&of](std::initializer_list<refusal_reason> reasons) {
    std::uint64_t count = 0;
    for (const refusal_reason why : reasons) count += of.seen.refused[static_cast<std::size_t>(why)];
    return count;
  };
  const auto late = [&of](bound by) { return of.seen.too_late[static_cast<std::size_t>(by)]; };
  const auto use = [&](const char* name, std::int64_t limit, double mean, std::int64_t most, std::uint64_t by_it) {
    const auto all = static_cast<double>(limit);
    return limit_use{.name = name,
                     .limit = all,
                     .mean = share_of(share_of(mean, sum.seconds), all),
                     .most = static_cast<double>(most) / all,
                     .bound_share = 0,
                     .refused = by_it};
  };
  std::vector<limit_use> all;
  const limits& door = of.door;
  using enum refusal_reason;
  if (door.max_tasks != unlimited) {
    all.push_back(use("max_tasks", door.max_tasks, sum.task_seconds, of.seen.tasks_seen,
                      refused({tasks_full}) + late(bound::tasks)));
    all.back().bound_share = share_of(sum.bound_seconds[0], sum.seconds);
  }
  if (door.max_weight != unlimited) {
    all.push_back(use("max_weight", door.max_weight, sum.weight_seconds, of.seen.weight_seen,
                      refused({weight_full, too_heavy}) + late(bound::weight)));
    all.back().bound_share = share_of(sum.bound_seconds[1], sum.seconds);
  }
  if (!door.rate.is_unlimited()) {
    const double a_second =
        static_cast<double>(door.rate.events()) * 1e9 / static_cast<double>(door.rate.period().count());
    all.push_back({.name = "rate",
                   .limit = a_second,
                   .mean = share_of(share_of(static_cast<double>(of.seen.admitted), sum.seconds), a_second),
                   .most = 0,
                   .bound_share = share_of(sum.bound_seconds[2], sum.seconds),
                   .refused = refused({rate_limited}) + late(bound::rate)});
  }
  if (door.max_waiters != 0) {
    all.push_back(
        use("max_waiters", door.max_waiters, sum.waiter_seconds, of.seen.waiters_seen, refused({waiters_full, shed})));
  }
  return all;
}

std::string to_text(const play_report& of) {
  std::string text = "weir simulate " WEIR_VERSION ": " + of.input + "\ndoor: " + of.limits + '\n';
  for (const std::string& note : of.notes) text += "note: " + note + '\n';
  text += outcome_lines(of.seen);
  if (of.is_of_flight) {
    text += line_of("recorded admitted", of.recorded_admitted);
    text += line_of("recorded refused", of.recorded_refused);
  }
  return text + times_of_play(of) + use_lines(of) + pressure_line(of) + slice_lines(of) + speed_line(of.seen);
}

}  // namespace weir::tools
