// Linux 6.12 and later take a wish for the length of a thread's turns under the fair policy (EEVDF: Stoica and
// Abdel-Wahab 1995): one with short turns has its deadline sooner, and so its CPU when it is woken.
#include "time_slice.hpp"

#include <cstdint>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::detail {
namespace {

// What the system calls for it speak of, in its first form; the C library has no name for it before version 2.41.
struct scheduling {
  std::uint32_t size = 48;
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime = 0;  // nanoseconds
  std::uint64_t deadline = 0;
  std::uint64_t period = 0;
};
static_assert(sizeof(scheduling) == 48);

}  // namespace

void ask_for_time_slice(duration slice) noexcept {
  if (slice == duration::zero()) return;
  scheduling mine;
  if (syscall(SYS_sched_getattr, 0, &mine, sizeof mine, 0) != 0 || mine.policy != SCHED_OTHER) return;
  mine.size = sizeof mine;
  mine.runtime = static_cast<std::uint64_t>(slice.count());
  (void)syscall(SYS_sched_setattr, 0, &mine, 0);
}

}  // namespace weir::detail
