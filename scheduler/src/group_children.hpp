// The queued children of one group, for who waits for it.
#pragma once

#include <cstddef>

#include <weir/scheduler/detail/group.hpp>

#include "core.hpp"

namespace weir::detail {

/// Wherever they are: first those of the waiting worker, then where one was found last. Used by one thread.
class children_of {
 public:
  children_of(core& in, group& of, const worker* by) noexcept
      : core_(&in),
        group_(&of),
        at_(by != nullptr ? static_cast<std::size_t>(by->index()) : 0),
        own_(&in.workers()[at_]->children()) {}

  [[nodiscard]] frame* take() noexcept {
    if (frame* const f = own_->take_of(*group_, from_own_)) return f;
    const auto workers = core_->workers();
    for (std::size_t i = 0; i < workers.size(); ++i) {
      if (frame* const f = workers[at_]->children().take_of(*group_, from_)) return f;
      at_ = (at_ + 1) % workers.size();
      from_ = {};
    }
    return nullptr;
  }

  [[nodiscard]] bool any() const noexcept {
    for (const auto& w : core_->workers()) {
      if (w->children().holds(*group_)) return true;
    }
    return false;
  }

 private:
  core* core_;
  group* group_;
  std::size_t at_;
  worker::children_queue* own_;
  worker::children_queue::cursor from_own_;
  worker::children_queue::cursor from_;
};

}  // namespace weir::detail
