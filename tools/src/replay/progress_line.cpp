// How the lines of progress are written: plain functions of two samples.
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "progress.hpp"
#include "setting_values.hpp"

namespace weir::tools {

namespace {

constexpr const char* green = "\x1b[32m";
constexpr const char* yellow = "\x1b[33m";
constexpr const char* plain = "\x1b[0m";

std::string seconds_text(std::chrono::nanoseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(time).count());
  return text;
}

// "refused 3,100/s: 2,900 timed_out, 200 waiters_full", the most frequent reason first.
std::string refused_text(const progress_sample& now, const progress_sample& before) {
  const std::chrono::nanoseconds time = now.elapsed - before.elapsed;
  std::vector<std::pair<std::uint64_t, refusal_reason>> reasons;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    const std::uint64_t count = now.refused[i] - std::min(now.refused[i], before.refused[i]);
    sum += count;
    if (count > 0) reasons.emplace_back(count, static_cast<refusal_reason>(i));
  }
  std::sort(reasons.begin(), reasons.end(),
            [](const auto& a, const auto& b) { return a.first != b.first ? a.first > b.first : a.second < b.second; });
  std::string text = "refused " + rate_text(sum, time);
  for (const auto& [count, reason] : reasons) {
    text += count == reasons.front().first && reason == reasons.front().second ? ": " : ", ";
    text += rate_text(count, time) + ' ' + std::string(to_string(reason));
  }
  return text;
}

std::string live_text(const progress_sample& now) {
  const bool bounded = now.max_tasks > 0 && now.max_tasks <= largest_max_tasks;
  return "live " + count_text(now.live_tasks) + (bounded ? " of " + count_text(now.max_tasks) : "");
}

std::vector<std::string> figures(const progress_sample& now, const progress_sample& before) {
  return {"admitted " + rate_text(now.admitted - before.admitted, now.elapsed - before.elapsed),
          refused_text(now, before), live_text(now), "queue p99 " + time_text(now.queue_p99)};
}

double share_done(const progress_sample& now) {
  if (now.arrivals_end.count() <= 0) return 1;
  return std::clamp(static_cast<double>(now.elapsed.count()) / static_cast<double>(now.arrivals_end.count()), 0.0, 1.0);
}

std::string time_to_go(const progress_sample& now) {
  return now.elapsed < now.arrivals_end ? "ETA " + seconds_text(now.arrivals_end - now.elapsed) : "draining";
}

}  // namespace

std::string live_line(const progress_sample& now, const progress_sample& before, const progress_style& style) {
  constexpr std::size_t bar_length = 16;
  const double share = share_done(now);
  const auto full = static_cast<std::size_t>(share * bar_length);
  char percent[16];
  std::snprintf(percent, sizeof percent, " %3.0f %%", share * 100);
  const std::string go = std::string(percent) + ' ' + time_to_go(now);

  // Columns are counted apart from the text, since colours take none.
  const std::size_t room = style.width > 0 ? style.width - 1 : 0;  // a full last column would wrap
  std::string line;
  std::size_t used = 0;
  const auto append = [&](const std::string& text, const char* colour) {
    if (used + text.size() > room) return false;
    used += text.size();
    line += style.colour && colour != nullptr ? colour + text + plain : text;
    return true;
  };
  if (!append('[' + std::string(full, '#') + std::string(bar_length - full, '-') + ']', green)) return line;
  if (!append(go, nullptr)) return line;
  const std::vector<std::string> all = figures(now, before);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (append(" | " + all[i], i == 1 ? yellow : nullptr)) continue;
    // The reasons of the refusals are the longest part: rather the sum alone than no more figures.
    if (i != 1 || !append(" | " + all[i].substr(0, all[i].find(':')), yellow)) return line;
  }
  return line;
}

std::string plain_line(const progress_sample& now, const progress_sample& before, const progress_style& style) {
  std::string line = style.name + ": " + seconds_text(now.elapsed) + " of " + seconds_text(now.arrivals_end) +
                     (now.elapsed < now.arrivals_end ? "" : ", draining");
  for (const std::string& figure : figures(now, before)) line += ", " + figure;
  return line;
}

}  // namespace weir::tools
