// The seam: the only file of weir that names std::atomic, a fence, a futex, a mutex of the system, the CPU's pause or
// its counter.
//
// Everything else uses the names below, which cost nothing: an alias, or one inlined call. With WEIR_MODEL defined as
// the name of a header, the same names come from that: the interleaving explorer of tests/model/, or the counts of
// tests/cost/. So the very source that ships is what is explored and counted. This is the one place with that switch.
#pragma once

#ifdef WEIR_MODEL
#include WEIR_MODEL  // defines every name of this file once more
#else

#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <mutex>
#include <sched.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace weir::detail {

template <typename T>
using atomic = std::atomic<T>;

using std::memory_order_acq_rel;
using std::memory_order_acquire;
using std::memory_order_relaxed;
using std::memory_order_release;
using std::memory_order_seq_cst;

/// The lock of the slow paths. Use it through weir::detail::mutex, which carries clang's lock annotations.
using raw_mutex = std::mutex;

/// Orders every earlier load and store of this thread before every later one, for all threads that do the same: the
/// store-load barrier. Each use names its partner. On x86 a locked dummy operation, since clang's `mfence` costs ten
/// times as much (20 ns against 2) and g++ cannot compile a fence under ThreadSanitizer, which does not see fences
/// anyway. It is on what lies below the stack, in the red zone: the top holds what the function is about to load again,
/// which would have to wait for it (OpenJDK does so, too): a function with one took 9 ns so, and 19 with the top.
inline void full_fence() noexcept {
#if defined(__x86_64__)
  __asm__ __volatile__("lock; orl $0, -64(%%rsp)" ::: "memory", "cc");
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

/// Tells the CPU that this is a spin loop.
inline void cpu_pause() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield" ::: "memory");
#endif
}

/// Gives the rest of the time slice away: the step of a spin loop after which the thread it waits for can run on this
/// CPU.
inline void thread_yield() noexcept { std::this_thread::yield(); }

/// A thread of weir's own, and which one the calling thread is.
using raw_thread = std::thread;
using thread_id = std::thread::id;
inline thread_id this_thread_id() noexcept { return std::this_thread::get_id(); }

/// The CPU that the calling thread is on, or was on a moment ago; where nobody knows, any number. For what is kept once
/// a CPU so that threads do not write one line, and is right whatever this says. A load of what Linux writes into the
/// thread's own memory (rseq, glibc 2.35 on: the same number for all where it is switched off), else a call of 2 ns.
inline std::size_t cpu_hint() noexcept {
#if __has_include(<sys/rseq.h>) && (defined(__x86_64__) || defined(__aarch64__))
  const auto* const place = static_cast<const char*>(__builtin_thread_pointer()) + __rseq_offset;
  return reinterpret_cast<const volatile struct rseq*>(place)->cpu_id;
#else
  return static_cast<std::size_t>(::sched_getcpu());
#endif
}

/// Sleeps while `word` holds `expected`, until a wake, a signal or the end of `timeout` (none if negative). May return
/// spuriously: the caller looks again. Progress: blocking.
inline void futex_wait(const atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::chrono::nanoseconds timeout) noexcept {
  timespec relative{};
  timespec* limit = nullptr;
  if (timeout.count() >= 0) {
    constexpr std::int64_t second = 1'000'000'000;
    relative.tv_sec = static_cast<time_t>(timeout.count() / second);
    relative.tv_nsec = static_cast<long>(timeout.count() % second);
    limit = &relative;
  }
  const int saved_errno = errno;  // a wait is not a failure that a task should read in errno
  ::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, expected, limit, nullptr, 0);
  errno = saved_errno;
}

/// Wakes at most `count` threads that sleep on `word`. Only its address is used, so that the word may be gone already:
/// a sleeper elsewhere at the same address then wakes spuriously, which every sleeper must bear.
inline void futex_wake(const atomic<std::uint32_t>* word, int count) noexcept {
  const int saved_errno = errno;
  ::syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, nullptr, nullptr, 0);
  errno = saved_errno;
}

inline constexpr int wake_all = INT_MAX;

/// The time of the system's monotonic clock. What decides about deadlines and rates asks weir::clock_source instead.
inline std::chrono::steady_clock::time_point steady_now() noexcept { return std::chrono::steady_clock::now(); }

/// The CPU's time-stamp counter, read after all that this thread did before: without the barrier a CPU reads it ahead
/// of a load whose line it waits for, and who was handed something reads an earlier count than who handed it over.
/// Whether it counts time, and whether `lfence` is such a barrier here, the caller has asked before; 0 on other CPUs.
inline std::uint64_t counter_now() noexcept {
#if defined(__x86_64__)
  std::uint32_t low = 0;
  std::uint32_t high = 0;
  __asm__ __volatile__("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
#else
  return 0;
#endif
}

}  // namespace weir::detail

#endif
