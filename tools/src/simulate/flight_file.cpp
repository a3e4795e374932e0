#include "flight_file.hpp"

#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <stdexcept>
#include <system_error>

#include "flight_words.hpp"
#include "replay/bad_input.hpp"
#include "replay/line_reader.hpp"

namespace weir::tools {

namespace {

constexpr const char* flight_remedy = "take a file that weir replay --flight has written";

template <typename Number>
std::optional<Number> whole(std::string_view text) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stop != end) return std::nullopt;
  return value;
}

std::optional<flight_op> op_named(std::string_view name) {
  for (std::size_t i = 0; i < flight_op_count; ++i) {
    if (to_string(static_cast<flight_op>(i)) == name) return static_cast<flight_op>(i);
  }
  return std::nullopt;
}

std::optional<flight_verdict> verdict_named(std::string_view name) {
  using enum flight_verdict;
  for (const flight_verdict one : {none, yes, again, flight_verdict::caller_runs}) {
    if (to_string(one) == name) return one;
  }
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    if (to_string(static_cast<refusal_reason>(i)) == name) return verdict_of(static_cast<refusal_reason>(i));
  }
  return std::nullopt;
}

class flight_reader {
 public:
  explicit flight_reader(const std::string& path) : lines_(path) {}

  flight_log read() {
    flight_log log;
    expect_line("the header");
    if (line_ != flight_schema) {
      refuse(1, "this is " + quoted(line_), std::string(flight_schema) + " stands in the first line of a flight");
    }
    expect_line("the limits");
    log.start.limits = limits_of_line();
    expect_line("the start");
    read_start(log.start);
    expect_line("the names of the columns");
    if (line_ != flight_columns) refuse(1, "these are other columns", std::string(flight_columns) + " are known");
    expect_line("the state at the start");
    log.start.state = entry_of_line("start", log.start.ticket);
    read_entries(log);
    return log;
  }

 private:
  [[noreturn]] void refuse(std::size_t column, const std::string& what, const std::string& limit) const {
    throw bad_input_at(lines_.path(), lines_.line_number(), column, what, limit, flight_remedy);
  }

  void expect_line(const char* what) {
    if (lines_.next(line_)) return;
    throw bad_input_at(lines_.path(), lines_.line_number() + 1, 1, std::string("the file ends before ") + what,
                       "a flight ends with the number of its entries", flight_remedy);
  }

  [[nodiscard]] std::size_t column_of(std::string_view part) const {
    return static_cast<std::size_t>(part.data() - line_.data()) + 1;
  }

  // ---- lines of names and values

  // What stands behind `name=`, which comes next in the line.
  std::string_view value_of(std::string_view name) {
    const bool is_there = rest_.starts_with(name) && rest_.substr(name.size()).starts_with('=');
    if (!is_there) refuse(column_of(rest_), std::string(name) + " is missing", "it stands here in such a line");
    rest_.remove_prefix(name.size() + 1);
    const std::string_view value = rest_.substr(0, rest_.find(' '));
    rest_.remove_prefix(std::min(value.size() + 1, rest_.size()));
    return value;
  }
  void begin(std::string_view word) {
    const bool is_there = line_.starts_with(word) && line_.substr(word.size()).starts_with(' ');
    if (!is_there) refuse(1, "this is no line of " + std::string(word), "one is needed here");
    rest_ = line_.substr(word.size() + 1);
  }
  void end_of_line() {
    if (!rest_.empty()) refuse(column_of(rest_), quoted(rest_) + " is too much", "the line ends before");
  }
  template <typename Number>
  Number number(std::string_view text, std::string_view name, std::int64_t for_dash) {
    if (text == "-") return static_cast<Number>(for_dash);
    return number<Number>(text, name);
  }
  template <typename Number>
  Number number(std::string_view text, std::string_view name) {
    if (const auto value = whole<Number>(text)) return *value;
    refuse(column_of(text), std::string(name) + " is " + quoted(text),
           "a whole number from " + std::to_string(std::numeric_limits<Number>::min()) + " to " +
               std::to_string(std::numeric_limits<Number>::max()) + " is needed");
  }
  std::int64_t count_of(std::string_view name) { return number<std::int64_t>(value_of(name), name, unlimited); }
  bool truth_of(std::string_view name) {
    const std::string_view text = value_of(name);
    if (text != "0" && text != "1") refuse(column_of(text), std::string(name) + " is " + quoted(text), "it is 0 or 1");
    return text == "1";
  }

  limits limits_of_line() {
    begin("limits");
    limits all;
    all.max_tasks = count_of("max_tasks");
    all.max_weight = count_of("max_weight");
    const std::int64_t events = count_of("rate_events");
    const std::int64_t period = count_of("rate_period_ns");
    all.rate = {events, duration(period)};
    all.burst = count_of("burst");
    all.max_waiters = count_of("max_waiters");
    all.max_waiting_weight = count_of("max_waiting_weight");
    const std::string_view policy = value_of("overflow");
    std::size_t index = 0;
    while (index < flight_overflow_names.size() && flight_overflow_names[index] != policy) ++index;
    if (index == flight_overflow_names.size()) {
      refuse(column_of(policy), "overflow is " + quoted(policy), "it is the name of a policy");
    }
    all.overflow = static_cast<overflow>(index);
    all.priority_ageing = count_of("priority_ageing");
    all.max_bypass = count_of("max_bypass");
    all.strict_window = truth_of("strict_window");
    all.allow_slow_waiters = truth_of("allow_slow_waiters");
    all.breaker.consecutive_expired = count_of("breaker_expired");
    all.breaker.pause = duration(count_of("breaker_pause_ns"));
    all.flight_entries = count_of("flight_entries");
    end_of_line();
    try {
      (void)check(all);
    } catch (const std::invalid_argument& error) {
      refuse(1, "these limits are impossible", error.what());
    }
    if (all.flight_entries == 0) refuse(1, "flight_entries is 0", "without entries there is no flight");
    return all;
  }

  void read_start(flight_start& into) {
    constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::min();
    begin("start");
    into.caller_time = number<std::int64_t>(value_of("caller_time"), "caller_time", no_time);
    into.changed_at = number<std::int64_t>(value_of("changed_at"), "changed_at", no_time);
    end_of_line();
  }

  // ---- lines of entries

  void split() {
    std::size_t count = 0;
    std::string_view left = line_;
    for (;;) {
      const std::size_t comma = left.find(',');
      if (count == flight_column_count) refuse(column_of(left), "there are too many columns", "an entry has 15");
      cells_[count++] = left.substr(0, comma);
      if (comma == std::string_view::npos) break;
      left.remove_prefix(comma + 1);
    }
    if (count < flight_column_count) {
      refuse(line_.size() + 1, "there are " + std::to_string(count) + " columns", "an entry has 15");
    }
  }

  // @param op  that it must have; empty: any.
  flight_entry entry_of_line(std::string_view op, std::uint64_t& ticket) {
    split();
    ticket = number<std::uint64_t>(cells_[0], "ticket");
    flight_entry e;
    e.at = number<std::int64_t>(cells_[1], "at");
    if (op.empty()) {
      const auto found = op_named(cells_[2]);
      if (!found) refuse(column_of(cells_[2]), quoted(cells_[2]) + " is no step", "the name of a flight_op is needed");
      e.op = *found;
    } else if (cells_[2] != op) {
      refuse(column_of(cells_[2]), "this is " + quoted(cells_[2]), quoted(op) + " stands here");
    }
    e.verdict = verdict_of_cell(cells_[3]);
    e.request = number<std::uint32_t>(cells_[4], "request");
    e.weight = number<std::uint32_t>(cells_[5], "weight");
    e.flags = number<std::uint8_t>(cells_[6], "flags");
    e.time = number<std::int64_t>(cells_[7], "time", flight_entry::never);
    e.deadline = number<std::int64_t>(cells_[8], "deadline", flight_entry::never);
    e.retry_after = number<std::int64_t>(cells_[9], "retry_after");
    e.tasks_free = number<std::int32_t>(cells_[10], "tasks_free");
    e.weight_free = number<std::int32_t>(cells_[11], "weight_free");
    e.places = number<std::uint32_t>(cells_[12], "places");
    e.arrival = number<std::uint64_t>(cells_[13], "arrival");
    e.binding = verdict_of_cell(cells_[14]);
    return e;
  }

  flight_verdict verdict_of_cell(std::string_view text) {
    const auto found = verdict_named(text);
    if (!found) refuse(column_of(text), quoted(text) + " is no verdict", "the name of a flight_verdict is needed");
    return *found;
  }

  void read_entries(flight_log& into) {
    for (;;) {
      expect_line("its last line");
      if (line_.starts_with("end ")) break;
      std::uint64_t ticket = 0;
      into.entries.push_back(entry_of_line({}, ticket));
      const std::uint64_t expected = into.start.ticket + into.entries.size() - 1;
      if (ticket != expected) {
        refuse(1, "the ticket is " + std::string(cells_[0]), std::to_string(expected) + " comes next");
      }
      if (into.entries.back().op == flight_op::set_limits) {
        expect_line("the limits that were set");
        into.changes.push_back(limits_of_line());
      }
    }
    begin("end");
    const auto count = number<std::uint64_t>(value_of("entries"), "entries");
    end_of_line();
    if (count != into.entries.size()) {
      refuse(1, "there are " + std::to_string(into.entries.size()) + " entries",
             "there must be " + std::to_string(count));
    }
    if (lines_.next(line_)) refuse(1, "there is more behind the end", "a file has one flight");
  }

  line_reader lines_;
  std::string_view line_;
  std::string_view rest_;  // of it
  std::array<std::string_view, flight_column_count> cells_;
};

}  // namespace

bool is_flight_file(const std::string& path) {
  line_reader lines(path);
  std::string_view first;
  return lines.next(first) && first.starts_with("weir.flight/");
}

flight_log read_flight(const std::string& path) { return flight_reader(path).read(); }

}  // namespace weir::tools
