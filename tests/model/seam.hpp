// What the seam tells the explorer: one call for each operation. Included by model_sync.hpp; tests use explorer.hpp.
//
// Without store buffers and views the explorer is sequentially consistent: orders and fences are passed and shown, not
// interpreted. With store buffers (store_buffers.hpp) or views (views.hpp), atomic<T>'s read, write, update and
// compare_exchange in model_sync.hpp, the only places that touch a value, ask here first.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <source_location>

namespace model {

enum memory_order : std::uint8_t {
  memory_order_relaxed,
  memory_order_acquire,
  memory_order_release,
  memory_order_acq_rel,
  memory_order_seq_cst,
};

enum class action : std::uint8_t {
  load,
  store,
  exchange,
  compare_exchange,
  fetch_add,
  fetch_sub,
  fetch_or,
  fetch_and,
  fetch_xor,
  fence,
  lock,
  try_lock,
  unlock,
  futex_wait,
  futex_wake,
  pause,
  clock,
  visible,  // what was written before, to others
  join,     // of a thread
};

/// One operation of the seam, and where in the source it stands.
struct operation {
  action what;
  memory_order order;
  const void* object;
  std::source_location where;
};

/// A scheduling point: another thread of the scenario may run before this returns, and then the operation takes place.
void point(const operation& next) noexcept;

/// The result of the operation whose point came last, for the trace.
void note(std::uint64_t before, std::uint64_t after) noexcept;

/// A fence. Where stores are not delayed and there are no views, it is no scheduling point: nobody could tell when it
/// took place.
void fence(const operation& now) noexcept;

/// Takes the lock whose state is `held`, after waiting until it is free.
void acquire(bool& held, const operation& next) noexcept;

/// Sleeps on `word` until a wake, a spurious one included, or the end of `timeout`; negative is none.
void sleep(const void* word, std::chrono::nanoseconds timeout) noexcept;

/// Wakes at most `count` sleepers on `word`. Which ones is a choice.
void wake(const void* word, int count) noexcept;

/// Whether a weak compare-exchange that could succeed fails this time.
bool weak_failure() noexcept;

/// A write that its thread has done and that others may not see yet.
struct pending_write {
  void* object;
  std::uint64_t bits;
  void (*commit)(void* object, std::uint64_t bits) noexcept;
  bool is_update;  // the write of a read-modify-write
  operation from;
};

/// Whether what the running thread writes may wait in its buffer. Only then are the functions that follow called.
extern bool delaying;

/// Before a load: makes visible what it is to see. Returns the running thread's own write that is still waiting, which
/// the load is to return; else null.
const pending_write* before_load(const void* object) noexcept;

/// Before a read-modify-write: makes visible what it is to see. Returns whether its own write may wait.
bool before_update(const operation& next) noexcept;

/// Lets a write wait, as far as its order allows.
void delay(const pending_write& w) noexcept;

/// Makes visible what the running thread has written.
void flush() noexcept;

/// The object ends. With views, too.
void forget(const void* object) noexcept;

/// Whether a load of the running thread may read what a newer store has replaced. Only then are the functions that
/// follow called. `bits` is what the object holds now.
extern bool viewing;

/// What the load reads.
std::uint64_t load_by_view(const operation& now, std::uint64_t bits) noexcept;

/// A store, and a read-modify-write, of `after`.
void store_by_view(const operation& now, std::uint64_t bits, std::uint64_t after) noexcept;
void update_by_view(const operation& now, std::uint64_t bits, std::uint64_t after) noexcept;

/// A compare-exchange, `now` with its order if it succeeds; sets `expected` if it fails.
bool compare_exchange_by_view(const operation& now, memory_order failure, std::uint64_t bits, std::uint64_t& expected,
                              std::uint64_t desired, bool weak) noexcept;

/// The kernel looks at the word for the running thread.
void look_by_view(const void* word, std::uint64_t bits) noexcept;

/// The running thread has taken a lock, or is giving it back.
void lock_by_view(const void* mutex) noexcept;
void unlock_by_view(const void* mutex) noexcept;

/// The running thread makes an atomic object.
void made(const void* object, std::uint64_t bits) noexcept;

/// The source starts a thread. Returns its number, or 0: the scenario has no room for it, and it never runs.
std::uint32_t begin_thread(std::function<void()> body);

/// Waits until that thread is over.
void join_thread(std::uint32_t number, const std::source_location& where) noexcept;

/// The number of the running thread of the scenario, from 1 on; 0 outside of them.
std::uint32_t this_thread() noexcept;

/// The time of the model's clock.
std::chrono::steady_clock::time_point now() noexcept;

}  // namespace model
