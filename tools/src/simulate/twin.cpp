#include "twin.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include <weir/admission/detail/gate.hpp>

namespace weir::tools {

namespace {

using detail::door_request;
using detail::gate;
using detail::time_of;

time_point time_of_ns(std::int64_t ns) { return time_point(duration(ns)); }

// One in the twin's line. What it is told is in the twin's own entries.
class silent_waiter final : public detail::waiter {
 public:
  using waiter::waiter;

 private:
  void on_granted(time_point /*stamp*/) noexcept override {}
  void on_refused(const refusal& /*why*/) noexcept override {}
};

// Shows the time that the recorder's entries have: of the operation, or of the reading that stands where the twin is.
class entry_clock final : public clock_source {
 public:
  entry_clock(const flight_log& log, time_point start) : log_(&log), now_(start) {}

  [[nodiscard]] time_point now() const noexcept override {
    if (door_ == nullptr) return now_;
    const std::uint64_t next = door_->next_ticket() - log_->start.ticket;
    if (next < log_->entries.size() && log_->entries[next].op == flight_op::reading) {
      now_ = time_of_ns(log_->entries[next].at);
    }
    return now_;
  }
  void wait_until(const detail::atomic<std::uint32_t>& /*word*/, std::uint32_t /*expected*/,
                  time_point /*until*/) const noexcept override {}

  void watch(const gate& door) noexcept { door_ = &door; }
  void set(time_point to) noexcept { now_ = to; }

 private:
  const flight_log* log_;
  const gate* door_ = nullptr;
  mutable time_point now_;
};

// The part that the twin can take: from the first entry before which all is known.
struct twin_range {
  flight_start from;
  std::size_t first = 0;
  std::size_t changes = 0;  // before it
};

// The twin compares after each operation: it keeps what one may write.
std::int64_t longest_operation(const std::vector<flight_entry>& all) {
  std::int64_t longest = 0;
  std::int64_t length = 0;
  for (const flight_entry& e : all) {
    length = begins_operation(e.op) ? 1 : length + 1;
    longest = std::max(longest, length);
  }
  return longest;
}

twin_range range_of(const flight_log& log) {
  twin_range part{.from = log.start};
  const std::vector<flight_entry>& all = log.entries;
  for (; part.first < all.size() && !part.from.is_complete(all[part.first]); ++part.first) {
    const bool is_change = all[part.first].op == flight_op::set_limits;
    part.from.pass(all[part.first],
                   is_change && part.changes < log.changes.size() ? &log.changes[part.changes++] : nullptr);
  }
  part.from.limits.flight_entries = std::max(longest_operation(all), least_flight_entries);
  return part;
}

class door_twin {
 public:
  door_twin(const flight_log& log, const twin_range& part)
      : log_(log), part_(part), clock_(log, time_of_ns(part.from.state.at)), gate_(gate::as_twin(), part.from, clock_) {
    clock_.watch(gate_);
  }

  twin_result run() {
    twin_result all{.passed = part_.first};
    std::size_t change = part_.changes;
    for (std::size_t at = part_.first; at < log_.entries.size();) {
      const flight_entry& e = log_.entries[at];
      clock_.set(time_of_ns(e.at));
      if (!begins_operation(e.op)) return differs(all, at);  // the recorder did more than the twin
      repeat(e, e.op == flight_op::set_limits && change < log_.changes.size() ? &log_.changes[change++] : nullptr);
      const std::uint64_t done = gate_.next_ticket() - log_.start.ticket;
      if (done == at) return differs(all, at);
      for (; at < std::min<std::uint64_t>(done, log_.entries.size()); ++at) {
        const flight_entry& recorded = log_.entries[at];
        const flight_entry* const own = gate_.flight_entry_of(log_.start.ticket + at);
        if (own == nullptr || !(*own == recorded)) return differs(all, at);
        ++all.compared;
        if (is_decision(recorded.op)) ++all.decisions;
        if (recorded.op == flight_op::granted || recorded.op == flight_op::refused) line_.erase(recorded.request);
      }
    }
    return all;
  }

 private:
  static bool is_decision(flight_op op) {
    return op == flight_op::attempt || op == flight_op::reserve || op == flight_op::granted || op == flight_op::refused;
  }

  twin_result differs(twin_result all, std::size_t at) const {
    const std::uint64_t ticket = log_.start.ticket + at;
    flight_difference found{.ticket = ticket, .recorded = log_.entries[at]};
    if (ticket < gate_.next_ticket()) {
      if (const flight_entry* const own = gate_.flight_entry_of(ticket)) found.twin = *own;
    }
    all.first_difference = found;
    return all;
  }

  static door_request asked_by(const flight_entry& e) {
    return {.weight = e.weight,
            .priority = static_cast<std::uint8_t>(e.flags & flight_entry::priority_bits),
            .may_wait = (e.flags & flight_entry::waits) != 0,
            .deadline = deadline(time_of_ns(e.deadline)),
            .patience = (e.flags & flight_entry::by_caller) != 0 ? deadline() : deadline(time_of_ns(e.time))};
  }

  silent_waiter* waiter_of(const flight_entry& e) {
    const auto found = line_.find(e.request);
    return found == line_.end() ? nullptr : &found->second;
  }

  void repeat(const flight_entry& e, const limits* change) {
    switch (e.op) {
      case flight_op::attempt:
        return attempt(e);
      case flight_op::turned_away:
        return gate_.note_turned_away(e.weight, reason_of(e.verdict));
      case flight_op::reserve:
        return (void)gate_.reserve(asked_by(e));
      case flight_op::leave:
        return gate_.cancel_reservation(e.weight);
      case flight_op::join:
        return join(e);
      case flight_op::withdraw:
        if (silent_waiter* const w = waiter_of(e)) (void)gate_.withdraw(*w, reason_of(e.verdict));
        return;
      case flight_op::release:
        return gate_.release(e.weight);
      case flight_op::release_part:
        return gate_.release_part(e.weight);
      case flight_op::token_back:
        return gate_.give_token_back(time_of_ns(e.time));
      case flight_op::child:
        return (void)gate_.try_add_child();
      case flight_op::child_end:
        return gate_.end_child();
      case flight_op::pump:
        return gate_.pump();
      case flight_op::set_limits:
        if (change != nullptr) set_limits(*change);
        return;
      case flight_op::close:
        return gate_.close();
      case flight_op::granted:
      case flight_op::refused:
      case flight_op::reading:
      case flight_op::caller_time:
        return;
    }
  }

  void attempt(const flight_entry& e) {
    const bool by_caller = (e.flags & flight_entry::by_caller) != 0;
    (void)gate_.try_admit(asked_by(e), time_of_ns(by_caller ? e.time : e.at),
                          by_caller ? time_of::caller : time_of::own_clock);
  }

  void set_limits(limits next) {
    next.flight_entries = part_.from.limits.flight_entries;
    gate_.set_limits(next);
  }

  void join(const flight_entry& e) {
    const auto [place, is_new] = line_.try_emplace(e.request, asked_by(e));
    if (!is_new) return;
    gate_.join(place->second, e.verdict == flight_verdict::yes ? gate::place::reserved : gate::place::uncounted);
  }

  const flight_log& log_;
  const twin_range part_;
  entry_clock clock_;
  std::unordered_map<std::uint32_t, silent_waiter> line_;
  gate gate_;
};

}  // namespace

twin_result run_twin(const flight_log& log) {
  const twin_range part = range_of(log);
  if (part.first == log.entries.size()) return {.passed = part.first};
  return door_twin(log, part).run();
}

}  // namespace weir::tools
