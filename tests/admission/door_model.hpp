// The door as a plain program: one thread, vectors, the definition of each rule and no cleverness. What the gate does
// is compared with it, step by step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <weir/admission/limits.hpp>
#include <weir/admission/refusal.hpp>

#include "admission/bucket_oracle.hpp"

namespace weir::testing {

class door_model {
 public:
  using outcome = std::optional<refusal_reason>;  // empty: granted
  struct answer {
    outcome why;
    duration retry_after = duration::zero();
  };

  /// One that waits, or is inside.
  struct place {
    int id;
    std::uint32_t weight;
    std::uint8_t priority = 1;
    time_point until{};
    time_point since{};
    std::int64_t passed = 0;     // by those of higher priorities
    std::int64_t overtaken = 0;  // by lighter ones
  };

  door_model(const limits& configured, time_point start)
      : limits_(configured), capacity_(configured.max_weight), now_(start) {
    if (!configured.rate.is_unlimited()) tokens_.emplace(configured.rate, configured.burst);
  }

  /// One attempt. Behind those who wait it is refused for what the head lacks, whatever there is for the newcomer.
  /// `id` names the newcomer from here on: `newcomers()` is free.
  answer attempt(int id, std::uint32_t weight) {
    newcomers_ = std::max(newcomers_, id + 1);
    if (closed_) return {refusal_reason::closed};
    if (weight > capacity_) return {refusal_reason::too_heavy};
    const outcome lacks = lack_of(line_.empty() ? weight : line_.front().weight);
    if (lacks == refusal_reason::rate_limited) return {lacks, wait_behind(static_cast<std::int64_t>(line_.size()))};
    if (lacks) return {lacks};
    grant(id, weight);
    return {};
  }

  /// An attempt, and then a wait. The outcome is in `outcomes` once there is one.
  void wait(int id, std::uint32_t weight, std::uint8_t priority, time_point until) {
    const outcome now = attempt(id, weight).why;
    if (!now) return;
    if (*now == refusal_reason::closed || *now == refusal_reason::too_heavy) return refuse(id, *now);
    const place newcomer{.id = id, .weight = weight, .priority = priority, .until = until, .since = now_};
    for (;;) {
      const bool full = static_cast<std::int64_t>(line_.size()) >= limits_.max_waiters ||
                        weight > limits_.max_waiting_weight - waiting_weight();
      const std::set<int> dropped = full ? victims(newcomer) : std::set<int>();
      if (until <= now_ + wait_behind(least_ahead(newcomer, dropped))) return refuse(id, refusal_reason::timed_out);
      if (!full) break;
      if (dropped.empty()) return refuse(id, refusal_reason::waiters_full);
      for (const int one : dropped) refuse(one, refusal_reason::shed);
      std::erase_if(line_, [&](const place& p) { return dropped.contains(p.id); });
      look();
    }
    auto before = line_.end();
    for (; before != line_.begin() && may_pass(newcomer, *(before - 1)); --before) ++(before - 1)->passed;
    line_.insert(before, newcomer);
    look();
  }

  void cancel(std::size_t index) {
    refuse(line_[index].id, refusal_reason::cancelled);
    line_.erase(line_.begin() + static_cast<std::ptrdiff_t>(index));
    look();
  }

  void release(std::size_t index) {
    held_.erase(held_.begin() + static_cast<std::ptrdiff_t>(index));
    look();
  }

  void resize(std::int64_t tasks, std::int64_t capacity) {
    if (closed_) return;
    if (limits_.max_tasks != unlimited) limits_.max_tasks = tasks;
    if (limits_.max_weight != unlimited) capacity_ = capacity;
    std::deque<place> kept;
    for (const place& p : line_) {
      if (p.weight > capacity_) {
        refuse(p.id, refusal_reason::too_heavy);
      } else {
        kept.push_back(p);
      }
    }
    line_ = kept;
    look();
  }

  void close() {
    closed_ = true;
    for (const place& p : line_) refuse(p.id, refusal_reason::closed);
    line_.clear();
  }

  /// Time passes, and whatever becomes due on the way happens at its moment.
  void advance(duration by) {
    const time_point end = now_ + by;
    while (const std::optional<time_point> next = next_event()) {
      if (*next > end) break;
      now_ = *next;
      leave_in_time();
      look();
    }
    now_ = end;
    look();
  }

  [[nodiscard]] time_point now() const { return now_; }
  [[nodiscard]] int newcomers() const { return newcomers_; }
  [[nodiscard]] const std::deque<place>& line() const { return line_; }
  [[nodiscard]] const std::vector<place>& held() const { return held_; }
  [[nodiscard]] const std::map<int, outcome>& outcomes() const { return outcomes_; }
  [[nodiscard]] const std::vector<int>& grants() const { return grants_; }
  [[nodiscard]] std::int64_t held_count() const { return static_cast<std::int64_t>(held_.size()); }
  [[nodiscard]] std::int64_t held_weight() const {
    std::int64_t sum = 0;
    for (const place& p : held_) sum += p.weight;
    return sum;
  }
  [[nodiscard]] std::int64_t waiting_weight() const {
    std::int64_t sum = 0;
    for (const place& p : line_) sum += p.weight;
    return sum;
  }
  /// Whether the first in line lacks this, with or without others.
  [[nodiscard]] bool head_lacks(outcome what) const {
    if (line_.empty() || !what) return false;
    switch (*what) {
      case refusal_reason::tasks_full:
        return held_count() >= limits_.max_tasks;
      case refusal_reason::weight_full:
        return held_weight() + line_.front().weight > capacity_;
      default:
        return *what == refusal_reason::rate_limited && !has_token();
    }
  }
  [[nodiscard]] bool lets_pass() const { return limits_.max_bypass != 0; }
  [[nodiscard]] bool all_windows_hold() const { return !tokens_ || tokens_->all_windows_hold(); }

 private:
  [[nodiscard]] bool has_token() const { return !tokens_ || tokens_->may_take(1, now_); }

  // What one of this weight lacks, if anything.
  [[nodiscard]] outcome lack_of(std::uint32_t weight) const {
    // After a resize, whoever comes and whatever for.
    if (held_count() > limits_.max_tasks) return refusal_reason::tasks_full;
    if (held_weight() > capacity_) return refusal_reason::weight_full;
    if (!has_token()) return refusal_reason::rate_limited;
    if (held_count() >= limits_.max_tasks) return refusal_reason::tasks_full;
    if (held_weight() + weight > capacity_) return refusal_reason::weight_full;
    return {};
  }

  // Of each level between them one that waits lets so many pass.
  [[nodiscard]] bool may_pass(const place& newcomer, const place& waits) const {
    const int levels = newcomer.priority - waits.priority;
    if (levels <= 0) return false;
    return limits_.priority_ageing == unlimited || waits.passed < levels * limits_.priority_ageing;
  }

  // Of those who stay, how many the newcomer will neither stand before nor may overtake.
  [[nodiscard]] std::int64_t least_ahead(const place& newcomer, const std::set<int>& dropped) const {
    std::vector<place> staying;
    for (const place& p : line_) {
      if (!dropped.contains(p.id)) staying.push_back(p);
    }
    while (!staying.empty() && may_pass(newcomer, staying.back())) staying.pop_back();
    return std::count_if(staying.begin(), staying.end(), [&](const place& p) {
      return newcomer.weight >= p.weight || p.overtaken >= limits_.max_bypass;
    });
  }

  // Who makes place, if all of them together would: by age, or the lowest and of those the ones that are furthest back.
  [[nodiscard]] std::set<int> victims(const place& newcomer) const {
    std::vector<place> droppable;
    for (const place& p : line_) {
      const bool may_drop = limits_.overflow == overflow::drop_oldest ||
                            (limits_.overflow == overflow::drop_lowest && p.priority < newcomer.priority);
      if (may_drop) droppable.push_back(p);
    }
    if (limits_.overflow == overflow::drop_oldest) {
      std::stable_sort(droppable.begin(), droppable.end(),
                       [](const place& a, const place& b) { return a.since < b.since; });
    } else {
      std::reverse(droppable.begin(), droppable.end());
      std::stable_sort(droppable.begin(), droppable.end(),
                       [](const place& a, const place& b) { return a.priority < b.priority; });
    }
    std::set<int> dropped;
    std::int64_t left = waiting_weight();
    const auto fits = [&] { return newcomer.weight <= limits_.max_waiting_weight - left; };
    for (const place& p : droppable) {
      if (!dropped.empty() && fits()) break;
      dropped.insert(p.id);
      left -= p.weight;
    }
    return fits() ? dropped : std::set<int>();
  }

  // For the token of one that has `ahead` before it.
  [[nodiscard]] duration wait_behind(std::int64_t ahead) const {
    return tokens_ ? tokens_->earliest(ahead + 1, now_) - now_ : duration::zero();
  }

  void grant(int id, std::uint32_t weight) {
    if (tokens_) tokens_->took(1, now_);
    held_.push_back({.id = id, .weight = weight});
    grants_.push_back(id);
    outcomes_[id] = outcome{};
  }
  void refuse(int id, refusal_reason why) { outcomes_[id] = why; }

  // Lets in from the head on; then, past those who lack weight, the first for whom there is all, as often as may be.
  void look() {
    leave_in_time();
    while (!line_.empty() && !lack_of(line_.front().weight)) enter(0);
    if (line_.empty() || !head_lacks(refusal_reason::weight_full)) return;
    for (std::size_t i = 1; i < line_.size();) {
      const bool may_pass_all = std::all_of(line_.begin(), line_.begin() + static_cast<std::ptrdiff_t>(i),
                                            [&](const place& p) { return p.overtaken < limits_.max_bypass; });
      if (!may_pass_all) return;
      if (lack_of(line_[i].weight)) {
        ++i;
        continue;
      }
      for (std::size_t ahead = 0; ahead < i; ++ahead) ++line_[ahead].overtaken;
      enter(i);
    }
  }

  void enter(std::size_t index) {
    const place inside = line_[index];
    line_.erase(line_.begin() + static_cast<std::ptrdiff_t>(index));
    grant(inside.id, inside.weight);
  }

  void leave_in_time() {
    for (auto p = line_.begin(); p != line_.end();) {
      if (p->until > now_) {
        ++p;
        continue;
      }
      refuse(p->id, refusal_reason::timed_out);
      p = line_.erase(p);
    }
  }

  // The next moment at which somebody leaves or the head has its token; of the future only.
  [[nodiscard]] std::optional<time_point> next_event() const {
    std::optional<time_point> next;
    const auto consider = [&](time_point at) {
      if (at > now_ && (!next || at < *next)) next = at;
    };
    for (const place& p : line_) consider(p.until);
    if (tokens_ && !line_.empty()) consider(tokens_->earliest(1, now_));
    return next;
  }

  limits limits_;
  std::int64_t capacity_;
  time_point now_;
  bool closed_ = false;
  int newcomers_ = 0;
  std::optional<bucket_oracle> tokens_;
  std::deque<place> line_;
  std::vector<place> held_;
  std::map<int, outcome> outcomes_;
  std::vector<int> grants_;
};

}  // namespace weir::testing
