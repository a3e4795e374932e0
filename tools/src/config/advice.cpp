#include "advice.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <unistd.h>
#include <utility>

#include "rate_terms.hpp"
#include "replay/setting_values.hpp"

namespace weir::tools {

namespace {

using written_here = std::optional<written_value>;

class adviser {
 public:
  explicit adviser(const advised& what)
      : what_(what),
        all_(what.all),
        said_(what.said.written),
        expected_(what.said.expected),
        terms_(what.all.rate.is_unlimited() ? rate_terms(weir::per_second(1), 1)
                                            : rate_terms(what.all.rate, what.all.burst)) {}

  std::vector<finding> contradictions() && {
    check_largest_weight();
    return std::move(found_);
  }

  std::vector<finding> doubts() && {
    check_that_anything_is_limited();
    check_workers_can_be_busy();
    check_overflow();
    check_waiting_weight();
    check_clump();
    if (has_rate()) {
      check_line_within_deadline();
      check_delay_of_timers();
      check_room_for_burst();
      check_arrivals();
    } else if (all_.strict_window) {
      tell({&said_.strict_window}, assigned("strict_window", said_.strict_window) +
                                       ": there is no rate, windows are those of a rate, add one or leave this out");
    }
    check_percent();
    check_trace();
    return std::move(found_);
  }

 private:
  [[nodiscard]] bool has_rate() const { return !all_.rate.is_unlimited(); }
  [[nodiscard]] std::int64_t places() const { return has_line(all_) ? all_.max_waiters : 0; }

  // At the first of these that was written; one is, or the file itself is meant.
  void tell(std::initializer_list<const written_here*> where, std::string text) {
    file_place at{.file = what_.file, .line = 1, .column = 1};
    const auto* const first =
        std::find_if(where.begin(), where.end(), [](const auto* one) { return one->has_value(); });
    if (first != where.end()) at = (**first)->at;
    found_.push_back({std::move(at), std::move(text)});
  }

  // "burst = 5", or "max_waiters is 128 if nothing is said"
  static std::string assigned(std::string_view key, const written_here& value, std::int64_t otherwise = 0) {
    return value ? assignment(key, *value) : std::string(key) + " is " + count_text(otherwise) + " if nothing is said";
  }

  void check_largest_weight() {
    const std::int64_t most = all_.max_weight.value_or(weir::unlimited);
    const std::int64_t heaviest = what_.expected.largest_weight.value_or(0);
    if (heaviest <= most) return;
    tell({&expected_.largest_weight},
         assigned("largest_weight", expected_.largest_weight) + ": max_weight is " + count_text(most) +
             ", what is heavier is refused too_heavy whenever it comes, raise max_weight or split what is so heavy");
  }

  void check_that_anything_is_limited() {
    if (all_.max_tasks <= largest_max_tasks || all_.max_weight.value_or(1) <= largest_max_weight || has_rate()) return;
    tell({&said_.max_tasks, &said_.max_weight},
         "max_tasks and max_weight are unlimited and there is no rate: a pool counts to 16,777,215 tasks and lets in "
         "all up to that, an overload is then paid in memory and in time, set one of the three");
  }

  void check_workers_can_be_busy() {
    const std::int64_t workers = all_.workers;
    const std::string rest = " workers: the others have nothing but forks of these, set at least as many";
    if (all_.max_tasks < workers) {
      tell({&said_.max_tasks, &said_.workers}, assigned("max_tasks", said_.max_tasks) + " is less than the " +
                                                   count_text(workers) + rest + " tasks as workers");
    }
    const std::int64_t most = all_.max_weight.value_or(weir::unlimited);
    if (most < workers) {
      tell({&said_.max_weight}, assigned("max_weight", said_.max_weight) + " is less than the " + count_text(workers) +
                                    " workers, and each request weighs 1 at least: the other workers have nothing but "
                                    "forks and children of these, raise it");
    }
  }

  void check_overflow() {
    const bool drops = all_.overflow == overflow::drop_oldest || all_.overflow == overflow::drop_lowest;
    if (drops && all_.max_waiters == 0) {
      tell({&said_.overflow}, assigned("overflow", said_.overflow) +
                                  ": max_waiters is 0 and nobody is there to be dropped, each newcomer is refused, set "
                                  "max_waiters or leave this out");
    }
    if (all_.overflow == overflow::caller_runs && all_.door == door_verb::block) {
      tell({&said_.overflow},
           assigned("overflow", said_.overflow) +
               " with door = \"block\": the thread that submits waits when the line is full as well, "
               "uncounted, and max_waiters bounds nothing, choose another policy or another door");
    }
  }

  void check_waiting_weight() {
    const std::int64_t heaviest = what_.expected.largest_weight.value_or(0);
    if (heaviest <= all_.max_waiting_weight) return;
    tell({&said_.max_waiting_weight}, assigned("max_waiting_weight", said_.max_waiting_weight) +
                                          ": of requests that weigh up to " + count_text(heaviest) +
                                          " those above it never wait, they are let in at once or refused, raise it");
  }

  // Those who would wait longer than their deadline are refused when they come, so that the line is never that long.
  void check_line_within_deadline() {
    if (!has_line(all_) || !all_.deadline || all_.max_waiters == 0) return;
    const std::int64_t served = terms_.served_before(*all_.deadline);
    if (served >= all_.max_waiters) return;
    if (!said_.max_waiters && served > 0) return;  // nobody has asked for the places that are never used
    const std::string remedy = served == 0 ? "nobody who has to wait is served in time, raise the rate or the deadline"
                                           : "those behind the first " + count_text(served) +
                                                 " are refused expired when they come, so many places are enough";
    tell({&said_.max_waiters, &said_.rate}, assigned("max_waiters", said_.max_waiters, all_.max_waiters) + ": at " +
                                                to_string(all_.rate) + " the last in line would wait " +
                                                tick_text(terms_.time_of(all_.max_waiters)) + ", the deadline is " +
                                                exact_text(*all_.deadline) + ", " + remedy);
  }

  void check_delay_of_timers() {
    if (!has_line(all_)) return;
    for (const auto& [late, host] : {std::pair<duration, const char*>{quiet_delay, "50 us late on a quiet host"},
                                     {busy_delay, "up to 1 ms late on a busy host"}}) {
      const std::int64_t reached = terms_.percent_reached(late);
      if (reached >= 90) continue;
      return tell({&said_.burst}, assigned("burst", said_.burst) + ": the timer that lets in those who wait is " +
                                      host + ", at " + to_string(all_.rate) + " they reach " + std::to_string(reached) +
                                      " % of the rate, a burst of " + count_text(terms_.burst_for(busy_delay)) +
                                      " loses nothing");
    }
  }

  void check_room_for_burst() {
    if (all_.overflow == overflow::caller_runs && all_.door != door_verb::try_submit) return;
    const std::int64_t room = all_.max_tasks > largest_max_tasks ? all_.max_tasks : all_.max_tasks + places();
    if (all_.burst <= room) return;
    tell({&said_.burst}, assigned("burst", said_.burst) + ": of so many at once at least " +
                             count_text(all_.burst - room) + " are refused, max_tasks" +
                             (places() > 0 ? " and max_waiters have" : " has") + " room for " + count_text(room) +
                             ", raise the one or lower the other");
  }

  void check_arrivals() {
    const auto& rate = what_.expected.rate;
    if (!rate || !is_faster(*rate, all_.rate)) return;
    tell({&expected_.rate}, assigned("rate", expected_.rate) + ": the limits let in " + to_string(all_.rate) +
                                ", in the long run at most " + std::to_string(terms_.percent_let_in_of(*rate)) +
                                " % of these enter, raise the limit if the others are wanted");
  }

  // What enters of many that come in the same moment: as many as there is room for, and tokens.
  void check_clump() {
    const std::int64_t at_once = what_.expected.at_once.value_or(0);
    std::pair<std::int64_t, const char*> enter{all_.max_tasks, "max_tasks"};
    enter = std::min(enter, {all_.max_weight.value_or(weir::unlimited), "max_weight"});
    if (has_rate()) enter = std::min(enter, {all_.burst, "burst"});
    if (at_once <= enter.first) return;
    const bool blocks = has_line(all_) && all_.overflow == overflow::caller_runs;
    if (at_once - enter.first > places() && !blocks) {
      const std::string remedy = std::string(", raise ") + enter.second + (has_line(all_) ? " or max_waiters" : "");
      tell({&expected_.at_once},
           assigned("at_once", expected_.at_once) + ": " + count_text(enter.first) + " enter at once, by " +
               enter.second + ", and " + (places() > 0 ? count_text(places()) + " can wait" : "nobody waits") +
               ", at least " + count_text(at_once - enter.first - places()) + " of these are refused" + remedy);
    } else if (has_rate() && all_.deadline && at_once > all_.burst &&
               terms_.served_before(*all_.deadline) < at_once - all_.burst) {
      tell({&expected_.at_once}, assigned("at_once", expected_.at_once) + ": behind a burst of " +
                                     count_text(all_.burst) + " the last of these would wait " +
                                     tick_text(terms_.time_of(at_once - all_.burst)) + ", the deadline is " +
                                     exact_text(*all_.deadline) + ", raise the burst");
    }
  }

  void check_percent() {
    if (all_.cancel_percent > 0 && all_.cancel_percent < 1) {
      tell({&said_.cancel}, assigned("cancel", said_.cancel) +
                                ": this is less than one percent, 5 is 5 % and 0.05 is " +
                                "one in two thousand, check that a share in percent was meant");
    }
  }

  // Only a doubt: it may be there where the replay is started.
  void check_trace() {
    if (all_.trace.empty() || ::access(all_.trace.c_str(), R_OK) == 0) return;
    tell({&said_.trace}, assigned("trace", said_.trace) + ": it cannot be read (" + std::strerror(errno) +
                             "), a name is looked up from where weir is started, check the path");
  }

  const advised& what_;
  const settings& all_;
  const written_settings& said_;
  const written_traffic& expected_;
  const rate_terms terms_;  // where there is a rate
  std::vector<finding> found_;
};

}  // namespace

bool has_line(const settings& all) noexcept {
  return all.door != door_verb::try_submit && (all.max_waiters > 0 || all.overflow == overflow::caller_runs);
}

std::vector<finding> contradictions(const advised& what) { return adviser(what).contradictions(); }

std::vector<finding> doubts(const advised& what) { return adviser(what).doubts(); }

}  // namespace weir::tools
