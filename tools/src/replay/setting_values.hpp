// Reads one value of the command line or of a file, or says in one line what is wrong with it: what was asked, the
// limit, what to do. And the other way: how such values are written.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <weir/admission/limits.hpp>

#include "written_value.hpp"

namespace weir::tools {

/// A setting and what the user wrote for it.
struct given_value {
  std::string_view key;  ///< as in a file: `max_tasks`
  const written_value& value;

  [[nodiscard]] std::string_view text() const noexcept { return value.text; }
};

/// Says what is wrong with it.
[[noreturn]] void refuse(const given_value& given, const std::string& what, const std::string& limit,
                         const std::string& remedy);

/// A whole number from `least` to `most`. @throws bad_input
[[nodiscard]] std::uint64_t whole_value(const given_value& given, std::uint64_t least, std::uint64_t most);

/// A limit: a whole number from `least` to `most`, or the word `unlimited`. @throws bad_input
[[nodiscard]] std::int64_t limit_value(const given_value& given, std::int64_t least, std::int64_t most);

/// A finite number from `least` to `most`. @throws bad_input
[[nodiscard]] double number_value(const given_value& given, double least, double most);

/// Yes or no, written true or false. @throws bad_input
[[nodiscard]] bool truth_value(const given_value& given);

/// The name of a file. @throws bad_input
[[nodiscard]] std::string file_value(const given_value& given);

/// A length of time with its unit (`250ms`, `1.5s`; ns, us, ms, s, min, h) from `least` to `most`. @throws bad_input
[[nodiscard]] std::chrono::nanoseconds time_value(const given_value& given, std::chrono::nanoseconds least,
                                                  std::chrono::nanoseconds most);

/// A rate, per second (`2000`, `0.5`) or as weir::to_string writes it (`200/s`, `10/min`, `1 per 3 s`), with up to nine
/// decimals, or the word `unlimited`. Exact. @throws bad_input
[[nodiscard]] weir::rate rate_value(const given_value& given);

/// A length of time as a person writes it, with three digits: "250 ms", "1.17 s".
[[nodiscard]] std::string time_text(std::chrono::nanoseconds time);

/// A whole number with commas between thousands.
[[nodiscard]] std::string count_text(std::int64_t value);

/// Whole events per second, as "5,000/s"; "0/s" if no time has passed.
[[nodiscard]] std::string rate_text(std::uint64_t events, std::chrono::nanoseconds time);

}  // namespace weir::tools
