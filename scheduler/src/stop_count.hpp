// How often something that runs was asked to stop in a pool: so that a child learns with one load that nothing above it
// was since somebody has last looked. The protocol is in scheduler/groups.md, Stops. Progress: wait-free.
#pragma once

#include <cstdint>

#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

class alignas(cache_line) stop_count {
 public:
  /// After the cause was written, and before the look for what is queued.
  void raise() noexcept { (void)count_.fetch_add(1, memory_order_seq_cst); }  // (1)

  /// Before the words are looked at.
  [[nodiscard]] std::uint64_t read() const noexcept { return count_.load(memory_order_acquire); }  // (1)

 private:
  // Writers: who stops. Readers: who asks.
  // (1) raised: release addition after the cause -> acquire load: who has read a number sees all causes that are
  //     counted in it. All writes are read-modify-writes, so that it sees those of all before, too.
  atomic<std::uint64_t> count_{0};
};

}  // namespace weir::detail
