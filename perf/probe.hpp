// Measurements of a whole process, such as of its memory: each is made in a process of its own, in which nothing else
// has run.
#pragma once

#include <string_view>
#include <vector>

namespace weir::perf {

class probe {
 public:
  using measurement = std::vector<double> (*)();

  /// Of static life. `name` is a literal, and the only one of its kind.
  probe(std::string_view name, measurement how);
  probe(const probe&) = delete;
  probe& operator=(const probe&) = delete;

  /// Starts this program again for it, and returns what it has measured there. Ends the program where that fails.
  [[nodiscard]] std::vector<double> in_its_own_process() const;

 private:
  friend int print_probe(std::string_view name);

  std::string_view name_;
  measurement how_;
};

/// Does what the process was started for; returns its exit status.
int print_probe(std::string_view name);

}  // namespace weir::perf
