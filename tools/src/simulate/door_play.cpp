#include "door_play.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>
#include <queue>

#include <weir/admission/detail/asked.hpp>
#include <weir/admission/detail/gate.hpp>

#include "replay/histogram.hpp"
#include "replay/ledger.hpp"

namespace weir::tools {

namespace {

using detail::door_request;
using detail::gate;
using detail::time_of;

constexpr std::size_t slice_count = 12;

double seconds_of(duration time) { return static_cast<double>(time.count()) * 1e-9; }

std::optional<bound> bound_of(flight_verdict binding) {
  if (binding == verdict_of(refusal_reason::tasks_full)) return bound::tasks;
  if (binding == verdict_of(refusal_reason::weight_full)) return bound::weight;
  if (binding == verdict_of(refusal_reason::rate_limited)) return bound::rate;
  return std::nullopt;
}

// For one thread: it costs nothing.
class jumping_clock final : public clock_source {
 public:
  explicit jumping_clock(time_point start) : now_(start) {}
  [[nodiscard]] time_point now() const noexcept override { return now_; }
  void wait_until(const detail::atomic<std::uint32_t>& /*word*/, std::uint32_t /*expected*/,
                  time_point /*until*/) const noexcept override {}
  void set(time_point to) noexcept { now_ = to; }

 private:
  time_point now_;
};

class door_play final : private gate::alarm {
 public:
  door_play(const play_plan& plan, const std::function<bool(played_request&)>& next)
      : plan_(plan),
        next_(next),
        clock_(plan.start),
        idle_(plan.workers),
        gate_(without_flight(plan.limits), clock_, this, 0, {}, {},
              [this](const pressure& told) { pressure_.note(told, clock_.now()); }) {
    out_.slices.resize(slice_count);
    const duration length = std::max<duration>(plan.end - plan.start, duration(1));
    slice_length_ = duration((length.count() + static_cast<std::int64_t>(slice_count) - 1) /
                             static_cast<std::int64_t>(slice_count));
  }

  play_result run() {
    const auto began = std::chrono::steady_clock::now();
    if (plan_.closes_at) events_.push({*plan_.closes_at, kind::close, {}});
    for (bool any = next_(coming_); any; any = next_(coming_)) {
      play_until(coming_.at);
      go_to(coming_.at);
      ++out_.events;
      coming_.is_child ? begin_child() : arrive();
    }
    play_until(time_point::max());
    out_.at_door = times_of(*at_door_);
    out_.queue = times_of(*queue_);
    out_.latency = times_of(*latency_);
    out_.simulated = clock_.now() - plan_.start;
    out_.pressure = pressure_.at(clock_.now());
    out_.wall = std::chrono::steady_clock::now() - began;
    return std::move(out_);
  }

 private:
  enum class phase : std::uint8_t { waiting, queued, running, over };
  // Of what happens in one moment the first come first.
  enum class kind : std::uint8_t { child_end, finish, late, impatient, leaves, token, close };

  // One that waits or was admitted. Its place is used again; the turn tells it from who was there before.
  struct place {
    std::uint32_t index = 0;
    std::uint32_t turn = 0;
  };
  struct event {
    time_point at;
    kind what;
    place who;
    bool operator>(const event& other) const { return at != other.at ? at > other.at : what > other.what; }
  };

  class request final : public detail::waiter {
   public:
    request(door_play& in, const door_request& asked, place at) : waiter(asked), in_(&in), at_(at) {}

   private:
    void on_granted(time_point /*stamp*/) noexcept override { in_->granted(at_); }
    void on_refused(const refusal& why) noexcept override { in_->refused(at_, why.reason); }
    door_play* in_;
    place at_;
  };

  struct task {
    std::optional<request> waits{};
    played_request what{};
    phase state = phase::over;
    std::uint32_t turn = 0;
  };

  static limits without_flight(limits all) {
    all.flight_entries = 0;
    return all;
  }

  // ---- the course of time

  void play_until(time_point end) {
    while (!events_.empty() && events_.top().at <= end) {
      const event one = events_.top();
      events_.pop();
      if (is_stale(one)) continue;
      go_to(one.at);
      ++out_.events;
      happen(one);
    }
  }

  [[nodiscard]] bool is_stale(const event& one) const {
    switch (one.what) {
      case kind::child_end:
      case kind::close:
        return false;
      case kind::token:
        return one.at != rings_at_;  // the alarm was set anew
      case kind::finish:
      case kind::late:
      case kind::impatient:
      case kind::leaves:
        break;
    }
    const task& t = tasks_[one.who.index];
    return t.turn != one.who.turn || t.state == phase::over;
  }

  void happen(const event& one) {
    switch (one.what) {
      case kind::child_end:
        --live_;
        return gate_.end_child();
      case kind::finish:
        return finish(one.who);
      case kind::late:
        return expire(one.who);
      case kind::impatient:
        return leave(one.who, refusal_reason::timed_out);
      case kind::leaves:
        return leave(one.who, refusal_reason::cancelled);
      case kind::token:
        rings_at_.reset();
        return gate_.pump();
      case kind::close:
        return gate_.close();
    }
  }

  // To a later moment; until then all is as it is now.
  void go_to(time_point at) {
    binds_ = bound_of(gate_.binding());
    const std::int64_t waiting = gate_.waiting();
    out_.waiters_seen = std::max(out_.waiters_seen, waiting);
    while (clock_.now() < at) {
      const std::size_t index = slice_at(clock_.now());
      const bool is_last = index + 1 == slice_count;
      const time_point end = is_last ? at : std::min(at, plan_.start + slice_length_ * static_cast<int>(index + 1));
      const double length = seconds_of(end - clock_.now());
      play_slice& slice = out_.slices[index];
      slice.seconds += length;
      slice.task_seconds += length * static_cast<double>(live_);
      slice.weight_seconds += length * static_cast<double>(weight_);
      slice.waiter_seconds += length * static_cast<double>(waiting);
      if (binds_) slice.bound_seconds[static_cast<std::size_t>(*binds_)] += length;
      clock_.set(end);
    }
  }
  [[nodiscard]] std::size_t slice_at(time_point at) const {
    const auto index = static_cast<std::size_t>((at - plan_.start) / slice_length_);
    return std::min(index, slice_count - 1);
  }
  [[nodiscard]] play_slice& slice() { return out_.slices[slice_at(clock_.now())]; }

  // ---- at the door

  void get_ready() override {}
  void ring_at(time_point at) noexcept override {
    rings_at_ = std::max(at, clock_.now());
    events_.push({*rings_at_, kind::token, {}});
  }

  void arrive() {
    ++out_.submitted;
    ++slice().submitted;
    if (const auto wrong = detail::check_weight(gate_, coming_.weight)) return count_refusal(wrong->reason);
    const door_request asked{.weight = coming_.weight,
                             .priority = coming_.priority,
                             .may_wait = coming_.may_wait,
                             .deadline = deadline(coming_.deadline),
                             .patience = deadline(coming_.patience)};
    const gate::verdict v = gate_.try_admit(asked, coming_.own_time.value_or(clock_.now()),
                                            coming_.own_time ? time_of::caller : time_of::own_clock);
    if (v.granted) return admit(made(asked));
    if (!coming_.may_wait || !gate::is_worth_waiting(v.why)) return count_refusal(v.why);
    const result<gate::slot> promised = gate_.reserve(asked);
    if (!promised) {
      if (promised.error().retry_after > duration::zero()) binds_ = bound::rate;  // the wait for its token
      return count_refusal(promised.error().reason);
    }
    const place who = made(asked);
    tasks_[who.index].state = phase::waiting;
    watch(who, kind::late, coming_.deadline);
    watch(who, kind::impatient, coming_.patience);
    watch(who, kind::leaves, coming_.leaves_at);
    gate_.join(*tasks_[who.index].waits,
               *promised == gate::slot::reserved ? gate::place::reserved : gate::place::uncounted);
  }

  place made(const door_request& asked) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(tasks_.size()));
      tasks_.emplace_back();
    }
    const std::uint32_t index = free_.back();
    free_.pop_back();
    task& t = tasks_[index];
    const place who{.index = index, .turn = ++t.turn};
    t.what = coming_;
    t.waits.emplace(*this, asked, who);
    return who;
  }

  void watch(place who, kind what, time_point at) {
    if (at != time_point::max()) events_.push({at, what, who});
  }

  void granted(place who) {
    ++out_.waited;
    admit(who);
  }

  void refused(place who, refusal_reason why) {
    count_refusal(why);
    end(who);
  }

  void count_refusal(refusal_reason why) {
    ++out_.refused[static_cast<std::size_t>(why)];
    ++slice().refused;
    const bool is_late = why == refusal_reason::expired || why == refusal_reason::timed_out;
    if (is_late && binds_) ++out_.too_late[static_cast<std::size_t>(*binds_)];
  }

  void leave(place who, refusal_reason why) {
    task& t = tasks_[who.index];
    if (t.state == phase::waiting) (void)gate_.withdraw(*t.waits, why);
  }

  // ---- inside

  void admit(place who) {
    task& t = tasks_[who.index];
    const bool has_waited = t.state == phase::waiting;
    ++out_.admitted;
    ++slice().admitted;
    at_door_->record(clock_.now() - t.what.at);
    out_.tasks_seen = std::max(out_.tasks_seen, ++live_);
    weight_ += t.what.weight;
    out_.weight_seen = std::max(out_.weight_seen, weight_);
    t.state = phase::queued;
    if (plan_.workers == 0) return start(who);
    if (!has_waited) watch(who, kind::late, t.what.deadline);
    ready_.push_back(who);
    start_ready();
  }

  void start_ready() {
    while (idle_ > 0 && !ready_.empty()) {
      const place who = ready_.front();
      ready_.pop_front();
      const task& t = tasks_[who.index];
      if (t.turn != who.turn || t.state != phase::queued) continue;
      --idle_;
      start(who);
    }
  }

  void start(place who) {
    task& t = tasks_[who.index];
    t.state = phase::running;
    queue_->record(clock_.now() - t.what.at);
    events_.push({detail::add_saturated(clock_.now(), t.what.service), kind::finish, who});
  }

  void finish(place who) {
    const played_request& what = tasks_[who.index].what;
    ++out_.completed;
    if (clock_.now() < what.deadline) ++out_.in_time;
    latency_->record(clock_.now() - what.at);
    give_back(who);
  }

  void expire(place who) {
    task& t = tasks_[who.index];
    if (t.state == phase::waiting) return leave(who, refusal_reason::expired);
    if (plan_.workers == 0) return;  // its service is what was seen: the deadline has had its say
    ++out_.expired;
    give_back(who);
  }

  void give_back(place who) {
    const bool had_server = plan_.workers != 0 && tasks_[who.index].state == phase::running;
    const std::uint32_t weight = tasks_[who.index].what.weight;
    --live_;
    weight_ -= weight;
    end(who);
    if (had_server) ++idle_;
    gate_.release(weight);
    start_ready();
  }

  void end(place who) {
    tasks_[who.index].state = phase::over;
    free_.push_back(who.index);
  }

  void begin_child() {
    ++out_.children;
    if (!gate_.try_add_child()) {
      ++out_.children_inline;
      return;
    }
    out_.tasks_seen = std::max(out_.tasks_seen, ++live_);
    events_.push({detail::add_saturated(clock_.now(), coming_.service), kind::child_end, {}});
  }

  const play_plan& plan_;
  const std::function<bool(played_request&)>& next_;
  played_request coming_;
  jumping_clock clock_;
  duration slice_length_{};
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::optional<time_point> rings_at_;
  std::optional<bound> binds_;  // before what happens now
  std::deque<task> tasks_;      // whose places in memory stay
  std::vector<std::uint32_t> free_;
  std::deque<place> ready_;
  unsigned idle_;
  std::int64_t live_ = 0;
  std::int64_t weight_ = 0;
  std::unique_ptr<time_histogram> at_door_ = std::make_unique<time_histogram>();
  std::unique_ptr<time_histogram> queue_ = std::make_unique<time_histogram>();
  std::unique_ptr<time_histogram> latency_ = std::make_unique<time_histogram>();
  play_result out_;
  pressure_log pressure_;
  gate gate_;
};

}  // namespace

std::uint64_t play_result::refused_in_all() const noexcept {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : refused) sum += count;
  return sum;
}

play_slice play_result::total() const noexcept {
  play_slice sum;
  for (const play_slice& one : slices) {
    sum.submitted += one.submitted;
    sum.admitted += one.admitted;
    sum.refused += one.refused;
    sum.seconds += one.seconds;
    sum.task_seconds += one.task_seconds;
    sum.weight_seconds += one.weight_seconds;
    sum.waiter_seconds += one.waiter_seconds;
    for (std::size_t i = 0; i < bound_count; ++i) sum.bound_seconds[i] += one.bound_seconds[i];
  }
  return sum;
}

play_result play(const play_plan& plan, const std::function<bool(played_request&)>& next) {
  return door_play(plan, next).run();
}

}  // namespace weir::tools
