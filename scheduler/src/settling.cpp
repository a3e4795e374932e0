#include "settling.hpp"

#include <weir/admission/detail/thread_waiter.hpp>

namespace weir::detail {
namespace {

thread_local int depth = 0;

}  // namespace

settling::settling() noexcept : could_block_(this_thread_may_block()) {
  ++depth;
  set_this_thread_may_block(false);  // the same for limiters and semaphores
}

settling::~settling() {
  --depth;
  set_this_thread_may_block(could_block_);
}

bool settling::is_here() noexcept { return depth != 0; }

}  // namespace weir::detail
