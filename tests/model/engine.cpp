#include "engine.hpp"

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <utility>

#include "kept_memory.hpp"

namespace model {
namespace {

constexpr std::size_t shown_operations = 80;

/// Ends an execution from outside its threads. Inside one, the fibre is left where it is instead: noexcept may be on
/// its stack.
struct stopped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

engine* active = nullptr;
bool delaying = false;
bool viewing = false;

strand::strand(std::size_t i) : index(i), stack(&engine::run, this) {}

engine::engine(const options& chosen)
    : options_(chosen), buffers_([this](std::size_t thread, const pending_write& w) {
        trace_.add_before_last(strands_[thread]->name, {action::visible, memory_order_relaxed, w.object, w.from.where},
                               w.bits);
      }) {}

// ---- an execution

void engine::add(std::string name, std::function<void()> body) {
  if (threads_ == 32) throw std::invalid_argument("model: a scenario has at most 32 threads");
  if (threads_ == strands_.size()) strands_.push_back(std::make_unique<strand>(threads_));
  strand& s = *strands_[threads_++];
  s.name = std::move(name);
  s.body = std::move(body);
  s.now = strand::state::ready;
  s.fresh = true;
  s.is_vacant = false;
  s.is_under_way = true;
  s.wanted = nullptr;
  s.stack.begin_thread_locals();
  s.paused = false;
  s.could_run = s.moved = s.waits_for = 0;
}

void engine::run(void* self) {
  strand& s = *static_cast<strand*>(self);
  for (;;) {
    try {
      s.body();
    } catch (const std::exception& e) {
      active->say("an exception left " + s.name + ": " + e.what());
      active->stop();
    } catch (...) {
      active->say("an exception left " + s.name);
      active->stop();
    }
    active->finish();
  }
}

void engine::execute(const std::function<void(scenario&)>& setup) {
  free_kept_memory();  // of the schedule before
  threads_ = 0;
  finally_ = nullptr;
  failure_.clear();
  operations_ = preemptions_ = spurious_wakes_ = timeouts_ = weak_failures_ = missed_stores_ = old_reads_ = 0;
  clock_ = time_point(std::chrono::seconds(1));
  trace_.clear();
  try {
    scenario s;
    setup(s);
    buffers_.reset(threads_);
    views_.reset(threads_);
    resume(decide());
    if (failure_.empty()) buffers_.flush_all();
    if (failure_.empty() && choices_->diverged()) say("the scenario is not deterministic, or the replay is not of it");
    if (failure_.empty() && finally_) finally_();
  } catch (const std::exception& e) {
    failure_ = e.what();
  }
}

/// Keeps what half-run threads own: their stacks cannot be unwound. Not destroyed at exit either, so that a leak
/// checker finds it still in use.
void engine::abandon() {
  static auto& graveyard = *new std::vector<std::unique_ptr<strand>>;
  for (auto& s : strands_) graveyard.push_back(std::move(s));
  strands_.clear();
}

void engine::finish() {
  running_->now = strand::state::finished;
  running_->is_under_way = false;
  resume(decide());
}

void engine::stop() {
  if (running_ == nullptr) throw stopped(failure_);
  resume(nullptr);
  std::abort();
}

/// Lets `next` go on, the thread of the tests itself for nullptr. Returns when the caller is to go on.
void engine::resume(strand* next) {
  strand* const self = running_;
  if (next == self) return;
  running_ = next;
  delaying = next != nullptr && options_.missed_stores != 0;
  viewing = next != nullptr && options_.memory == memory_model::views;
  fibre& from = self == nullptr ? main_ : self->stack;
  from.switch_to(next == nullptr ? main_ : next->stack);
}

// ---- who goes on

void engine::point(const operation& next) {
  strand& self = *running_;
  self.next = next;
  if (++operations_ > options_.max_steps) {
    say("step limit of " + std::to_string(options_.max_steps) + " reached: livelock, or a spin loop without a pause");
    stop();
  }
  if (viewing && views_.is_full()) {
    say("more sequentially consistent operations than views can order: a smaller scenario, or fewer rounds");
    stop();
  }
  const bool pausing = next.what == action::pause;
  // The choice to start a thread was the choice to run its first operation.
  const bool chosen_already = std::exchange(self.fresh, false) && !pausing && (runnable() & self.bit()) != 0;
  if (pausing) pause(self, runnable());
  if (!chosen_already) resume(decide());
  trace_.add(self.name, next);
}

void engine::pause(strand& self, mask runnable) {
  self.waits_for |= self.could_run & runnable & ~self.moved & ~self.bit();
  self.could_run = runnable;
  self.moved = 0;
  self.paused = true;
}

/// Those that can run, without a wake-up for no reason or before its time.
mask engine::runnable() const {
  mask out = 0;
  for (std::size_t i = 0; i < threads_; ++i) {
    const strand& s = *strands_[i];
    const bool ready = s.now == strand::state::ready && (s.wanted == nullptr || !*s.wanted);
    const bool woken = s.now == strand::state::sleeping && s.due && *s.due <= clock_;
    if (ready || woken) out |= s.bit();
  }
  return out;
}

/// Those that fairness lets run.
mask engine::eligible(mask runnable) const {
  mask out = runnable;
  for (std::size_t i = 0; i < threads_; ++i) {
    const strand& s = *strands_[i];
    if (s.paused || (s.waits_for & runnable) != 0) out &= ~s.bit();
  }
  if (out != 0) return out;
  const mask others = running_ == nullptr ? runnable : runnable & ~running_->bit();
  return others != 0 ? others : runnable;
}

/// The running thread can go on, and no preemption is left: most decisions. What `start` does for it was done when it
/// came.
bool engine::must_go_on() const {
  if (running_ == nullptr || preemptions_ < options_.preemptions) return false;
  const strand& self = *running_;
  const bool can = self.now == strand::state::ready && (self.wanted == nullptr || !*self.wanted);
  return can && !self.paused && self.waits_for == 0;
}

/// Chooses who goes on; nullptr if all have finished.
strand* engine::decide() {
  if (must_go_on()) return running_;
  const mask can = runnable();
  const mask may = eligible(can);
  const bool going_on = running_ != nullptr && (may & running_->bit()) != 0;
  steps_.clear();
  list_steps(going_on, can, may);
  if (can == 0) list_timeouts();
  if (steps_.empty()) {
    for (std::size_t i = 0; i < threads_; ++i) {
      if (strands_[i]->now == strand::state::finished) continue;
      say("deadlock: nobody can run;" + who_waits());
      stop();
    }
    return nullptr;
  }
  const int taken = choices_->take(static_cast<int>(steps_.size()), going_on);
  if (choices_->diverged() && running_ != nullptr) resume(nullptr);
  if (going_on && taken != 0) ++preemptions_;
  return start(steps_[static_cast<std::size_t>(taken)]);
}

/// The ways to go on, first the thread that runs.
void engine::list_steps(bool going_on, mask can, mask may) {
  if (going_on) steps_.push_back({running_, step::by::itself});
  if (can == 0 || (going_on && preemptions_ == options_.preemptions)) return;
  for (std::size_t i = 0; i < threads_; ++i) {
    strand* const s = strands_[i].get();
    const bool listed = going_on && s == running_;
    if (!listed && (may & s->bit()) != 0) steps_.push_back({s, step::by::itself});
  }
  if (spurious_wakes_ == options_.spurious_wakes && timeouts_ == options_.timeouts) return;
  for (std::size_t i = 0; i < threads_; ++i) {
    strand* const s = strands_[i].get();
    if (s->now != strand::state::sleeping || (can & s->bit()) != 0) continue;
    if (spurious_wakes_ < options_.spurious_wakes) steps_.push_back({s, step::by::spurious_wake});
    if (s->due && timeouts_ < options_.timeouts) steps_.push_back({s, step::by::timeout});
  }
}

/// Nobody can run: time passes until the earliest timeouts.
void engine::list_timeouts() {
  for (std::size_t i = 0; i < threads_; ++i) {
    strand* const s = strands_[i].get();
    if (s->now != strand::state::sleeping || !s->due) continue;
    if (!steps_.empty() && *s->due < *steps_.front().who->due) steps_.clear();
    if (steps_.empty() || *s->due == *steps_.front().who->due) steps_.push_back({s, step::by::timeout_for_free});
  }
}

strand* engine::start(const step& chosen) {
  strand& s = *chosen.who;
  switch (chosen.how) {
    case step::by::itself:
      break;
    case step::by::spurious_wake:
      ++spurious_wakes_;
      break;
    case step::by::timeout:
      ++timeouts_;
      [[fallthrough]];
    case step::by::timeout_for_free:
      clock_ = std::max(clock_, *s.due);
      break;
  }
  s.now = strand::state::ready;
  s.paused = false;
  s.waits_for = 0;
  for (std::size_t i = 0; i < threads_; ++i) {
    strand& other = *strands_[i];
    if (&other == &s) continue;
    other.paused = false;
    other.moved |= s.bit();
    other.waits_for &= ~s.bit();
  }
  return &s;
}

// ---- operations that block or choose

void engine::acquire(bool& held, const operation& next) {
  if (running_ == nullptr) {
    if (held) {
      say("the lock at " + place(next.where) + " is still held");
      stop();
    }
  } else {
    running_->wanted = &held;
    point(next);
    running_->wanted = nullptr;
  }
  held = true;
}

void engine::sleep(const void* word, std::chrono::nanoseconds timeout) {
  if (running_ == nullptr) {
    say("futex_wait outside the threads of the scenario would sleep for ever");
    stop();
  }
  strand& self = *running_;
  self.now = strand::state::sleeping;
  self.word = word;
  self.due.reset();
  if (timeout.count() >= 0) {
    const bool representable = timeout < time_point::max() - clock_;
    self.due = representable ? clock_ + timeout : time_point::max();
  }
  resume(decide());
}

void engine::wake(const void* word, int count) {
  int woken = 0;
  for (; woken < count; ++woken) {
    std::vector<strand*> sleepers;
    for (std::size_t i = 0; i < threads_; ++i) {
      strand* const s = strands_[i].get();
      if (s->now == strand::state::sleeping && s->word == word) sleepers.push_back(s);
    }
    if (sleepers.empty()) break;
    const int number = static_cast<int>(sleepers.size());
    const int taken = number <= count - woken ? 0 : choose(number);  // if all are woken, their order is no matter
    strand& chosen = *sleepers[static_cast<std::size_t>(taken)];
    chosen.now = strand::state::ready;
    if (viewing) views_.wake(running_->index, chosen.index, word);
  }
  if (running_ != nullptr) trace_.note(0, static_cast<std::uint64_t>(woken));
}

int engine::choose(int count) { return choices_->take(count, false); }

bool engine::weak_failure() {
  if (weak_failures_ == options_.weak_failures || choose(2) == 0) return false;
  ++weak_failures_;
  return true;
}

// ---- the search

/// Who has not finished, and where.
std::string engine::who_waits() {
  std::string out;
  for (std::size_t i = 0; i < threads_; ++i) {
    const strand& s = *strands_[i];
    if (s.now == strand::state::finished) continue;
    out += ' ' + s.name + " in " + trace_.describe(s.next) + ';';
  }
  out.pop_back();
  return out;
}

result engine::explore(const std::function<void(scenario&)>& setup, choices source) {
  choices_.emplace(std::move(source));
  const long limit = options_.random > 0 ? options_.random : options_.max_schedules;
  result r;
  do {
    execute(setup);
    ++r.schedules;
    r.longest = std::max(r.longest, operations_);
    if (!failure_.empty()) {
      describe(r);
      abandon();
      break;
    }
    for (std::size_t i = 0; i < threads_; ++i) strands_[i]->body = nullptr;
    finally_ = nullptr;
    if (limit != 0 && r.schedules == limit) break;
    r.complete = !choices_->next();
  } while (!r.complete);
  for (const operation& o : ordered_) {
    r.orders.push_back(
        {o.where.file_name(), o.where.function_name(), std::string(name_of(o.what)), o.order, o.where.line()});
  }
  return r;
}

void engine::describe(result& r) {
  r.failure = failure_;
  r.choices = choices_->text();
  r.report = "scenario '" + options_.name + "' failed: " + failure_ + "\nschedule " + std::to_string(r.schedules) +
             ", " + std::to_string(preemptions_) + " preemptions; to run it again: WEIR_REPLAY='" + options_.name +
             ':' + r.choices + "'\nlast operations, oldest first:\n" + trace_.last(shown_operations);
}

}  // namespace model
