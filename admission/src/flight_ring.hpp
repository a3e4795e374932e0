// The flight recorder's ring: the last entries of a gate, and what the limiter was before the oldest of them.
//
// Changes of limits are too long for an entry and have a ring of their own; where that is full, the entries up to the
// oldest change go with it. Guarded by the gate's lock; nothing allocates after construction.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/admission/clock.hpp>
#include <weir/admission/flight.hpp>

namespace weir::detail {

class flight_ring {
 public:
  /// The time of the operation that is under way: what the bucket goes by, so that an operation has one time.
  class held_clock final : public clock_source {
   public:
    explicit held_clock(time_point at) noexcept : at_(at) {}
    [[nodiscard]] time_point now() const noexcept override { return at_; }
    /// Nobody sleeps by it.
    void wait_until(const atomic<std::uint32_t>& /*word*/, std::uint32_t /*expected*/,
                    time_point /*until*/) const noexcept override {}

   private:
    friend class flight_ring;
    time_point at_;
  };

  /// @param from     before the first entry; of it how many to keep.
  /// @param clock    that operations go by; must outlive this.
  /// @param is_twin  whether it re-runs what another one has recorded.
  /// @throws std::bad_alloc
  flight_ring(const flight_start& from, const clock_source& clock, bool is_twin);

  [[nodiscard]] const clock_source& clock() const noexcept { return held_; }
  [[nodiscard]] bool is_twin() const noexcept { return is_twin_; }

  /// Reads the clock: the time of the operation that begins.
  time_point read() noexcept { return held_.at_ = clock_->now(); }
  /// Reads it again, and if that is later than `by`, it is the time of the operation from here on: then true.
  [[nodiscard]] bool read_again(time_point by) noexcept {
    const time_point again = clock_->now();
    if (again <= std::max(by, held_.at_)) return false;
    held_.at_ = again;
    return true;
  }
  [[nodiscard]] time_point now() const noexcept { return held_.at_; }

  /// Writes the next entry, over the oldest one if all places are taken; the others stay where they are.
  flight_entry& add(flight_op op) noexcept;
  /// The one with this ticket, the last one or one shortly before; null if it was overwritten.
  [[nodiscard]] flight_entry* find(std::uint64_t ticket) noexcept {
    if (ticket < oldest_.ticket) return nullptr;
    const auto back = static_cast<std::size_t>(next_ - ticket);
    return &entries_[end_ >= back ? end_ - back : end_ + entries_.size() - back];
  }
  /// Of the entry that comes next.
  [[nodiscard]] std::uint64_t next_ticket() const noexcept { return next_; }

  /// Before the first entry, where none has been added.
  [[nodiscard]] flight_entry& start() noexcept { return oldest_.state; }
  /// Of the set_limits that was added last.
  void add_change(const limits& next) noexcept;

  /// The largest caller's time that was noted.
  [[nodiscard]] std::int64_t caller_time() const noexcept { return caller_time_; }
  void note_caller_time(std::int64_t time) noexcept { caller_time_ = time; }

  /// For who writes to an entry that is no longer there.
  [[nodiscard]] flight_entry& spare() noexcept { return spare_; }

  [[nodiscard]] std::size_t entries() const noexcept { return static_cast<std::size_t>(next_ - oldest_.ticket); }
  /// How much the copy of it may need.
  [[nodiscard]] std::size_t most_entries() const noexcept { return entries_.size(); }
  [[nodiscard]] std::size_t most_changes() const noexcept { return changes_.size(); }
  /// Into one that has room for that.
  void copy_to(flight_log& out) const noexcept;

 private:
  void drop_oldest() noexcept;

  const clock_source* clock_;
  const bool is_twin_;
  held_clock held_;
  std::vector<flight_entry> entries_;
  std::vector<limits> changes_;
  flight_start oldest_;             // before the oldest entry
  std::uint64_t next_;              // ticket
  std::size_t end_ = 0;             // where it will stand
  std::uint64_t first_change_ = 0;  // as many were dropped
  std::uint64_t next_change_ = 0;
  std::int64_t caller_time_;
  flight_entry spare_;
};

}  // namespace weir::detail
