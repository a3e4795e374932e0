// Steps of the real source that are left out or misplaced: mistakes that a model must notice.
//
// A model runs copies of the sources. In these the edits of a script beside the model, named as the source, ask here
// whether a step is to be as it stands or wrong. Each edit replaces one line by one, and nothing else differs: while no
// mistake is made what runs is the source. An edit that fits no longer makes no mistake, which then is not found.
#pragma once

#include <string_view>

#include <weir/queues/mutex.hpp>

namespace model {

/// The mistake that the source makes now; empty: none.
inline std::string_view mistake;

[[nodiscard]] inline bool makes(std::string_view what) noexcept { return mistake == what; }

/// Holds a lock for a scope, unless that is left out. To clang it always does.
template <typename Mutex>
class WEIR_ANNOTATE(scoped_lockable) lock_if_not {
 public:
  lock_if_not(std::string_view left_out, Mutex& held) WEIR_ANNOTATE(acquire_capability(held), no_thread_safety_analysis)
      : mutex_(makes(left_out) ? nullptr : &held) {
    if (mutex_ != nullptr) mutex_->lock();
  }
  ~lock_if_not() WEIR_ANNOTATE(release_capability(), no_thread_safety_analysis) {
    if (mutex_ != nullptr) mutex_->unlock();
  }
  lock_if_not(const lock_if_not&) = delete;
  lock_if_not& operator=(const lock_if_not&) = delete;

 private:
  Mutex* mutex_;
};

}  // namespace model

namespace weir::detail {
using model::lock_if_not;
using model::makes;
}  // namespace weir::detail
