// A bounded queue of one producer and one consumer (Lamport, 1977), in which each side keeps what it saw last of the
// other's place. Large, so that a side which the system takes off its CPU for a turn holds up no one. The peers in Go
// have the same, so that a door's time differs by the door. Wait-free but for the waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include <weir/queues/sync.hpp>

namespace weir::perf {

template <typename T>
class ring {
 public:
  static constexpr std::uint64_t size = 65'536;

  /// By the producer; waits while it is full.
  void put(T value) {
    while (written_ - emptied_seen_ == size) {
      emptied_seen_ = emptied_.load(detail::memory_order_acquire);  // (2)
      if (written_ - emptied_seen_ == size) std::this_thread::yield();
    }
    slots_[written_ % size] = std::move(value);
    filled_.store(++written_, detail::memory_order_release);  // (1)
  }

  /// By the consumer; waits while it is empty.
  [[nodiscard]] T take() {
    while (read_ == filled_seen_) {
      filled_seen_ = filled_.load(detail::memory_order_acquire);  // (1)
      if (read_ == filled_seen_) std::this_thread::yield();
    }
    T value = std::move(slots_[read_ % size]);
    emptied_.store(++read_, detail::memory_order_release);  // (2)
    return value;
  }

 private:
  std::vector<T> slots_{std::vector<T>(size)};
  // The producer's line. (1) filled: release store by the producer -> acquire load by the consumer; publishes a slot.
  alignas(64) detail::atomic<std::uint64_t> filled_{0};
  std::uint64_t written_ = 0;
  std::uint64_t emptied_seen_ = 0;
  // The consumer's line. (2) emptied: release store by the consumer -> acquire load by the producer; ends its reading.
  alignas(64) detail::atomic<std::uint64_t> emptied_{0};
  std::uint64_t read_ = 0;
  std::uint64_t filled_seen_ = 0;
};

}  // namespace weir::perf
