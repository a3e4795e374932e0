#include "tasks_on_callers.hpp"

#include "group_chain.hpp"

namespace weir::detail {

tasks_on_callers::entry::entry(tasks_on_callers& all, const frame& f) noexcept
    : all_(&all), shown_{.name = name_of(f), .where = f.where, .worker = -1, .depth = 0} {
  const lock_guard held(all.mutex_);
  next_ = all.first_;
  if (next_ != nullptr) next_->prev_ = this;
  all.first_ = this;
}

tasks_on_callers::entry::~entry() {
  const lock_guard held(all_->mutex_);
  (prev_ != nullptr ? prev_->next_ : all_->first_) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
}

void tasks_on_callers::list(std::vector<straggler>& out) const {
  const lock_guard held(mutex_);
  for (const entry* e = first_; e != nullptr; e = e->next_) out.push_back(e->shown_);
}

}  // namespace weir::detail
