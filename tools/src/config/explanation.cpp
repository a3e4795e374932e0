#include "explanation.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "rate_terms.hpp"
#include "replay/setting_values.hpp"

namespace weir::tools {

namespace {

using namespace std::chrono_literals;

struct named_time {
  const char* name;
  duration length;
};
constexpr std::array<named_time, 4> usual_windows{{{"second", 1s}, {"minute", 1min}, {"hour", 1h}, {"day", 24h}}};

std::string counted(std::int64_t number, const std::string& one, const std::string& many) {
  return count_text(number) + ' ' + (number == 1 ? one : many);
}

class explainer {
 public:
  explicit explainer(const advised& what) : what_(what), all_(what.all), said_(what.said.written) {}

  std::vector<std::string> explain() && {
    explain_workers();
    explain_tasks();
    explain_weight();
    explain_rate();
    explain_line();
    explain_overflow();
    explain_order();
    explain_breaker();
    explain_pressure();
    explain_door();
    explain_deadline();
    explain_flight();
    explain_traffic();
    return std::move(lines_);
  }

 private:
  // The setting, its value, and where it comes from if nobody wrote it.
  void tell(const std::string& head, const std::optional<written_value>& value, const std::string& otherwise,
            const std::string& sentences) {
    lines_.push_back(head + (value ? "" : " (" + otherwise + ')') + ": " + sentences);
  }

  [[nodiscard]] bool has_rate() const { return !all_.rate.is_unlimited(); }
  [[nodiscard]] rate_terms terms() const { return {all_.rate, all_.burst}; }

  void explain_workers() {
    tell("workers " + count_text(all_.workers), said_.workers, "the CPUs of this host",
         "at most " + counted(all_.workers, "request runs", "requests run") + " at a time");
  }

  void explain_tasks() {
    constexpr const char* otherwise = "64 x workers";
    if (all_.max_tasks > largest_max_tasks) {
      return tell("max_tasks unlimited", said_.max_tasks, otherwise,
                  "as many requests are queued as come; a pool counts to " + count_text(largest_max_tasks));
    }
    const std::int64_t queued = std::max<std::int64_t>(all_.max_tasks - all_.workers, 0);
    tell("max_tasks " + count_text(all_.max_tasks), said_.max_tasks, otherwise,
         "at most " + counted(all_.max_tasks, "request is", "requests are") +
             " queued or running, children that they spawn included; while all workers are busy at most " +
             count_text(queued) + " of them " + (queued == 1 ? "is" : "are") + " queued");
  }

  void explain_weight() {
    if (!all_.max_weight) {
      return tell("max_weight", said_.max_weight, "16 x median weight x workers",
                  "known when the requests of a replay have been read");
    }
    const std::int64_t most = *all_.max_weight;
    if (most > largest_max_weight) return tell("max_weight unlimited", said_.max_weight, "", "weights are not counted");
    std::string sentences = "the requests that were let in weigh at most " + count_text(most) +
                            " together, until they have ended; a heavier one is refused too_heavy at once";
    if (const auto heaviest = what_.expected.largest_weight) {
      sentences += "; of the heaviest, " + count_text(*heaviest) + " each, " +
                   counted(most / *heaviest, "fits", "fit") + " at a time";
    }
    tell("max_weight " + count_text(most), said_.max_weight, "", sentences);
  }

  void explain_rate() {
    if (!has_rate()) {
      return tell("rate unlimited", said_.rate, "nothing is said",
                  "requests enter as fast as they come, up to the other limits");
    }
    const rate_terms rate = terms();
    const auto fits = [&rate](const named_time& one) { return rate.interval() <= ticks_of(one.length); };
    const auto* window = std::find_if(usual_windows.begin(), usual_windows.end(), fits);
    if (window == usual_windows.end()) --window;
    std::string sentences = "one every " + tick_text(rate.interval());
    if (rate.is_rounded()) sentences += ", rounded up to 1/64 ns";
    sentences += "; after " + tick_text(rate.time_of(all_.burst)) + " of quiet " + count_text(all_.burst) +
                 " may come at once; in any " + window->name + " at most " +
                 count_text(rate.most_within(window->length));
    if (all_.strict_window) {
      sentences += ", and by any outside clock " + count_text(rate.most_within(window->length + 1ms)) +
                   ", since strict_window is set";
    } else {
      sentences += ", by the limiter's own times of admission";
    }
    sentences += "; a request counts one, whatever it weighs";
    tell("rate " + to_string(all_.rate) + ", burst " + count_text(all_.burst), said_.rate, "", sentences);
    if (!has_line(all_)) return;
    const std::int64_t reached = rate.percent_reached(busy_delay);
    if (reached >= 99) {
      lines_.push_back("  who waits reaches " + std::to_string(reached) +
                       " % of the rate, also where a timer is 1 ms late");
    } else {
      lines_.push_back("  who waits reaches " + std::to_string(rate.percent_reached(quiet_delay)) +
                       " % of the rate where a timer is 50 us late, as on a quiet host, and " +
                       std::to_string(reached) + " % where it is 1 ms late; a burst of " +
                       count_text(rate.burst_for(busy_delay)) + " loses nothing");
    }
  }

  void explain_line() {
    if (all_.door == door_verb::try_submit) return;
    const std::string head = "max_waiters " + count_text(all_.max_waiters);
    constexpr const char* otherwise = "64 x workers";
    if (all_.max_waiters == 0) return tell(head, said_.max_waiters, otherwise, "no place to wait at the door");
    std::string sentences = "so many may wait at the door in one line, in their order";
    if (!has_rate()) {
      return tell(head, said_.max_waiters, otherwise,
                  sentences + ", for room; how long that takes is up to those that run");
    }
    const rate_terms rate = terms();
    sentences += "; at this rate the last in a full line waits " + tick_text(rate.time_of(all_.max_waiters)) +
                 ", longer if there is no room either";
    if (all_.deadline) {
      const std::int64_t served = rate.served_before(*all_.deadline);
      sentences += "; within the deadline of " + exact_text(*all_.deadline) + " the rate can serve ";
      if (served >= all_.max_waiters) {
        sentences += "all of them";
      } else {
        sentences +=
            served == 0 ? "none of them, and who would have to wait is refused expired at once"
                        : "the first " + count_text(served) + ", and who comes behind these is refused expired at once";
      }
    }
    tell(head, said_.max_waiters, otherwise, sentences);
  }

  void explain_order() {
    if (all_.door == door_verb::try_submit) return;
    const auto so_often = [](const char* what, std::int64_t n) {
      if (n == 0) return std::string("never ") + what;
      return what + (n > largest_max_tasks ? " any number of times" : " at most " + counted(n, "time", "times"));
    };
    const auto named = [](const char* key, std::int64_t n) {
      return std::string(key) + ' ' + (n == weir::unlimited ? std::string("unlimited") : count_text(n));
    };
    if (said_.max_waiting_weight && all_.max_waiting_weight != weir::unlimited) {
      const std::string most = count_text(all_.max_waiting_weight);
      tell("max_waiting_weight " + most, said_.max_waiting_weight, "",
           "those who wait at the door weigh at most " + most + " together; a heavier one never waits");
    }
    if (said_.priority_ageing) {
      tell(named("priority_ageing", all_.priority_ageing), said_.priority_ageing, "",
           "one that waits is " + so_often("passed", all_.priority_ageing) +
               " by those who come later with a priority one level higher" +
               (all_.priority_ageing == 0 ? "" : ", and twice as often by those two levels higher") +
               "; in a replay all have one priority");
    }
    if (said_.max_bypass) {
      tell(named("max_bypass", all_.max_bypass), said_.max_bypass, "",
           "one that waits for weight is " + so_often("overtaken", all_.max_bypass) +
               " by lighter ones behind it for which there is room");
    }
  }

  void explain_breaker() {
    if (all_.breaker.consecutive_expired == 0) return;
    const std::string most = count_text(all_.breaker.consecutive_expired);
    tell("breaker_expired " + most + ", breaker_pause " + exact_text(all_.breaker.pause), said_.breaker_expired, "",
         "when " + counted(all_.breaker.consecutive_expired, "request has", "requests have") +
             " expired in a row, in line or running, who comes is refused breaker_open for " +
             exact_text(all_.breaker.pause) + "; after that one more expiry shuts it again, unless one ends in time");
  }

  void explain_pressure() {
    if (!all_.warn_at) return;
    std::string where;
    const auto add = [&](std::int64_t limit, const char* what) {
      if (limit < 1 || limit == weir::unlimited) return;
      const pressure_marks marks = marks_of(limit, *all_.warn_at);
      where +=
          (where.empty() ? "" : ", ") + count_text(marks.high) + ' ' + what + " (until " + count_text(marks.low) + ')';
    };
    add(all_.max_tasks, "tasks");
    if (all_.max_weight) add(*all_.max_weight, "of weight");
    if (all_.door != door_verb::try_submit) add(all_.max_waiters, "waiters");
    if (where.empty()) where = "no limit that can be reached";
    tell("warn_at " + said_.warn_at->text, said_.warn_at, "", "the door counts as nearly full from " + where);
  }

  void explain_overflow() {
    if (all_.door == door_verb::try_submit) return;
    const std::string places =
        all_.max_waiters == 0 ? "who would have to wait" : "who comes when all these places are taken";
    const auto policy = [&](const char* name, const std::string& sentences) {
      tell(std::string("overflow ") + name, said_.overflow, "nothing is said", places + sentences);
    };
    if (all_.max_waiters == 0 && (all_.overflow == overflow::drop_oldest || all_.overflow == overflow::drop_lowest)) {
      return policy(all_.overflow == overflow::drop_oldest ? "drop_oldest" : "drop_lowest",
                    " is refused waiters_full, since nobody is there to be dropped");
    }
    switch (all_.overflow) {
      case overflow::reject_new:
        return policy("reject_new", " is refused waiters_full");
      case overflow::drop_oldest:
        return policy("drop_oldest", " takes the place of the one that has waited longest, which is refused shed");
      case overflow::drop_lowest:
        return policy("drop_lowest",
                      " takes the place of the newest of the lowest priority, if its own is higher, and else is "
                      "refused waiters_full; in a replay all have one priority");
      case overflow::caller_runs:
        return policy("caller_runs",
                      " waits with the thread that submits, which then runs it itself; in a replay that thread is the "
                      "only one, and submits nothing meanwhile");
    }
  }

  void explain_door() {
    constexpr std::array<const char*, 3> sentences{
        "who is over a limit is refused at once; nobody waits, and max_waiters and overflow are not looked at",
        "a request that is over a limit waits by itself; the thread that submits it goes on",
        "the thread that submits a request waits while it is over a limit"};
    tell("door " + std::string(to_string(all_.door)), said_.door, "nothing is said",
         sentences[static_cast<std::size_t>(all_.door)]);
  }

  void explain_deadline() {
    if (!all_.deadline) {
      return tell("deadline none", said_.deadline, "", "a request waits and runs for as long as it takes");
    }
    tell(
        "deadline " + exact_text(*all_.deadline), said_.deadline, "nothing is said",
        "of each request, from its arrival on, for waiting, queueing and running together; one that has not started by "
        "then never does, and one that runs is asked to stop");
  }

  void explain_flight() {
    if (all_.flight_entries == 0) return;
    constexpr std::int64_t bytes = 64;
    tell("flight_entries " + count_text(all_.flight_entries), said_.flight_entries, "for the flight",
         "the last " + count_text(all_.flight_entries) + " steps of the door are kept, in " +
             count_text(all_.flight_entries * bytes / 1'000) +
             " kB; each of them takes the lock of the door, which makes an admission about three times as dear");
  }

  void explain_traffic() {
    const traffic& expected = what_.expected;
    if (expected.rate && has_rate()) {
      lines_.push_back("traffic of " + to_string(*expected.rate) + ": it uses " +
                       count_text(terms().percent_used_by(*expected.rate)) + " % of the rate");
    }
    if (expected.at_once && has_rate()) explain_clump(*expected.at_once);
  }

  void explain_clump(std::int64_t at_once) {
    const std::int64_t behind = std::max<std::int64_t>(at_once - all_.burst, 0);
    std::int64_t served = has_line(all_) ? behind : 0;
    if (all_.overflow != overflow::caller_runs) served = std::min(served, all_.max_waiters);
    if (all_.deadline) served = std::min(served, terms().served_before(*all_.deadline));
    std::string sentences = "the burst lets in " + count_text(at_once - behind);
    if (served > 0) {
      sentences += ", and the rate " + count_text(served) + " that wait, the last " +
                   tick_text(terms().time_of(served)) + " later";
    }
    const std::int64_t refused = behind - served;
    if (refused > 0) sentences += "; " + counted(refused, "is", "are") + " refused";
    lines_.push_back("traffic of " + count_text(at_once) + " at once: where there is room for them " + sentences);
  }

  const advised& what_;
  const settings& all_;
  const written_settings& said_;
  std::vector<std::string> lines_;
};

}  // namespace

std::vector<std::string> explanation(const advised& what) { return explainer(what).explain(); }

}  // namespace weir::tools
