// What each thread must see: the stores of every atomic object in their order, and for each thread, of each object, the
// oldest store that it may still read.
//
// This is the machine of C++20, as far as one can run it forwards (views: Kang, Hur, Lahav, Vafeiadis, Dreyer, POPL
// 2017; loom does the like for Rust). A store carries what its thread had seen if it is a release; a load that acquires
// takes that over. A read-modify-write reads the newest store and hands on what that carried; another store does not,
// not even one of the same thread. What sequentially consistent operations and fences may read besides is decided by
// their one order (seq_cst_order.hpp; rules: [atomics.order] 3 and 4): a load may not read what would close a circle.
//
// Limits: an object's stores are in the order of the schedule, and no load reads what is stored later, so that outcomes
// that need either (two stores passing each other, load buffering) are not found.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "seam.hpp"
#include "seq_cst_order.hpp"

namespace model {

/// What has happened before: of each thread up to which step, and of each object up to which store.
class view {
 public:
  [[nodiscard]] std::uint32_t operator[](std::size_t i) const { return i < at_.size() ? at_[i] : 0; }
  void raise(std::size_t i, std::uint32_t to);
  void join(const view& other);

 private:
  std::vector<std::uint32_t> at_;
};

/// What a thread knows, and what it hands on.
struct knowledge {
  view seen;
  events past;    // what it does from now on comes after these, in their one order
  events fences;  // those that happened before
  events heads;   // handed on only: the one that hands on, and is sequentially consistent itself

  void join(const knowledge& other);
};

class views {
 public:
  /// Forgets everything.
  void reset(std::size_t threads);
  /// No room for another sequentially consistent operation.
  [[nodiscard]] bool is_full() const { return order_.is_full(); }

  // `bits` is what the object holds now, for the one that nobody has spoken of before: it is older than the threads.

  /// Which stores a load may read, newest first, as how many stores before the newest.
  [[nodiscard]] std::vector<std::size_t> readable(std::size_t thread, const operation& load, std::uint64_t bits);
  /// Reads the store that is the `back`-th before the newest; returns what it holds.
  std::uint64_t load(std::size_t thread, const operation& load, std::uint64_t bits, std::size_t back);
  void store(std::size_t thread, const operation& store, std::uint64_t bits, std::uint64_t after);
  /// A read-modify-write.
  void update(std::size_t thread, const operation& update, std::uint64_t bits, std::uint64_t after);
  /// seq_cst, or acq_rel, which has no place in the order of those.
  void fence(std::size_t thread, memory_order order);
  /// What that store holds.
  [[nodiscard]] std::uint64_t bits_of(const void* object, std::size_t back) const;

  /// What `first` has done happens before what `then` does: one thread starts the other, or waits for its end.
  void hand_on(std::size_t first, std::size_t then);

  void lock(std::size_t thread, const void* mutex);
  void unlock(std::size_t thread, const void* mutex);

  /// The thread reads the newest store, and learns nothing else by that: the kernel in futex_wait.
  void look(std::size_t thread, const void* object, std::uint64_t bits);
  /// The sleeper on `object` goes on no earlier than the wake: it reads nothing older than the waker would. What the
  /// waker did besides is left to the orders of the source.
  void wake(std::size_t waker, std::size_t sleeper, const void* object);

  /// A thread makes an object.
  void made(std::size_t thread, const void* object, std::uint64_t bits);
  /// Whether the thread may use it: its making happened before.
  [[nodiscard]] bool sees_made(std::size_t thread, const void* object) const;
  /// The object ends. False if a use of it by another thread did not happen before.
  bool forget(std::size_t thread, const void* object);
  /// Whether it has ended, and none was made in its place.
  [[nodiscard]] bool is_over(const void* object) const;

  /// The thread's own step, 1 or more; it changes where something was published.
  [[nodiscard]] std::uint32_t step(std::size_t thread) const { return threads_[thread].now.seen[thread]; }
  /// Whether step `step` of `other` happened before what the thread does now.
  [[nodiscard]] bool has_seen(std::size_t thread, std::size_t other, std::uint32_t step) const {
    return threads_[thread].now.seen[other] >= step;
  }

 private:
  struct stored {
    std::uint64_t bits = 0;
    knowledge carried = {};
    // For their one order: who wrote and read this, and the fences that happened before such an operation of any order.
    events writer = {}, before_writer = {};
    events readers = {}, before_readers = {};
  };
  struct history {
    std::size_t place = 0;  // in a view
    std::vector<stored> stores = {};
    std::size_t maker = 0;
    std::uint32_t made_at = 0;  // the maker's step; 0: before the threads
    view users = {};            // the last step of each thread that used it
    bool is_over = false;

    [[nodiscard]] std::size_t newest() const { return stores.size() - 1; }
  };
  struct thread_state {
    knowledge now;
    knowledge fence_would_add;  // carried by what was read without acquiring
    knowledge at_fence;         // what a store that is no release carries
  };
  struct fence_event {
    events self;
    view seen;
  };

  history& of(const void* object, std::uint64_t bits);
  history& used(std::size_t thread, const void* object, std::uint64_t bits);
  void take_over(std::size_t thread, const knowledge& carried, memory_order order);
  void append(std::size_t thread, history& h, const operation& from, std::uint64_t bits, const events& earlier,
              const knowledge* continued);
  void next_step(std::size_t thread) { threads_[thread].now.seen.raise(thread, step(thread) + 1); }

  [[nodiscard]] static events before_use(const history& h, std::size_t at);
  [[nodiscard]] events after_read(const history& h, std::size_t at) const;
  [[nodiscard]] events before_load(std::size_t thread, const history& h, std::size_t at, memory_order order) const;

  std::vector<thread_state> threads_;
  std::unordered_map<const void*, history> objects_;
  std::size_t places_ = 0;
  seq_cst_order order_;
  std::vector<fence_event> fences_;
};

}  // namespace model
