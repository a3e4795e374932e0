// The table of perf/README.md.
#include <cstdio>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

#include "table.hpp"

namespace {

using namespace weir::cost;

std::string cell(std::uint64_t whole, std::uint64_t times) {
  if (whole % times == 0) return std::to_string(whole / times);
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", static_cast<double>(whole) / static_cast<double>(times));
  return text;
}

std::string rendered() {
  std::string text =
      "| operation | RMW: pool | worker | task | fences | futex: waits | wakes | locks | allocations | clock |\n"
      "|---|---|---|---|---|---|---|---|---|---|\n";
  for (const row* r : table) {
    text += "| " + std::string(r->operation) + " |";
    for (const auto field : fields) text += " " + cell(r->whole.*field, r->times) + " |";
    text += "\n";
  }
  return text;
}

// What stands in `path` between the two lines.
std::string between(const char* path, const std::string& begin, const std::string& end) {
  std::ifstream file(path);
  std::string text;
  bool is_inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line == end) is_inside = false;
    if (is_inside) text += line + "\n";
    if (line == begin) is_inside = true;
  }
  return text;
}

TEST(CostTable, IsTheOneOfTheReadme) {
  EXPECT_EQ(between(WEIR_COST_TABLE, "<!-- counts -->", "<!-- end of counts -->"), rendered()) << "it should be:\n\n"
                                                                                               << rendered();
}

}  // namespace
