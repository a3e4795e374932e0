// One allocation of a thread fails, each of those that something makes in its turn. For a program of which one file
// includes support/allocations.hpp.
#pragma once

#include <gtest/gtest.h>
#include <new>

#include "support/allocation_counts.hpp"
#include "support/sanitizers.hpp"

namespace weir::testing {

/// In a build with AddressSanitizer each frame is an allocation by itself, and can be made to fail as one.
inline constexpr int allocations_of_a_small_frame = WEIR_WITH_ASAN ? 1 : 0;

/// The k-th allocation of this thread fails, until it is over.
class failing_allocation {
 public:
  explicit failing_allocation(int k) { allocations_until_failure = k; }
  failing_allocation(const failing_allocation&) = delete;
  failing_allocation& operator=(const failing_allocation&) = delete;
  ~failing_allocation() { over(); }

  void over() noexcept {
    if (is_over_) return;
    is_over_ = true;
    has_failed_ = allocations_until_failure == 0;
    allocations_until_failure = 0;
  }
  [[nodiscard]] bool has_failed() const noexcept { return has_failed_; }

 private:
  bool is_over_ = false;
  bool has_failed_ = false;
};

enum class without_one { nothing_failed, went_on, threw };

/// Calls `f(failing)` with the k-th allocation failing, until `f` says that this is over.
template <typename F>
without_one without(int k, F&& f) {
  failing_allocation failing(k);
  try {
    f(failing);
  } catch (const std::bad_alloc&) {
    return without_one::threw;
  }
  failing.over();
  return failing.has_failed() ? without_one::went_on : without_one::nothing_failed;
}

/// Calls `attempt(k)` for k = 1, 2, ... until no allocation has failed in it. Returns how many have thrown.
template <typename Attempt>
int failures_of(Attempt&& attempt) {
  int threw = 0;
  for (int k = 1; k < 60; ++k) {
    const without_one how = attempt(k);
    if (how == without_one::nothing_failed) return threw;
    if (how == without_one::threw) ++threw;
  }
  ADD_FAILURE() << "there is no end of it";
  return 0;
}

}  // namespace weir::testing
