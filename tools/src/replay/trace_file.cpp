#include "trace_file.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "bad_input.hpp"
#include "trace_cell.hpp"

namespace weir::tools {

namespace {

constexpr std::string_view azure_header = "TIMESTAMP,ContextTokens,GeneratedTokens";
constexpr std::string_view plain_header = "arrival_s,weight,service_us";
constexpr std::string_view tenant_header = "arrival_s,weight,service_us,tenant";
constexpr double latest_arrival_s = 4e9;  // takes seconds since 1970 until the year 2096
constexpr std::size_t most_cells = 4;

using row = std::array<trace_cell, most_cells>;

// Cuts a line into exactly `count` cells.
row cells_of(const line_reader& lines, std::string_view line, std::string_view header, std::size_t count) {
  row cells;
  std::size_t found = 0;
  std::size_t begin = 0;
  const std::string needed = std::to_string(count) + " cells are needed";
  for (;;) {
    const std::size_t comma = line.find(',', begin);
    if (found == count) {
      throw bad_input_at(lines.path(), lines.line_number(), begin + 1, "there is a cell too many", needed,
                         "write them as " + std::string(header));
    }
    const std::size_t name_end = header.find(',');
    cells[found++] = {.file = lines.path(),
                      .line = lines.line_number(),
                      .column = begin + 1,
                      .name = header.substr(0, name_end),
                      .text = line.substr(begin, comma == std::string_view::npos ? comma : comma - begin)};
    if (comma == std::string_view::npos) break;
    if (name_end != std::string_view::npos) header.remove_prefix(name_end + 1);
    begin = comma + 1;
  }
  if (found < count) {
    throw bad_input_at(lines.path(), lines.line_number(), line.size() + 1,
                       found == 1 ? "there is 1 cell" : "there are " + std::to_string(found) + " cells", needed,
                       "fill the line or remove it");
  }
  return cells;
}

std::chrono::nanoseconds rounded(double value, double ns_per_unit) {
  return std::chrono::nanoseconds(std::llround(value * ns_per_unit));
}

}  // namespace

trace_file::trace_file(std::string path, std::chrono::nanoseconds token_cost)
    : lines_(std::move(path)), token_cost_(token_cost) {
  read_header();
}

void trace_file::read_header() {
  const std::string known =
      "known headers are " + std::string(azure_header) + " and " + std::string(plain_header) + "[,tenant]";
  constexpr std::string_view remedy = "put one of them on the first line";
  std::string_view line;
  if (!lines_.next(line)) throw bad_input_at(lines_.path(), 1, 1, "the file is empty", known, remedy);
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
  if (line == azure_header) {
    format_ = format::azure;
  } else if (line == plain_header) {
    format_ = format::plain;
  } else if (line == tenant_header) {
    format_ = format::plain_with_tenant;
  } else {
    throw bad_input_at(lines_.path(), 1, 1, "unknown header " + quoted(line), known, remedy);
  }
}

bool trace_file::next(request& out) {
  std::string_view line;
  if (!lines_.next(line)) return false;
  if (line.empty()) {
    check_rest_is_empty();
    return false;
  }
  out.line = lines_.line_number();
  out.weight_column = line.find(',') + 2;  // the second cell, in every format
  if (format_ == format::azure) {
    const row cells = cells_of(lines_, line, azure_header, 3);
    const std::chrono::nanoseconds time = utc_time(cells[0]);
    out.weight = static_cast<std::uint32_t>(whole_number(cells[1], heaviest_weight));
    const auto token_limit = std::chrono::nanoseconds(longest_service) / token_cost_;
    const std::uint64_t tokens = whole_number(cells[2], static_cast<std::uint64_t>(token_limit));
    out.service = token_cost_ * static_cast<std::int64_t>(tokens);
    out.arrival = arrival_since_first(time, cells[0].text);
    return true;
  }
  const bool tenant = format_ == format::plain_with_tenant;
  const row cells = cells_of(lines_, line, tenant ? tenant_header : plain_header, tenant ? 4 : 3);
  const std::chrono::nanoseconds time = rounded(decimal_number(cells[0], latest_arrival_s), 1e9);
  constexpr std::chrono::microseconds longest = longest_service;
  out.weight = static_cast<std::uint32_t>(whole_number(cells[1], heaviest_weight));
  out.service = rounded(decimal_number(cells[2], static_cast<double>(longest.count())), 1e3);
  out.arrival = arrival_since_first(time, cells[0].text);
  return true;
}

std::chrono::nanoseconds trace_file::arrival_since_first(std::chrono::nanoseconds time, std::string_view text) {
  if (!any_) {
    any_ = true;
    first_ = time;
  } else if (time < last_) {
    throw bad_input_at(lines_.path(), lines_.line_number(), 1,
                       "the arrival " + quoted(text) + " lies before the one above", "arrivals may not go back",
                       "sort the file by time");
  }
  last_ = time;
  return time - first_;
}

void trace_file::check_rest_is_empty() {
  const std::uint64_t empty_line = lines_.line_number();
  std::string_view line;
  while (lines_.next(line)) {
    if (line.empty()) continue;
    throw bad_input_at(lines_.path(), empty_line, 1, "the line is empty",
                       "only the end of the file may have empty lines", "remove the line");
  }
}

void trace_file::rewind() {
  lines_.rewind();
  read_header();
  any_ = false;
}

}  // namespace weir::tools
