// Marks a thread on which the pool itself runs code of the user's between tasks: destructors of callables that never
// ran and of results that nobody took, handlers, and whatever the clock thread calls. Such code may stand before
// outcomes that only this thread can deliver, or before the next deadline, so that a wait in it could be one for
// itself: waits are refused `would_deadlock`, and a job that is destroyed there asks its task to stop and does not wait
// for it.
#pragma once

#include "no_blocking.hpp"
#include "run_context.hpp"

namespace weir::detail {

class settling {
 public:
  settling() noexcept;
  settling(const settling&) = delete;
  settling& operator=(const settling&) = delete;
  ~settling();

  /// Whether the calling thread is marked.
  [[nodiscard]] static bool is_here() noexcept;

 private:
  no_blocking waits_;  // of limiters and semaphores
  no_forking forks_;
};

}  // namespace weir::detail
