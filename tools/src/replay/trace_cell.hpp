// Reads one cell of a trace: a whole number, a decimal number or a time, or says what is wrong with it and where.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir::tools {

/// A cell and its place. The views must outlive the use.
struct trace_cell {
  std::string_view file;
  std::uint64_t line = 0;
  std::size_t column = 0;  ///< of its first byte, from 1
  std::string_view name;   ///< of its column
  std::string_view text;
};

/// The cell as a whole number from 0 to `limit`. @throws bad_input
[[nodiscard]] std::uint64_t whole_number(const trace_cell& cell, std::uint64_t limit);

/// The cell as a finite decimal number from 0 to `limit`, with or without an exponent. @throws bad_input
[[nodiscard]] double decimal_number(const trace_cell& cell, double limit);

/// The cell as a UTC time `YYYY-MM-DD HH:MM:SS[.fraction]`, since 1970. Years 1970 to 2261; the fraction has 1 to 9
/// digits; a `T` may stand for the space, and `Z` or `+00:00` may follow. @throws bad_input
[[nodiscard]] std::chrono::nanoseconds utc_time(const trace_cell& cell);

/// @throws bad_input about this cell, always.
[[noreturn]] void refuse_cell(const trace_cell& cell, std::string_view what, std::string_view limit,
                              std::string_view remedy);

}  // namespace weir::tools
