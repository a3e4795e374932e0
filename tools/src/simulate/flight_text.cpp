// A flight as text.
#include <charconv>
#include <limits>
#include <system_error>

#include "flight_file.hpp"
#include "flight_words.hpp"

namespace weir::tools {

namespace {

// Appends to a text, number by number.
class line_writer {
 public:
  explicit line_writer(std::string& to) : to_(to) {}

  line_writer& text(std::string_view words) {
    to_.append(words);
    return *this;
  }
  template <typename Number>
  line_writer& number(Number value) {
    char digits[24];
    const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
    to_.append(digits, end);
    return *this;
  }
  // `-` stands for the ends of time, and for no limit.
  line_writer& time(std::int64_t value) {
    const bool applies = value != flight_entry::never && value != std::numeric_limits<std::int64_t>::min();
    return applies ? number(value) : text("-");
  }
  line_writer& comma() { return text(","); }

 private:
  std::string& to_;
};

void add_limits(std::string& to, const limits& all) {
  line_writer(to)
      .text("limits max_tasks=")
      .time(all.max_tasks)
      .text(" max_weight=")
      .time(all.max_weight)
      .text(" rate_events=")
      .time(all.rate.events())
      .text(" rate_period_ns=")
      .number(all.rate.period().count())
      .text(" burst=")
      .number(all.burst)
      .text(" max_waiters=")
      .number(all.max_waiters)
      .text(" max_waiting_weight=")
      .time(all.max_waiting_weight)
      .text(" overflow=")
      .text(flight_overflow_names[static_cast<std::size_t>(all.overflow)])
      .text(" priority_ageing=")
      .time(all.priority_ageing)
      .text(" max_bypass=")
      .time(all.max_bypass)
      .text(" strict_window=")
      .number(int{all.strict_window})
      .text(" allow_slow_waiters=")
      .number(int{all.allow_slow_waiters})
      .text(" breaker_expired=")
      .number(all.breaker.consecutive_expired)
      .text(" breaker_pause_ns=")
      .number(all.breaker.pause.count())
      .text(" flight_entries=")
      .number(all.flight_entries)
      .text("\n");
}

void add_entry(std::string& to, std::uint64_t ticket, std::string_view op, const flight_entry& e) {
  line_writer(to)
      .number(ticket)
      .comma()
      .number(e.at)
      .comma()
      .text(op)
      .comma()
      .text(to_string(e.verdict))
      .comma()
      .number(e.request)
      .comma()
      .number(e.weight)
      .comma()
      .number(unsigned{e.flags})
      .comma()
      .time(e.time)
      .comma()
      .time(e.deadline)
      .comma()
      .number(e.retry_after)
      .comma()
      .number(e.tasks_free)
      .comma()
      .number(e.weight_free)
      .comma()
      .number(e.places)
      .comma()
      .number(e.arrival)
      .comma()
      .text(to_string(e.binding))
      .text("\n");
}

}  // namespace

std::string to_text(const flight_log& log) {
  std::string all;
  all.reserve(512 + log.entries.size() * 120);
  all.append(flight_schema).append("\n");
  add_limits(all, log.start.limits);
  line_writer(all)
      .text("start caller_time=")
      .time(log.start.caller_time)
      .text(" changed_at=")
      .time(log.start.changed_at)
      .text("\n");
  all.append(flight_columns).append("\n");
  add_entry(all, log.start.ticket, "start", log.start.state);
  std::uint64_t ticket = log.start.ticket;
  auto change = log.changes.begin();
  for (const flight_entry& e : log.entries) {
    add_entry(all, ticket++, to_string(e.op), e);
    if (e.op == flight_op::set_limits && change != log.changes.end()) add_limits(all, *change++);
  }
  line_writer(all).text("end entries=").number(log.entries.size()).text("\n");
  return all;
}

}  // namespace weir::tools
