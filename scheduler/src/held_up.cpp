// The search of what a thread holds up: over its own stack, and those that wait for what lies there.
#include "held_up.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::detail {

held_up held_up::by_this_thread() noexcept {
  held_up all;
  all.top_ = this_place.innermost;
  all.callbacks_ = this_place.innermost_callback;
  return all;
}

namespace {

// Goes over all that some contexts hold up, each once: what is below on their own stacks, and the tasks whose stop
// callbacks lie between; since a stolen fork holds up the stack that joins it, what is there from the place on where it
// was forked; and since a child holds up the task that made its group, what is there from that task on. A stack is a
// chain: what was seen of it is what lies at some height or below.
template <typename Predicate>
class held_up_search {
 public:
  explicit held_up_search(Predicate holds) noexcept : holds_(holds) {}

  [[nodiscard]] bool finds(const run_context* c) noexcept {
    if (c == nullptr) return false;
    const int seen_already = mark(c->stack, c->height);
    for (; c != nullptr && c->height > seen_already; c = c->below) {
      if (holds_(*c) || finds(c->forked) || (is_child(*c->task) && finds(c->task->group->made_in))) return true;
      if (finds_from(c->callbacks_below, c->below != nullptr ? c->below->callbacks_below : nullptr)) return true;
    }
    return false;
  }
  /// The tasks whose callbacks these are, down to but without `last`.
  [[nodiscard]] bool finds_from(const callback_scope* s, const callback_scope* last) noexcept {
    while (s != last && !finds(s->of())) s = s->below();
    return s != last;
  }

 private:
  struct mark_of {
    const void* stack;
    int height;
  };

  // Returns how high the stack was marked before. What does not fit is not marked: it may be gone over again.
  int mark(const void* stack, int height) noexcept {
    const auto last = marks_.begin() + count_;
    const auto it = std::find_if(marks_.begin(), last, [stack](const mark_of& m) { return m.stack == stack; });
    if (it != last) return std::exchange(it->height, std::max(it->height, height));
    if (it != marks_.end()) {
      *it = {stack, height};
      ++count_;
    }
    return 0;
  }

  Predicate holds_;
  std::array<mark_of, 128> marks_;
  int count_ = 0;
};

}  // namespace

template <typename Predicate>
bool held_up::any(Predicate holds) const noexcept {
  held_up_search search(holds);
  return search.finds(top_) || search.finds_from(callbacks_, top_ != nullptr ? top_->callbacks_below : nullptr);
}

bool held_up::contains(const awaited& what) const noexcept {
  return any([&](const run_context& c) { return what.needs(c); });
}

bool held_up::contains_any_of(const core& pool) const noexcept {
  return any([&](const run_context& c) { return c.pool == &pool; });
}

}  // namespace weir::detail
