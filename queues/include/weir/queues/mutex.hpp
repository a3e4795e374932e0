// The lock of weir's slow paths, with clang's thread-safety annotations, which -Wthread-safety checks.
//
// Short and cold by rule: no callback of the user's and no wake-up runs while one is held. Two exceptions: admission
// reads its clock, which may be the user's, and the clock thread is started under its own lock.
#pragma once

#include <weir/queues/sync.hpp>

#if defined(__clang__)
#define WEIR_ANNOTATE(...) __attribute__((__VA_ARGS__))
#else
#define WEIR_ANNOTATE(...)
#endif

/// The data may be touched only while the lock is held.
#define WEIR_GUARDED_BY(lock) WEIR_ANNOTATE(guarded_by(lock))
/// The caller holds the lock.
#define WEIR_REQUIRES(lock) WEIR_ANNOTATE(requires_capability(lock))
/// The caller holds the lock, and no longer after the call.
#define WEIR_RELEASES(lock) WEIR_ANNOTATE(release_capability(lock))
/// What the analysis cannot follow.
#define WEIR_NO_THREAD_SAFETY WEIR_ANNOTATE(no_thread_safety_analysis)
/// The caller does not hold the lock.
#define WEIR_EXCLUDES(lock) WEIR_ANNOTATE(locks_excluded(lock))

namespace weir::detail {

/// A plain mutual exclusion. Blocking; not recursive.
class WEIR_ANNOTATE(capability("mutex")) mutex {
 public:
  void lock() WEIR_ANNOTATE(acquire_capability()) { raw_.lock(); }
  [[nodiscard]] bool try_lock() WEIR_ANNOTATE(try_acquire_capability(true)) { return raw_.try_lock(); }
  void unlock() noexcept WEIR_ANNOTATE(release_capability()) { raw_.unlock(); }

 private:
  raw_mutex raw_;
};

/// Holds a mutex, or what is used as one, for a scope; `unlock` ends the hold early, once.
template <typename Mutex = mutex>
class WEIR_ANNOTATE(scoped_lockable) lock_guard {
 public:
  explicit lock_guard(Mutex& held) WEIR_ANNOTATE(acquire_capability(held)) : mutex_(&held) { held.lock(); }
  ~lock_guard() WEIR_ANNOTATE(release_capability()) {
    if (mutex_ != nullptr) mutex_->unlock();
  }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;

  void unlock() noexcept WEIR_ANNOTATE(release_capability()) {
    mutex_->unlock();
    mutex_ = nullptr;
  }

 private:
  Mutex* mutex_;
};

}  // namespace weir::detail
