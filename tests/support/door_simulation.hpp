// A plain simulation of a door and its servers on a virtual clock, in one thread: what a perfect implementation of the
// same limits would admit. Written from the contract alone and sharing no code with the library, so that the two can
// disagree.
//
// The model: requests come at their times; a request that cannot enter at once waits in one queue, whose head blocks
// those behind it; a token of the rate is taken at the grant; the deadline covers waiting, queueing and running; what
// is admitted is served in order by `workers` servers and holds its task and its weight until it ends. No cost of its
// own, no jitter.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <limits>
#include <queue>
#include <vector>

namespace weir::testing {

enum class simulated_door { try_now, wait_in_queue };

struct simulated_limits {
  unsigned workers = 1;
  std::int64_t max_tasks = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_weight = std::numeric_limits<std::int64_t>::max();
  std::int64_t rate_per_s = 0;  ///< 0: unlimited
  std::int64_t burst = 0;
  std::size_t max_waiters = std::numeric_limits<std::size_t>::max();
  std::chrono::nanoseconds deadline = std::chrono::nanoseconds::max();  ///< from the arrival
  simulated_door door = simulated_door::wait_in_queue;
};

struct simulated_request {
  std::chrono::nanoseconds arrival{};
  std::int64_t weight = 1;
  std::chrono::nanoseconds service{};
};

struct simulated_outcome {
  std::uint64_t admitted = 0;
  std::uint64_t refused_at_once = 0;
  std::uint64_t timed_out_waiting = 0;
  std::uint64_t completed = 0;
  std::uint64_t expired = 0;  ///< admitted, and their deadline came before their end
  std::int64_t max_tasks_seen = 0;
  std::int64_t max_weight_seen = 0;
  std::vector<std::int64_t> admissions;  ///< their times in nanoseconds, in order
};

class door_simulation {
 public:
  door_simulation(const simulated_limits& limits, const std::vector<simulated_request>& requests)
      : limits_(limits), requests_(requests), phase_(requests.size(), phase::coming), idle_(limits.workers) {
    if (limits.rate_per_s > 0) interval_ = (ticks_per_s + limits.rate_per_s - 1) / limits.rate_per_s;
  }

  /// Plays all requests, in order of arrival, to the end of the last.
  [[nodiscard]] simulated_outcome run() {
    for (std::size_t i = 0; i < requests_.size(); ++i) {
      play_until(requests_[i].arrival.count());
      now_ = requests_[i].arrival.count();
      arrive(i);
    }
    play_until(never);
    return out_;
  }

 private:
  enum class phase : std::uint8_t { coming, waiting, queued, running, done };
  enum class kind : std::uint8_t { finish, deadline, token };  // at the same time, what gives back goes first

  struct event {
    std::int64_t at;
    kind what;
    std::size_t who;
    bool operator>(const event& other) const { return at != other.at ? at > other.at : what > other.what; }
  };

  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
  static constexpr std::int64_t ticks_per_ns = 64;
  static constexpr std::int64_t ticks_per_s = ticks_per_ns * 1'000'000'000;

  void play_until(std::int64_t end) {
    while (!events_.empty() && events_.top().at <= end) {
      now_ = events_.top().at;
      // All that happens at one moment first, then what it makes room for: nobody is granted or started at their
      // deadline.
      while (!events_.empty() && events_.top().at == now_) {
        const event next = events_.top();
        events_.pop();
        if (next.what == kind::finish && phase_[next.who] == phase::running) finish(next.who, out_.completed);
        if (next.what == kind::deadline) expire(next.who);
      }
      start_ready();
      admit_waiters();
    }
  }

  void arrive(std::size_t who) {
    const simulated_request& one = requests_[who];
    if (one.weight < 1 || one.weight > limits_.max_weight) {
      ++out_.refused_at_once;
      return;
    }
    if (limits_.deadline != std::chrono::nanoseconds::max()) {
      events_.push({now_ + limits_.deadline.count(), kind::deadline, who});
    }
    if (waiters_.empty() && fits(who) && token_at() <= now_) {
      admit(who);
    } else if (limits_.door == simulated_door::wait_in_queue && waiters_.size() < limits_.max_waiters) {
      phase_[who] = phase::waiting;
      waiters_.push_back(who);
      admit_waiters();  // sets the timer, if it is only a token that its head lacks
    } else {
      phase_[who] = phase::done;
      ++out_.refused_at_once;
    }
  }

  [[nodiscard]] bool fits(std::size_t who) const {
    return tasks_ < limits_.max_tasks && requests_[who].weight <= limits_.max_weight - weight_;
  }

  // The earliest time at which a token may be taken: max(theoretical, now) + interval - now <= burst * interval.
  [[nodiscard]] std::int64_t token_at() const {
    if (interval_ == 0) return 0;
    const std::int64_t tick = theoretical_ + interval_ - limits_.burst * interval_;
    return tick <= 0 ? 0 : (tick + ticks_per_ns - 1) / ticks_per_ns;
  }

  void admit_waiters() {
    while (!waiters_.empty() && fits(waiters_.front())) {
      if (token_at() > now_) {
        events_.push({token_at(), kind::token, 0});
        return;
      }
      const std::size_t head = waiters_.front();
      waiters_.pop_front();
      admit(head);
    }
  }

  void admit(std::size_t who) {
    if (interval_ != 0) theoretical_ = std::max(theoretical_, now_ * ticks_per_ns) + interval_;
    ++tasks_;
    weight_ += requests_[who].weight;
    ++out_.admitted;
    out_.admissions.push_back(now_);
    out_.max_tasks_seen = std::max(out_.max_tasks_seen, tasks_);
    out_.max_weight_seen = std::max(out_.max_weight_seen, weight_);
    phase_[who] = phase::queued;
    ready_.push_back(who);
    start_ready();
  }

  void start_ready() {
    while (idle_ > 0 && !ready_.empty()) {
      const std::size_t who = ready_.front();
      ready_.pop_front();
      if (phase_[who] != phase::queued) continue;
      phase_[who] = phase::running;
      --idle_;
      events_.push({now_ + requests_[who].service.count(), kind::finish, who});
    }
  }

  void expire(std::size_t who) {
    if (phase_[who] == phase::waiting) {
      phase_[who] = phase::done;
      ++out_.timed_out_waiting;
      waiters_.erase(std::find(waiters_.begin(), waiters_.end(), who));
    } else if (phase_[who] == phase::queued || phase_[who] == phase::running) {
      finish(who, out_.expired);
    }
  }

  void finish(std::size_t who, std::uint64_t& outcome) {
    if (phase_[who] == phase::running) ++idle_;
    phase_[who] = phase::done;
    ++outcome;
    --tasks_;
    weight_ -= requests_[who].weight;
  }

  simulated_limits limits_;
  const std::vector<simulated_request>& requests_;
  std::vector<phase> phase_;
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::deque<std::size_t> waiters_;
  std::deque<std::size_t> ready_;
  std::int64_t now_ = 0;
  std::int64_t theoretical_ = 0;  // of the rate, in ticks
  std::int64_t interval_ = 0;     // in ticks; 0: no rate
  std::int64_t tasks_ = 0;
  std::int64_t weight_ = 0;
  unsigned idle_;
  simulated_outcome out_;
};

}  // namespace weir::testing
