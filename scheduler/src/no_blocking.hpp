// For a scope, the calling thread may not sleep in a wait of a limiter or a semaphore: it holds what others wait for.
#pragma once

#include <weir/admission/detail/thread_waiter.hpp>

namespace weir::detail {

class no_blocking {
 public:
  no_blocking() noexcept : could_block_(this_thread_may_block()) { set_this_thread_may_block(false); }
  no_blocking(const no_blocking&) = delete;
  no_blocking& operator=(const no_blocking&) = delete;
  ~no_blocking() { set_this_thread_may_block(could_block_); }

 private:
  bool could_block_;
};

}  // namespace weir::detail
