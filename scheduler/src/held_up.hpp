// What cannot end before the calling thread goes on: whether a wait would be one for itself.
#pragma once

#include <weir/scheduler/detail/group.hpp>

#include "run_context.hpp"

namespace weir::detail {

/// What a wait is for: the end of a task, or of all children of a group.
class awaited {
 public:
  explicit awaited(const frame& task) noexcept : task_(&task) {}
  explicit awaited(const group& all) noexcept : group_(&all) {}

  /// Whether it cannot end before the task in `c` does.
  [[nodiscard]] bool needs(const run_context& c) const noexcept {
    return c.task == task_ || (group_ != nullptr && is_child(*c.task) && c.task->group == group_);
  }
  /// Whether a run of that root, as a child of that group, is part of it; for what is waited for at least. The group
  /// may be gone: one of it is found, but of what is deeper nothing.
  [[nodiscard]] bool is(const frame* root, const group* of) const noexcept {
    return task_ != nullptr ? root == task_ : of == group_;
  }
  /// Whether the children of `g`, which is kept alive, are part of it.
  [[nodiscard]] bool has(const group& g) const noexcept {
    if (task_ != nullptr) return g.root == task_;
    if (g.root != group_->root) return false;
    for (const group* at = &g;; at = at->made_in->task->group) {
      if (at == group_) return true;
      if (at->made_in == nullptr || !is_child(*at->made_in->task)) return false;
    }
  }
  /// What both belong to.
  [[nodiscard]] const frame* root() const noexcept { return task_ != nullptr ? task_ : group_->root; }

 private:
  const frame* task_ = nullptr;
  const group* group_ = nullptr;
};

/// What cannot end before the calling thread goes on: the tasks on its stack, those whose stop callbacks it calls, and
/// the tasks below these on their own stacks; of a child also the task that made its group. A view: it stays true while
/// the thread sleeps.
class held_up {
 public:
  [[nodiscard]] static held_up by_this_thread() noexcept;

  /// Nothing of any pool.
  [[nodiscard]] bool is_empty() const noexcept { return top_ == nullptr && callbacks_ == nullptr; }
  [[nodiscard]] bool contains(const awaited& what) const noexcept;
  [[nodiscard]] bool contains_any_of(const core& pool) const noexcept;

 private:
  template <typename Predicate>
  [[nodiscard]] bool any(Predicate holds) const noexcept;

  const run_context* top_;
  const callback_scope* callbacks_;
};

}  // namespace weir::detail
