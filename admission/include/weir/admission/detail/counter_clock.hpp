// A clock that reads a counter, and now and then a reference clock to go by. The protocol, with its proof, is in
// admission/tsc_clock.md. Kernels do the like for their own clock (Linux, kernel/time/timekeeping.c: a seqlock over a
// base and a multiplier); what differs is that readers renew the line, that none of them waits for it, and that a line
// is never changed from within, so that which one was read need not be compared with when the counter was.
// Progress: a reading within a line is wait-free and writes nothing; else lock-free, with a reading of the reference.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>

#include <weir/admission/clock.hpp>
#include <weir/admission/detail/counter_line.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/sync.hpp>
#include <weir/queues/word_lock.hpp>

namespace weir::detail {

/// What a counter_clock reads, from any thread at any time. Both are monotone; the counter is of the whole machine, and
/// each is read in its place: after all that comes before it, and before all that comes after it.
template <typename T>
concept counter_machine = requires(const T& machine) {
  { machine.counter() }
  noexcept->std::same_as<std::uint64_t>;
  { machine.reference() }
  noexcept->std::same_as<time_point>;
};

/// What all readings go by: a line, by its number, or that there is none, and the latest time told meanwhile.
class counter_state {
 public:
  explicit constexpr counter_state(std::uint64_t bits) noexcept : bits_(bits) {}
  [[nodiscard]] static constexpr counter_state line(std::uint64_t number) noexcept {
    return counter_state(number << 1 | 1);
  }
  [[nodiscard]] static constexpr counter_state no_line(std::int64_t floor) noexcept {
    return counter_state(static_cast<std::uint64_t>(floor) << 1);
  }
  static constexpr std::int64_t lowest_floor = std::numeric_limits<std::int64_t>::min() / 2;

  [[nodiscard]] constexpr bool has_line() const noexcept { return (bits_ & 1) != 0; }
  [[nodiscard]] constexpr std::uint64_t number() const noexcept { return bits_ >> 1; }
  [[nodiscard]] constexpr std::int64_t floor() const noexcept { return static_cast<std::int64_t>(bits_) >> 1; }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }

 private:
  std::uint64_t bits_;
};

/// The reference's time, by the counter. Monotone: if one call happens before another, on whatever threads, it returns
/// no later time, as long as the counter does not go back by less than two pieces of a line.
///
/// Any thread may call it at any time. Within `largest_error` of the reference, as long as that changes its speed by at
/// most 1,000 ppm and the counter is between 1 and 5 GHz; off by more, after the counter or the reference has jumped,
/// for at most two pieces: 4.2 ms. Until then it stands rather than go back.
template <counter_machine Machine>
class counter_clock {
 public:
  static constexpr duration largest_error{10'000};
  /// No line where readings are further apart: it would cost more than it spares.
  static constexpr duration sparse{100'000};

  explicit counter_clock(Machine machine = Machine()) noexcept : machine_(machine) {}
  counter_clock(const counter_clock&) = delete;
  counter_clock& operator=(const counter_clock&) = delete;

  [[nodiscard]] time_point now() noexcept;

 private:
  // The words of a line; two of them take turns, the line with number n has slot n modulo 2.
  // Writer: who measures. Readers: all.
  // (2) used again: release store by who measures -> acquire load by a reader, who has come too late: it then finds
  //     that state_ has moved on, since that was done before the slot was used again.
  struct slot {
    atomic<std::uint64_t> begin{0};
    atomic<std::int64_t> start{0};
    atomic<std::uint64_t> slopes{0};
  };

  static constexpr std::int64_t widest_pair = 2'000;     // ns, of which it may be off by half
  static constexpr std::int64_t furthest_ahead = 1'000;  // ns, of the floor at the begin of a line

  [[gnu::noinline]] std::int64_t now_off_line() noexcept;
  // Both at the time `present`, about, which renew returns.
  [[gnu::noinline]] std::int64_t renew(counter_state seen, std::int64_t present) noexcept;
  void begin_line(std::int64_t present) noexcept;
  [[nodiscard]] counter_line words_of(counter_state s) const noexcept;
  [[nodiscard]] bool try_measuring(std::int64_t present) noexcept
      WEIR_ANNOTATE(try_acquire_capability(true, measuring_));
  void end_measuring(std::int64_t present, bool has_published) noexcept WEIR_RELEASES(measuring_);
  [[nodiscard]] bool publish(counter_state over, const counter_line& line) noexcept WEIR_REQUIRES(measuring_);
  [[nodiscard]] bool change(counter_state from, counter_state to) noexcept;
  [[nodiscard]] std::int64_t reference() const noexcept { return machine_.reference().time_since_epoch().count(); }
  [[nodiscard]] bool measure(counter_pair& out) const noexcept;

  // A counter_state. Writers: who measures (the next line); any reader (a line that has ended, a later floor), by
  // compare-and-swap all. Readers: all.
  // (1) line: release compare-and-swap by who measures -> acquire load by a reader; publishes the words of its slot.
  // It shares a cache line with the slots: all are read together, and written once in a piece.
  alignas(cache_line) atomic<std::uint64_t> state_{counter_state::no_line(counter_state::lowest_floor).bits()};
  slot slots_[2];

  alignas(cache_line) word_lock<counter_clock> measuring_;
  counter_rate rate_ WEIR_GUARDED_BY(measuring_);
  std::uint64_t number_ WEIR_GUARDED_BY(measuring_) = 0;  // of the last line

  // The time before which nobody measures again, since the last time led to no line; so that a counter of which no line
  // comes costs little. Writer: who measures. Readers: who would. Relaxed: a hint.
  atomic<std::int64_t> not_before_{counter_state::lowest_floor};

  [[no_unique_address]] Machine machine_;
};

template <counter_machine Machine>
time_point counter_clock<Machine>::now() noexcept {
  const counter_state seen(state_.load(memory_order_acquire));  // (1)
  if (seen.has_line()) [[likely]] {
    const std::uint64_t count = machine_.counter();
    const counter_line line = words_of(seen);
    // Relaxed: after the words, which order it (2).
    if (line.covers(count) && state_.load(memory_order_relaxed) == seen.bits()) [[likely]] {
      const std::int64_t told = line.at(count);
      // Called last, so that this function keeps nothing and needs no stack.
      if (line.is_in_second_piece(count)) [[unlikely]]
        return time_point(duration(renew(seen, told)));
      return time_point(duration(told));
    }
  }
  return time_point(duration(now_off_line()));
}

template <counter_machine Machine>
counter_line counter_clock<Machine>::words_of(counter_state s) const noexcept {
  const slot& from = slots_[s.number() % 2];
  const std::uint64_t begin = from.begin.load(memory_order_acquire);    // (2)
  const std::int64_t start = from.start.load(memory_order_acquire);     // (2)
  const std::uint64_t slopes = from.slopes.load(memory_order_acquire);  // (2)
  return {begin, start, slopes};
}

template <counter_machine Machine>
std::int64_t counter_clock<Machine>::now_off_line() noexcept {
  for (;;) {
    const std::int64_t present = reference();
    const counter_state seen(state_.load(memory_order_acquire));  // (1)
    std::int64_t latest = seen.floor();
    if (seen.has_line()) {
      const counter_line line = words_of(seen);
      const std::uint64_t count = machine_.counter();
      if (state_.load(memory_order_relaxed) != seen.bits()) continue;
      if (line.covers(count)) return line.at(count);
      latest = line.at_end();  // whoever still reads it tells no later time
    }
    const std::int64_t told = std::max(present, latest);
    if ((seen.has_line() || present > latest) && !change(seen, counter_state::no_line(told))) continue;
    if (present >= latest - furthest_ahead && present - latest < sparse.count()) begin_line(present);
    return told;
  }
}

template <counter_machine Machine>
void counter_clock<Machine>::begin_line(std::int64_t present) noexcept {
  if (!try_measuring(present)) return;
  bool has_begun = false;
  counter_pair now;
  if (measure(now)) {
    rate_.learn(now);
    counter_state seen(state_.load(memory_order_relaxed));  // what it holds is compared
    while (rate_.is_known() && !seen.has_line() && seen.floor() - now.time <= furthest_ahead) {
      has_begun = publish(seen, counter_line::from(now, std::max(now.time, seen.floor()), rate_.slope()));
      if (has_begun) break;
      seen = counter_state(state_.load(memory_order_relaxed));
    }
  }
  end_measuring(present, has_begun);
}

template <counter_machine Machine>
std::int64_t counter_clock<Machine>::renew(counter_state seen, std::int64_t present) noexcept {
  if (!try_measuring(present)) return present;
  bool has_renewed = false;
  counter_pair now;
  const counter_line line = words_of(seen);
  // Relaxed: if it is still that line, it stays so until its end, but for what the compare-and-swap finds.
  if (state_.load(memory_order_relaxed) == seen.bits() && measure(now) && line.covers(now.count) &&
      line.is_in_second_piece(now.count)) {
    const std::int64_t off = line.at(now.count) - now.time;
    if (off > largest_error.count() || -off > largest_error.count()) {
      rate_.forget();
      static_cast<void>(change(seen, counter_state::no_line(std::max(now.time, line.at_end()))));
    } else {
      rate_.learn(now);
      has_renewed = rate_.is_known() && publish(seen, line.next(now, rate_.slope()));
    }
  }
  end_measuring(present, has_renewed);
  return present;
}

template <counter_machine Machine>
bool counter_clock<Machine>::try_measuring(std::int64_t present) noexcept {
  return present >= not_before_.load(memory_order_relaxed) && measuring_.try_lock();
}

template <counter_machine Machine>
void counter_clock<Machine>::end_measuring(std::int64_t present, bool has_published) noexcept {
  if (!has_published) not_before_.store(present + sparse.count(), memory_order_relaxed);
  measuring_.unlock();
}

// If it is not `over` that is there, nothing has happened: the slot was not in use.
template <counter_machine Machine>
bool counter_clock<Machine>::publish(counter_state over, const counter_line& line) noexcept {
  slot& to = slots_[(number_ + 1) % 2];
  to.begin.store(line.begin, memory_order_release);    // (2)
  to.start.store(line.start, memory_order_release);    // (2)
  to.slopes.store(line.slopes, memory_order_release);  // (2)
  std::uint64_t expected = over.bits();
  if (!state_.compare_exchange_strong(expected, counter_state::line(number_ + 1).bits(), memory_order_release,  // (1)
                                      memory_order_relaxed)) {
    return false;
  }
  ++number_;
  return true;
}

// Relaxed: what it writes is a number, and publishes nothing.
template <counter_machine Machine>
bool counter_clock<Machine>::change(counter_state from, counter_state to) noexcept {
  std::uint64_t expected = from.bits();
  return state_.compare_exchange_strong(expected, to.bits(), memory_order_relaxed, memory_order_relaxed);
}

// The counter between two readings of the reference; false if something came between them.
template <counter_machine Machine>
bool counter_clock<Machine>::measure(counter_pair& out) const noexcept {
  for (int tries = 0; tries < 4; ++tries) {
    const std::int64_t before = reference();
    out.count = machine_.counter();
    const std::int64_t width = reference() - before;
    out.time = before + width / 2;
    if (width <= widest_pair) return true;
  }
  return false;
}

}  // namespace weir::detail
