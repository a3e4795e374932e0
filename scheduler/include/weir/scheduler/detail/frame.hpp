// The frame of a task: everything the pool knows of it, in one block of memory with the callable.
//
// scheduler/README.md has the table of the fields and of their sizes. A posted task that has no deadline and no trace
// and is not timed, and a child of a group, is a `frame` and its callable; all others are a `tracked_frame`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <new>
#include <source_location>

#include <weir/admission/deadline.hpp>
#include <weir/queues/timer_heap.hpp>
#include <weir/scheduler/detail/task_state.hpp>
#include <weir/scheduler/options.hpp>
#include <weir/scheduler/task_name.hpp>

namespace weir::detail {

class core;
class door_wait;
struct frame;
struct group;
struct run_context;

/// How a callable ended that was run: `left` by weir::cancelled, or with `error`, or, if neither, by returning.
struct run_end {
  bool left = false;
  std::exception_ptr error;
};

enum class frame_kind : std::uint8_t {
  posted,   // a frame
  tracked,  // a tracked_frame
  child,    // a frame that belongs to a group, whose name, deadline and stops are its own
};

/// What depends on the type of the callable. One static table for each type.
struct frame_ops {
  run_end (*run)(frame&, run_context&) noexcept;  // calls it, keeps what it returned
  void (*drop)(frame&) noexcept;                  // destroys the callable
  void (*on_admit)(frame&, time_point) noexcept;  // tells the callable that it was admitted; null if it does not ask
  void (*keep_error)(frame&, std::exception_ptr) noexcept;  // for whoever joins; null for posted work
  void (*free)(frame&) noexcept;                            // ends the memory; the callable is gone already
  frame_kind kind;
};

/// A block of `bytes`, a multiple of 8, from the calling thread's cache: aligned to 8 bytes, and to 16 or 64 if `bytes`
/// is a multiple of that, which is all that a type of this size can ask for if it is content with operator new.
/// Any thread. One of 32 calls takes a short lock. @throws std::bad_alloc.
[[nodiscard]] void* take_frame_memory(std::size_t bytes);
/// Gives back what `take_frame_memory(bytes)` returned, on any thread, also at the end of one.
void give_frame_memory(void* block, std::size_t bytes) noexcept;

struct frame {
  frame(const frame_ops& table, task_state::beginning first, std::uint32_t held, task_name called,
        const std::source_location& from) noexcept
      : ops(&table), state(first), weight(held), where(from), name(called) {}
  /// A child. It runs once its entry is taken, by whoever takes that: nobody else knows of it.
  frame(const frame_ops& table, struct group& of, const std::source_location& from) noexcept
      : ops(&table), state(task_state::phase::running), weight(0), where(from), group(&of) {}

  // The form with an alignment is for callables that ask for more than frames have.
  static void* operator new(std::size_t bytes) { return take_frame_memory(bytes); }
  static void* operator new(std::size_t bytes, std::align_val_t alignment) { return ::operator new(bytes, alignment); }
  static void operator delete(void* block, std::size_t bytes) noexcept { give_frame_memory(block, bytes); }
  static void operator delete(void* block, std::size_t bytes, std::align_val_t alignment) noexcept {
    ::operator delete(block, bytes, alignment);
  }

  const frame_ops* ops;
  task_state state;
  // Of the permit held; 0 if none. Of a child: how many tasks it counts as, 1, or 0 if it is part of the one that
  // spawned it. Written by the owner of the state.
  std::uint32_t weight;
  std::source_location where;  // the place of submission
  union {
    task_name name;
    struct group* group;  // of a child
  };
  // In a linked lane of the injector, also as a husk, after the task has run. Of a child: in a list of its group.
  frame* next_queued = nullptr;
};

static_assert(sizeof(frame) == 40);

/// A frame with what only some tasks need: a job, a deadline, a trace, a time of admission.
struct tracked_frame : frame {
  using frame::frame;

  core* pool = nullptr;
  weir::deadline deadline{};
  trace_id trace{};
  time_point admitted_at{};                // the limiter's stamp; written before `queued`
  door_wait* wait = nullptr;               // the place at the door, if it ever waited; freed with the frame
  std::uint32_t heap_index = not_in_heap;  // guarded by the clock thread's lock
  // Owners: the queue entry or whoever runs it, the job, the timer.
  // (1) given up: acq_rel subtraction; the last one sees all that the others did, and frees the frame.
  atomic<std::uint32_t> owners{1};
};

static_assert(sizeof(tracked_frame) == 96);

[[nodiscard]] inline tracked_frame* tracked(frame& f) noexcept {
  return f.ops->kind == frame_kind::tracked ? static_cast<tracked_frame*>(&f) : nullptr;
}
[[nodiscard]] inline const tracked_frame* tracked(const frame& f) noexcept { return tracked(const_cast<frame&>(f)); }
[[nodiscard]] inline bool is_child(const frame& f) noexcept { return f.ops->kind == frame_kind::child; }

inline void add_owner(tracked_frame& f) noexcept {
  f.owners.fetch_add(1, memory_order_relaxed);  // relaxed: who adds one owns it already
}

/// A frame that nobody owns yet, and whose callable is not there: frees it unless it is released.
class unowned_frame {
 public:
  explicit unowned_frame(frame& f) noexcept : frame_(&f) {}
  unowned_frame(const unowned_frame&) = delete;
  unowned_frame& operator=(const unowned_frame&) = delete;
  ~unowned_frame() {
    if (frame_ != nullptr) frame_->ops->free(*frame_);
  }
  void release() noexcept { frame_ = nullptr; }

 private:
  frame* frame_;
};

/// Gives up one owner's part; the last one frees the frame. A frame that is not tracked has one owner.
void drop_owner(frame& f) noexcept;

}  // namespace weir::detail
