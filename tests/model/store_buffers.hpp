// What threads have written and others may not see yet: one buffer for each thread, emptied first in, first out.
//
// This is the machine of x86 (TSO) and a little more: a read-modify-write that is not sequentially consistent waits in
// the buffer, too, as it may where it is no fence. It stays atomic: another one on its object makes it visible first.
// A write becomes visible when its thread flushes (at a fence, a sequentially consistent write, an unlock, a futex
// call), or when another thread looks at its object; whether that look finds it is a choice of the schedule. No other
// time needs to be tried, since nobody could tell it from these. Limits: stores of two threads that wait on one object
// become visible in the order of the flushes only, and plain data is never delayed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "seam.hpp"

namespace model {

class store_buffers {
 public:
  /// Of the writes that wait on the object one thread looks at, how many the look misses: 0 to `most`.
  using choice = std::function<int(int most)>;
  using on_visible = std::function<void(std::size_t thread, const pending_write&)>;

  explicit store_buffers(on_visible tell) : tell_(std::move(tell)) {}

  /// Forgets everything.
  void reset(std::size_t threads);
  void add(std::size_t thread, const pending_write& w) { waiting_[thread].push_back(w); }
  [[nodiscard]] bool is_empty(std::size_t thread) const { return waiting_[thread].empty(); }
  /// The thread's own last write to the object, which it sees itself; null if none waits.
  [[nodiscard]] const pending_write* newest(std::size_t thread, const void* object) const;

  /// Makes all that the thread wrote visible.
  void flush(std::size_t thread);
  void flush_all();
  /// The same, up to its last write to the object.
  void flush_to(std::size_t thread, const void* object);

  /// Before a load by `thread`: makes visible what it sees.
  void look(std::size_t thread, const void* object, const choice& missed);
  /// Before a read-modify-write, which sees all others; returns whether it misses a plain store.
  bool look_to_update(std::size_t thread, const void* object, const choice& missed);

  /// The object ends.
  void forget(const void* object);

 private:
  using buffer = std::vector<pending_write>;

  void flush_first(std::size_t thread, std::size_t count);

  std::vector<buffer> waiting_;
  on_visible tell_;
};

}  // namespace model
