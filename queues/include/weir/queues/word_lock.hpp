// A lock of one word, for what is held for moments: one read-modify-write to take it, and a plain store to give it
// back, where a mutex of the system needs two. Who finds it taken spins, then yields, then sleeps for moments, so that
// one which was preempted with the lock gets its CPU back, also from threads of a higher priority.
#pragma once

#include <chrono>

#include <weir/queues/mutex.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// A plain mutual exclusion, for use as `mutex` is. Blocking; not recursive; not fair.
/// @tparam Of  whose it is: profiles and counts of operations show it by that.
template <typename Of>
class WEIR_ANNOTATE(capability("mutex")) word_lock {
 public:
  void lock() noexcept WEIR_ANNOTATE(acquire_capability()) {
    while (is_held_.exchange(1, memory_order_acquire) != 0) await_release();  // (1)
  }
  [[nodiscard]] bool try_lock() noexcept WEIR_ANNOTATE(try_acquire_capability(true)) {
    return is_held_.load(memory_order_relaxed) == 0 && is_held_.exchange(1, memory_order_acquire) == 0;  // (1)
  }
  void unlock() noexcept WEIR_ANNOTATE(release_capability()) { is_held_.store(0, memory_order_release); }  // (1)

 private:
  [[gnu::noinline]] void await_release() noexcept {
    constexpr int spins = 100;
    constexpr int yields = 100;
    for (int round = 0; is_held_.load(memory_order_relaxed) != 0; ++round) {  // relaxed: the exchange follows
      if (round < spins) {
        cpu_pause();
      } else if (round < spins + yields) {
        thread_yield();
      } else {
        futex_wait(is_held_, 1, std::chrono::microseconds(50));  // nobody wakes it: by its end
      }
    }
  }

  // 1: held. Writers: who takes it, and who has it. Readers: who would take it.
  // (1) given back: release store by the holder -> acquire exchange by the next one.
  atomic<std::uint32_t> is_held_{0};
};

}  // namespace weir::detail
