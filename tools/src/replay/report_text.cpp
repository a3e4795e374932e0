// The report as text.
#include <algorithm>
#include <cstdio>
#include <initializer_list>

#include "report.hpp"
#include "setting_values.hpp"

namespace weir::tools {

namespace {

std::string padded_left(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string padded_right(const std::string& text, std::size_t width) {
  return text.size() < width ? text + std::string(width - text.size(), ' ') : text;
}

std::string count_text(std::uint64_t count) { return tools::count_text(static_cast<std::int64_t>(count)); }

std::string percent_text(std::uint64_t part, std::uint64_t whole) {
  char text[16];
  std::snprintf(text, sizeof text, "%.1f %%",
                whole > 0 ? 100 * static_cast<double>(part) / static_cast<double>(whole) : 0.0);
  return text;
}

std::string factor_text(std::chrono::nanoseconds of, std::chrono::nanoseconds by) {
  char text[16];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(of.count()) / static_cast<double>(by.count()));
  return text;
}

std::string number_text(double number) {
  if (number == static_cast<double>(static_cast<std::int64_t>(number)))
    return tools::count_text(static_cast<std::int64_t>(number));
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", number);
  return text;
}

std::string share_of_limit(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%g %%", 100 * share);
  return text;
}

std::string count_line(const std::string& label, std::uint64_t count) {
  return "  " + padded_right(label, 22) + padded_left(count_text(count), 12) + '\n';
}

std::string times_line(const std::string& label, const times& all) {
  std::string line = "  " + padded_right(label, 22);
  for (const std::chrono::nanoseconds time : {all.p50, all.p99, all.p999, all.max})
    line += padded_left(time_text(time), 12);
  return line + '\n';
}

std::string heading(const std::string& title, std::initializer_list<const char*> columns) {
  std::string line = '\n' + padded_right(title, 24);
  for (const char* const column : columns) line += padded_left(column, 12);
  return line + '\n';
}

std::string outcomes(const outcome& of) {
  std::string text = heading("outcomes", {"requests"});
  text += "  " + padded_right("submitted", 22) + padded_left(count_text(of.submitted), 12) + "   " +
          rate_text(of.submitted, of.arrivals) + '\n';
  text += "  " + padded_right("admitted", 22) + padded_left(count_text(of.admitted), 12) + "   " +
          percent_text(of.admitted, of.submitted) + '\n';
  text += count_line("  completed", of.completed);
  text += count_line("  failed", of.failed);
  text += count_line("  cancelled", of.cancelled);
  text += count_line("  expired", of.expired);
  text += "  " + padded_right("refused", 22) + padded_left(count_text(of.refused_in_all()), 12) + "   " +
          percent_text(of.refused_in_all(), of.submitted) + '\n';
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    if (of.refused[i] > 0)
      text += count_line("  " + std::string(to_string(static_cast<refusal_reason>(i))), of.refused[i]);
  }
  return text;
}

std::string promises(const report& of) {
  std::string text = '\n' + padded_right("promises", 44) + padded_left("bound", 14) + padded_left("seen", 14) + '\n';
  for (const promise& one : of.promises) {
    text += "  " + padded_right(one.text, 42) + padded_left(number_text(one.bound), 14) +
            padded_left(number_text(one.seen), 14) + (one.held ? "   held\n" : "   BROKEN\n");
  }
  if (of.window) {
    text += "  the own clock lay at most " + time_text(of.window->skew) +
            " behind the limiter's; its windows are longer by that\n";
  }
  return text;
}

template <typename Cell>
std::string row(const std::vector<const outcome*>& columns, const std::string& label, Cell cell) {
  std::string line = "  " + padded_right(label, 32);
  for (const outcome* const one : columns) line += padded_left(cell(*one), 22);
  return line + '\n';
}

std::string side_by_side(const report& of) {
  std::vector<const outcome*> columns{&of.ours};
  for (const outcome& one : of.beside) columns.push_back(&one);
  const auto limit = [](const std::optional<std::int64_t>& value) {
    return value ? tools::count_text(*value) : "unlimited";
  };

  std::string text = '\n' + padded_right("side by side", 34);
  for (const outcome* const one : columns) text += padded_left(one->name, 22);
  text += '\n';
  text += row(columns, "admitted", [](const outcome& one) { return count_text(one.admitted); });
  text += row(columns, "refused", [](const outcome& one) { return count_text(one.refused_in_all()); });
  text += row(columns, "finished in time", [](const outcome& one) { return count_text(one.in_time); });
  text += row(columns, "goodput", [](const outcome& one) { return rate_text(one.in_time, one.wall); });
  text += row(columns, "goodput in weight", [](const outcome& one) { return rate_text(one.in_time_weight, one.wall); });
  text += row(columns, "latency p50", [](const outcome& one) { return time_text(one.latency.p50); });
  text += row(columns, "  of the first third", [](const outcome& one) { return time_text(one.latency_by_third[0]); });
  text += row(columns, "  of the second", [](const outcome& one) { return time_text(one.latency_by_third[1]); });
  text += row(columns, "  of the last", [](const outcome& one) { return time_text(one.latency_by_third[2]); });
  text += row(columns, "latency p99", [](const outcome& one) { return time_text(one.latency.p99); });
  text += row(columns, "latency max", [](const outcome& one) { return time_text(one.latency.max); });
  text += row(columns, "live tasks (" + limit(of.max_tasks) + ")",
              [](const outcome& one) { return tools::count_text(one.tasks_seen); });
  text += row(columns, "live weight (" + limit(of.max_weight) + ")",
              [](const outcome& one) { return tools::count_text(one.weight_seen); });
  text += row(columns, "heaviest tenth admitted",
              [](const outcome& one) { return percent_text(one.heavy_admitted, one.heavy_submitted); });
  text += row(columns, "all admitted", [](const outcome& one) { return percent_text(one.admitted, one.submitted); });
  text += row(columns, "over after", [](const outcome& one) { return time_text(one.wall); });
  text += row(columns, "CPU time", [](const outcome& one) { return time_text(one.cpu); });
  return text;
}

}  // namespace

bool report::all_held() const noexcept {
  return std::all_of(promises.begin(), promises.end(), [](const promise& one) { return one.held; });
}

std::string to_text(const report& of) {
  const outcome& ours = of.ours;
  std::string text = "weir replay " + of.version + ": " + of.input + '\n' + "door: " + of.limits + '\n';
  text += outcomes(ours);
  text += heading("times", {"p50", "p99", "p99.9", "max"});
  text += times_line("latency, if completed", ours.latency);
  text += times_line("queue, if started", ours.queue);
  text += times_line("submitter lag", ours.lag);
  text += promises(of);
  text += '\n' + padded_right("goodput", 10) + rate_text(ours.in_time, ours.wall) + " finished in time, over " +
          time_text(ours.wall) + "; CPU time " + time_text(ours.cpu) + "; peak memory " +
          count_text(of.peak_rss_bytes / 1'000) + " kB; submitter with " + of.priority + '\n';
  if (ours.work_asked.count() > 0) {
    text += padded_right("work", 10) + factor_text(ours.work_took, ours.work_asked) +
            " times its CPU time from start to end\n";
  }
  if (of.pressure) {
    text += padded_right("pressure", 10) + "high " + count_text(of.pressure->times) +
            (of.pressure->times == 1 ? " time, " : " times, ") + time_text(of.pressure->high) + " in all, from " +
            share_of_limit(of.warn_at) + " of a limit on\n";
  }
  if (!of.beside.empty()) text += side_by_side(of);
  if (!of.warnings.empty()) text += '\n';
  for (const std::string& warning : of.warnings) text += "warning: " + warning + '\n';
  text += of.interrupted ? "\ninterrupted and drained; " : "\n";
  text += of.all_held() ? "all promises held\n" : "A PROMISE WAS BROKEN\n";
  return text;
}

}  // namespace weir::tools
