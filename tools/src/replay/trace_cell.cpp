#include "trace_cell.hpp"

#include <charconv>
#include <cmath>
#include <string>
#include <system_error>

#include "bad_input.hpp"

namespace weir::tools {

namespace {

constexpr std::string_view time_shape = "a time is written YYYY-MM-DD HH:MM:SS.fffffff (UTC)";

bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

std::string as_text(double number) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, number).ptr;
  return std::string(text, end);
}

// The number in text[from, from + digits), or -1 if there is anything but digits.
int digits_at(std::string_view text, std::size_t from, std::size_t digits) {
  if (text.size() < from + digits) return -1;
  int value = 0;
  for (const char letter : text.substr(from, digits)) {
    if (!is_digit(letter)) return -1;
    value = value * 10 + (letter - '0');
  }
  return value;
}

// The fraction of a second at the front of `rest`, which is left behind it; -1 if it is badly written.
std::int64_t take_fraction(std::string_view& rest) {
  if (rest.empty() || rest.front() != '.') return 0;
  std::size_t count = 1;
  std::int64_t value = 0;
  while (count < rest.size() && is_digit(rest[count]) && count <= 9) value = value * 10 + (rest[count++] - '0');
  if (count == 1) return -1;
  for (std::size_t missing = count; missing <= 9; ++missing) value *= 10;
  rest.remove_prefix(count);
  return value;
}

}  // namespace

void refuse_cell(const trace_cell& cell, std::string_view what, std::string_view limit, std::string_view remedy) {
  std::string subject(cell.name);
  if (!cell.text.empty()) subject += ' ' + quoted(cell.text);
  throw bad_input_at(cell.file, cell.line, cell.column, subject + ' ' + std::string(what), limit, remedy);
}

std::uint64_t whole_number(const trace_cell& cell, std::uint64_t limit) {
  const std::string range = "a whole number from 0 to " + std::to_string(limit) + " is needed";
  constexpr std::string_view remedy = "correct the cell";
  if (cell.text.empty()) refuse_cell(cell, "is missing", range, "fill the cell");
  std::uint64_t value = 0;
  const char* const end = cell.text.data() + cell.text.size();
  const auto [stop, error] = std::from_chars(cell.text.data(), end, value);
  if (error == std::errc::result_out_of_range && stop == end) refuse_cell(cell, "is too large", range, remedy);
  if (error != std::errc{} || stop != end) {
    const bool negative = cell.text.size() > 1 && cell.text.front() == '-' &&
                          cell.text.find_first_not_of("0123456789", 1) == std::string_view::npos;
    refuse_cell(cell, negative ? "is negative" : "is no whole number", range, remedy);
  }
  if (value > limit) refuse_cell(cell, "is too large", range, remedy);
  return value;
}

double decimal_number(const trace_cell& cell, double limit) {
  const std::string range = "a number from 0 to " + as_text(limit) + " is needed";
  constexpr std::string_view remedy = "correct the cell";
  if (cell.text.empty()) refuse_cell(cell, "is missing", range, "fill the cell");
  double value = 0;
  const char* const end = cell.text.data() + cell.text.size();
  const auto [stop, error] = std::from_chars(cell.text.data(), end, value);
  if (stop != end || error == std::errc::invalid_argument) refuse_cell(cell, "is no number", range, remedy);
  if (error == std::errc::result_out_of_range) refuse_cell(cell, "is out of range", range, remedy);
  if (!std::isfinite(value)) refuse_cell(cell, "is no finite number", range, remedy);
  if (value < 0) refuse_cell(cell, "is negative", range, remedy);
  if (value > limit) refuse_cell(cell, "is too large", range, remedy);
  return value;
}

std::chrono::nanoseconds utc_time(const trace_cell& cell) {
  namespace time = std::chrono;
  const std::string_view text = cell.text;
  if (text.empty()) refuse_cell(cell, "is missing", time_shape, "fill the cell");
  const int year = digits_at(text, 0, 4);
  const int month = digits_at(text, 5, 2);
  const int day = digits_at(text, 8, 2);
  const int hour = digits_at(text, 11, 2);
  const int minute = digits_at(text, 14, 2);
  const int second = digits_at(text, 17, 2);
  const bool written = year >= 0 && month >= 0 && day >= 0 && hour >= 0 && minute >= 0 && second >= 0 &&
                       text[4] == '-' && text[7] == '-' && (text[10] == ' ' || text[10] == 'T') && text[13] == ':' &&
                       text[16] == ':';
  if (!written) refuse_cell(cell, "is no time", time_shape, "correct the cell");
  std::string_view rest = text.substr(19);
  const std::int64_t fraction = take_fraction(rest);
  if (fraction < 0 || !(rest.empty() || rest == "Z" || rest == "+00:00")) {
    refuse_cell(cell, "is no time", time_shape, "correct the cell");
  }
  if (year < 1970 || year > 2261)
    refuse_cell(cell, "is out of range", "years 1970 to 2261 are known", "correct the cell");
  const time::year_month_day date{time::year(year), time::month(static_cast<unsigned>(month)),
                                  time::day(static_cast<unsigned>(day))};
  if (!date.ok()) refuse_cell(cell, "is no date of the calendar", time_shape, "correct the cell");
  if (hour > 23 || minute > 59 || second > 59) {
    refuse_cell(cell, "is no time of a day", "hours go to 23, minutes and seconds to 59", "correct the cell");
  }
  return time::sys_days(date).time_since_epoch() + time::hours(hour) + time::minutes(minute) + time::seconds(second) +
         time::nanoseconds(fraction);
}

}  // namespace weir::tools
