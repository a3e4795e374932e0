// The door as a plain program: one thread, vectors, the definition of each rule and no cleverness. What the gate does
// is compared with it, step by step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
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

  struct place {
    int id;
    std::uint32_t weight;
    time_point until;
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
    if (lacks == refusal_reason::rate_limited) return {lacks, wait_behind(line_.size())};
    if (lacks) return {lacks};
    grant(id, weight);
    return {};
  }

  /// An attempt, and then a wait. The outcome is in `outcomes` once there is one.
  void wait(int id, std::uint32_t weight, time_point until) {
    const outcome now = attempt(id, weight).why;
    if (!now) return;
    if (*now == refusal_reason::closed || *now == refusal_reason::too_heavy) return refuse(id, *now);
    const bool full = static_cast<std::int64_t>(line_.size()) >= limits_.max_waiters;
    const bool drops = full && limits_.overflow == overflow::drop_oldest && !line_.empty();
    if (until <= now_ + wait_behind(line_.size() - (drops ? 1 : 0))) return refuse(id, refusal_reason::timed_out);
    if (full) {
      if (!drops) return refuse(id, refusal_reason::waiters_full);
      refuse(line_.front().id, refusal_reason::shed);
      line_.pop_front();
      look();
    }
    line_.push_back({id, weight, until});
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

  // For the token of one that has `ahead` before it.
  [[nodiscard]] duration wait_behind(std::size_t ahead) const {
    return tokens_ ? tokens_->earliest(static_cast<std::int64_t>(ahead) + 1, now_) - now_ : duration::zero();
  }

  void grant(int id, std::uint32_t weight) {
    if (tokens_) tokens_->took(1, now_);
    held_.push_back({id, weight, {}});
    grants_.push_back(id);
    outcomes_[id] = outcome{};
  }
  void refuse(int id, refusal_reason why) { outcomes_[id] = why; }

  // Lets in from the head on.
  void look() {
    leave_in_time();
    while (!line_.empty() && !lack_of(line_.front().weight)) {
      const place head = line_.front();
      line_.pop_front();
      grant(head.id, head.weight);
    }
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
