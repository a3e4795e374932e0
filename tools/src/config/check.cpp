#include "check.hpp"

#include <algorithm>
#include <iterator>
#include <ostream>
#include <utility>

#include "advice.hpp"
#include "configuration.hpp"
#include "explanation.hpp"

namespace weir::tools {

namespace {

void print_findings(std::ostream& out, std::vector<finding> all, const char* kind) {
  sort_by_place(all);
  for (const finding& one : all) out << place_text(one.at) << ": " << kind << ": " << one.text << '\n';
}

}  // namespace

exit_status run_check(const check_request& asked, std::ostream& out) {
  if (asked.file.empty()) throw bad_input("FILE \"\": the name is empty, a file is needed, name one");
  configuration said;
  try {
    said = read_configuration(asked.file);
  } catch (const bad_settings& error) {
    print_findings(out, error.all(), "error");
    return exit_status::bad_input;
  }
  read_settings used = read_all(said.written);
  read_traffic_result expected = read_traffic(said.expected);
  std::vector<finding> errors = said.wrong;
  for (std::vector<finding>* const more : {&used.wrong, &expected.wrong})
    std::move(more->begin(), more->end(), std::back_inserter(errors));
  const advised what{.file = asked.file, .said = said, .all = used.all, .expected = expected.all};
  // Where a value could not be read, what is said of it by others would only mislead.
  if (errors.empty()) errors = contradictions(what);
  if (!errors.empty()) {
    print_findings(out, std::move(errors), "error");
    return exit_status::bad_input;
  }
  std::vector<finding> warnings = doubts(what);
  if (warnings.empty()) {
    out << asked.file << ": ok\n";
  } else {
    print_findings(out, std::move(warnings), "warning");
  }
  if (asked.explain) {
    for (const std::string& line : explanation(what)) out << line << '\n';
  }
  return exit_status::held;
}

}  // namespace weir::tools
