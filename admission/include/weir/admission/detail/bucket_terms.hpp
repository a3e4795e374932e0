// What a token bucket goes by, its rate and its burst, and how they change while tokens are taken.
//
// The arrival of a bucket means nothing without the terms that it was reckoned in, and both must change in one step.
// So there are two slots of terms, and the lowest bit of the arrival says which of them it goes by: a change writes the
// other slot, and then exchanges the arrival for one that is reckoned in it. Changes are counted, so that a reader that
// slept through two of them does not take new terms for the ones that its arrival goes by.
// admission/token_bucket.md has the proof. Progress: wait-free; changes are made one at a time.
#pragma once

#include <cstdint>

#include <weir/admission/limits.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

/// What a bucket reckons with.
struct bucket_pace {
  std::int64_t interval = 0;  // ticks from one token to the next, rounded up; 0: unlimited
  std::int64_t burst = 0;     // tokens

  /// How far ahead of the present the arrival may lie without a debt, in ticks.
  [[nodiscard]] std::int64_t allowance() const noexcept { return interval * burst; }
};

struct bucket_terms {
  bucket_pace pace;
  rate refill = unlimited;  // as it was configured
};

class terms_in_force {
 public:
  /// Of a slot, or of an arrival that goes by it.
  using tag = std::uint32_t;
  /// How many changes had begun.
  using moment = std::uint32_t;

  explicit terms_in_force(const bucket_terms& first) noexcept { slots_[0].write(first); }
  terms_in_force(const terms_in_force&) = delete;
  terms_in_force& operator=(const terms_in_force&) = delete;

  /// First of all, before the arrival is read.
  [[nodiscard]] moment now() const noexcept { return begun_.load(memory_order_acquire); }  // (1)

  /// What an arrival with this tag goes by, if `holds` says so afterwards.
  [[nodiscard]] bucket_pace pace_of(tag at) const noexcept { return slots_[at].pace(); }
  [[nodiscard]] rate refill_of(tag at) const noexcept { return slots_[at].refill(); }

  /// Whether the slot of an arrival that was read after `since` has been left alone from then to now: what was read of
  /// it belongs together, and an arrival that is still the same goes by it.
  [[nodiscard]] bool holds(moment since, tag at) const noexcept {
    const moment until = begun_.load(memory_order_relaxed);  // relaxed: see (1) and (2)
    if (until == since) [[likely]]
      return true;
    // The arrival is of the last change that had begun at `since`, or of the one before, if that was not over. Two
    // changes later the slot is written again.
    const moment of = (since & 1) == at ? since : since - 1;
    return until - of < 2;
  }

  // ---- by who changes them, one at a time

  [[nodiscard]] tag present() const noexcept { return begun_.load(memory_order_relaxed) & 1; }

  /// Begins a change: writes the other slot, whose tag it returns. The caller then exchanges the arrival.
  [[nodiscard]] tag begin(const bucket_terms& next) noexcept {
    const moment number = begun_.load(memory_order_relaxed) + 1;  // relaxed: written by who changes only
    begun_.store(number, memory_order_release);                   // (1)
    slots_[number & 1].write(next);
    return number & 1;
  }

 private:
  // One of the two. Writer: a change, before its exchange of the arrival. Readers: all who read an arrival.
  // (2) terms: release store of each part -> acquire load: who reads a part of the next terms but one knows, by begun_,
  //     that they had begun.
  struct slot {
    atomic<std::int64_t> interval{0};
    atomic<std::int64_t> burst{0};
    atomic<std::int64_t> events{0};
    atomic<std::int64_t> period{0};

    void write(const bucket_terms& terms) noexcept {
      events.store(terms.refill.events(), memory_order_release);          // (2)
      period.store(terms.refill.period().count(), memory_order_release);  // (2)
      interval.store(terms.pace.interval, memory_order_release);          // (2)
      burst.store(terms.pace.burst, memory_order_release);                // (2)
    }
    [[nodiscard]] bucket_pace pace() const noexcept {
      return {.interval = interval.load(memory_order_acquire), .burst = burst.load(memory_order_acquire)};  // (2)
    }
    [[nodiscard]] rate refill() const noexcept {
      const std::int64_t of_events = events.load(memory_order_acquire);  // (2)
      return {of_events, duration(period.load(memory_order_acquire))};   // (2)
    }
  };

  slot slots_[2];
  // Counts the changes that have begun; the lowest bit is the slot that the last one wrote. Writer: who changes, one at
  // a time, and after the change before is over. Readers: all.
  // (1) change: release store -> acquire load before the arrival is read: that is then of the change before at the
  //     earliest. Later ones are seen by who acquires their terms (2), or an arrival that was exchanged for them.
  atomic<moment> begun_{0};
};

}  // namespace weir::detail
