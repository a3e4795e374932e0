// The one order of the sequentially consistent operations of an execution, as far as it is decided: C++20 fixes it only
// where the operations can tell (P0668), so that it need not be the order in which they were run.
#pragma once

#include <bitset>
#include <cstddef>
#include <vector>

namespace model {

/// Sequentially consistent operations, fences included, numbered as they are run.
using events = std::bitset<128>;

class seq_cst_order {
 public:
  void clear() { before_.clear(); }

  [[nodiscard]] bool is_full() const { return before_.size() == events().size(); }

  /// Adds one that comes after `earlier`. Not if it is full.
  std::size_t add(const events& earlier);

  /// Whether each of `first` can come before each of `then`.
  [[nodiscard]] bool allows(const events& first, const events& then) const;
  /// Decides that.
  void put(const events& first, const events& then);

 private:
  [[nodiscard]] events up_to(const events& last) const;

  std::vector<events> before_;  // each event: all that come before it
};

}  // namespace model
