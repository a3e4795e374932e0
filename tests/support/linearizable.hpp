// Whether a history of concurrent calls can be explained: is there an order of its calls, one by one, that keeps to the
// clock (who returned before another was called comes first) and in which a plain sequential model gives the very
// outcomes? The search of Wing and Gong (JPDC 17, 1993), with Lowe's memory of dead ends (2017). Exponential in how
// many calls overlap, so for short histories.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <vector>

namespace weir::testing {

/// One call and its outcome. The stamps are drawn from one counter, right before the call and right after its return.
/// What takes effect in several steps, one after the other, is recorded as several calls with the same stamps.
template <typename Call>
struct recorded {
  Call what;
  std::uint64_t called;
  std::uint64_t returned;

  [[nodiscard]] bool overlaps(const recorded& other) const noexcept {
    return called < other.returned && other.called < returned;
  }
};

/// Of each thread, its calls in their order.
template <typename Call>
using history = std::vector<std::vector<recorded<Call>>>;

/// `Model` is a value with an order, and `bool apply(const Call&)`: makes the call, and says whether the outcome of the
/// recorded one is possible then; if not, the model is not looked at any more.
template <typename Model, typename Call>
class linearization {
 public:
  explicit linearization(const history<Call>& of) : of_(&of), done_(of.size(), 0) {}

  [[nodiscard]] bool exists(const Model& initial) { return is_explained_from(initial); }

 private:
  [[nodiscard]] const recorded<Call>* next_of(std::size_t thread) const {
    const auto& calls = (*of_)[thread];
    return done_[thread] < calls.size() ? &calls[done_[thread]] : nullptr;
  }

  // Whether the calls that are not done yet can follow a `state`.
  [[nodiscard]] bool is_explained_from(const Model& state) {
    std::uint64_t first_return = std::numeric_limits<std::uint64_t>::max();
    bool any = false;
    for (std::size_t t = 0; t < of_->size(); ++t) {
      const recorded<Call>* const next = next_of(t);
      if (next == nullptr) continue;
      any = true;
      first_return = std::min(first_return, next->returned);
    }
    if (!any) return true;
    auto here = std::make_pair(done_, state);
    if (dead_ends_.count(here) != 0) return false;
    for (std::size_t t = 0; t < of_->size(); ++t) {
      const recorded<Call>* const next = next_of(t);
      if (next == nullptr || next->called > first_return) continue;  // another one had returned before it was called
      Model after = state;
      if (!after.apply(next->what)) continue;
      ++done_[t];
      if (is_explained_from(after)) return true;
      --done_[t];
    }
    dead_ends_.insert(std::move(here));
    return false;
  }

  const history<Call>* of_;
  std::vector<std::size_t> done_;  // calls of each thread that are in the order already
  std::set<std::pair<std::vector<std::size_t>, Model>> dead_ends_;
};

template <typename Model, typename Call>
[[nodiscard]] bool is_linearizable(const history<Call>& of, const Model& initial) {
  return linearization<Model, Call>(of).exists(initial);
}

}  // namespace weir::testing
