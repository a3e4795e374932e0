#include "setting_values.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <system_error>

#include "bad_input.hpp"
#include "outcome.hpp"

namespace weir::tools {

namespace {

using std::chrono::nanoseconds;

struct unit {
  std::string_view name;
  double ns;
};
constexpr std::array<unit, 6> units{{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"min", 6e10}, {"h", 3.6e12}}};

std::string bound_text(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.12g", number);
  return text;
}

// Reads a finite number at the front of the text; the end of it, or nullptr if there is none.
const char* read_number(std::string_view text, double& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && std::isfinite(number) ? end : nullptr;
}

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool in_file(const given_value& given) { return !given.value.at.file.empty(); }

// How such a value would be written there.
std::string such_as(const given_value& given, const std::string& sample) {
  return "such as " + (in_file(given) ? '"' + sample + '"' : sample);
}

}  // namespace

void refuse(const given_value& given, const std::string& what, const std::string& limit, const std::string& remedy) {
  const std::string told = in_file(given) ? assignment(given.key, given.value)
                                          : name_at(given.key, given.value.at) + ' ' + quoted(given.text());
  throw bad_input(told + ": " + what + ", " + limit + ", " + remedy);
}

bool truth_value(const given_value& given) {
  if (given.text() == "true") return true;
  if (given.text() != "false") refuse(given, "this is neither yes nor no", "true or false is possible", "write one");
  return false;
}

std::string file_value(const given_value& given) {
  if (given.value.as != written_as::word) {
    refuse(given, "this is no name", "the name of a file is needed", "write it in quotes");
  }
  if (given.text().empty()) {
    refuse(given, "the name is empty", "a file is needed",
           "name one or leave the " + std::string(in_file(given) ? "line" : "flag") + " out");
  }
  if (given.text().find('\0') != std::string_view::npos) {
    refuse(given, "there is a zero byte in the name", "the names of files have none", "correct it");
  }
  return std::string(given.text());
}

std::uint64_t whole_value(const given_value& given, std::uint64_t least, std::uint64_t most) {
  const std::string range = std::to_string(least) + " to " + std::to_string(most) + " is possible";
  std::uint64_t value = 0;
  const std::string_view text = given.text();
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole =
      end == text.data() + text.size() && (error == std::errc{} || error == std::errc::result_out_of_range);
  if (!whole && !(text.starts_with('-') && all_digits(text.substr(1)))) {
    refuse(given, "this is no whole number", range, "write digits only");
  }
  if (!whole || error != std::errc{} || value < least || value > most) {
    refuse(given, "out of range", range, "choose a number in that range");
  }
  return value;
}

std::int64_t limit_value(const given_value& given, std::int64_t least, std::int64_t most) {
  if (given.text() == "unlimited") return weir::unlimited;
  return static_cast<std::int64_t>(
      whole_value(given, static_cast<std::uint64_t>(least), static_cast<std::uint64_t>(most)));
}

double number_value(const given_value& given, double least, double most) {
  const std::string range = bound_text(least) + " to " + bound_text(most) + " is possible";
  double value = 0;
  if (read_number(given.text(), value) != given.text().data() + given.text().size()) {
    refuse(given, "this is no finite number", range, "write a plain number");
  }
  if (value < least || value > most) refuse(given, "out of range", range, "choose a number in that range");
  return value;
}

nanoseconds time_value(const given_value& given, nanoseconds least, nanoseconds most) {
  const std::string range = time_text(least) + " to " + time_text(most) + " is possible";
  double number = 0;
  const char* const end = read_number(given.text(), number);
  if (end == nullptr)
    refuse(given, "this is no length of time", range, "write a number and a unit, " + such_as(given, "250ms"));
  const std::string_view name = given.text().substr(static_cast<std::size_t>(end - given.text().data()));
  if (name.empty()) {
    refuse(given, "the unit is missing", "ns, us, ms, s, min and h are known",
           "write it behind the number, " + such_as(given, "250ms"));
  }
  for (const unit& known : units) {
    if (known.name != name) continue;
    const double ns = number * known.ns;
    if (!(ns >= static_cast<double>(least.count()) && ns <= static_cast<double>(most.count()))) {
      refuse(given, "out of range", range, "choose a time in that range");
    }
    return nanoseconds(std::llround(ns));
  }
  refuse(given, "the unit " + quoted(name) + " is unknown", "ns, us, ms, s, min and h are known", "use one of them");
}

std::string time_text(nanoseconds time) {
  const auto ns = static_cast<double>(time.count());
  const unit* best = units.data();
  for (const unit& known : units) {
    if (known.name == "min") break;  // beyond seconds, a number of seconds is what people compare
    if (std::abs(ns) >= known.ns) best = &known;
  }
  char text[48];
  std::snprintf(text, sizeof text, std::abs(ns) >= 1e12 ? "%.0f %.*s" : "%.3g %.*s", ns / best->ns,
                static_cast<int>(best->name.size()), best->name.data());
  return text;
}

std::string count_text(std::int64_t value) {
  std::string digits = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string rate_text(std::uint64_t events, nanoseconds time) {
  return count_text(static_cast<std::int64_t>(per_second_of(events, time))) + "/s";
}

}  // namespace weir::tools
