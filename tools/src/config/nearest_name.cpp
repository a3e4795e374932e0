#include "nearest_name.hpp"

#include <algorithm>
#include <string>

namespace weir::tools {

namespace {

constexpr std::size_t longest_name = 40;  // far longer than any that is known

std::string folded(std::string_view name) {
  std::string all(name.substr(0, longest_name));
  for (char& letter : all) {
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    if (letter == '-') letter = '_';
  }
  return all;
}

// Optimal string alignment: as Levenshtein's, and two neighbours that are swapped count once.
std::size_t edits_between(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1);
  std::vector<std::size_t> above(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) above[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before.swap(above);
    above.swap(row);
  }
  return above[b.size()];
}

bool shares_a_part(const std::string& a, const std::string& b) {
  constexpr std::size_t least_part = 4;
  const std::string& part = a.size() < b.size() ? a : b;
  return part.size() >= least_part && (a.size() < b.size() ? b : a).find(part) != std::string::npos;
}

}  // namespace

std::optional<std::string_view> nearest_name(std::string_view given, const std::vector<std::string_view>& known) {
  const std::string wanted = folded(given);
  std::optional<std::string_view> best;
  std::size_t least = longest_name;
  std::vector<std::string_view> related;
  for (const std::string_view name : known) {
    const std::string other = folded(name);
    const std::size_t edits = edits_between(wanted, other);
    if (edits <= std::max<std::size_t>(1, other.size() / 3) && edits < std::min(least, wanted.size())) {
      best = name;
      least = edits;
    }
    if (shares_a_part(wanted, other)) related.push_back(name);
  }
  if (!best && related.size() == 1) best = related.front();
  return best;
}

}  // namespace weir::tools
