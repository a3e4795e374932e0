// The steady clock's time by the CPU's time-stamp counter, for where the reading of the clock is most of the cost. The
// protocol is detail/counter_clock.hpp's; what is here is where it can be used.
// Progress: `now` is wait-free within a line, else lock-free; `wait_until` blocks.
#pragma once

#include <cstdint>
#include <string_view>

#include <weir/admission/clock.hpp>
#include <weir/admission/detail/counter_clock.hpp>
#include <weir/queues/sync.hpp>

namespace weir {

namespace detail {

/// The machine that this runs on.
struct tsc_machine {
  [[nodiscard]] std::uint64_t counter() const noexcept { return counter_now(); }
  [[nodiscard]] time_point reference() const noexcept { return steady_now(); }
};

}  // namespace detail

/// The steady clock's time, read from the time-stamp counter where that can be trusted, else from the steady clock.
///
/// Times of either mean the same moment: they differ by at most 10 us, as long as the system changes the speed of its
/// clock by at most 1,000 ppm (NTP: 500 to either side) and the counter is between 1 and 5 GHz. If the counter jumps,
/// or the system's clock does against it, they may differ by more for at most 4.2 ms; where this clock is ahead then,
/// it stands until the steady clock has come up with it. It never goes back, unless the counter goes back by less than
/// 4.2 ms, or those of two CPUs disagree, which the kernel must have missed.
///
/// Thread-safe: any thread may call anything at any time. Nothing allocates or throws.
class tsc_clock final : public clock_source {
 public:
  /// A clock besides the one of the process. It goes by the steady clock for the reason given, whose text must outlive
  /// it; with none by the counter, whatever the machine says of that: for who knows better than tsc_clock_source can.
  explicit tsc_clock(std::string_view why_steady) noexcept : why_steady_(why_steady) {}
  tsc_clock(const tsc_clock&) = delete;
  tsc_clock& operator=(const tsc_clock&) = delete;

  /// The present. Monotone over all threads, as clock_source asks. Where readings are less than 0.1 ms apart it reads
  /// the counter, behind a barrier, and one line of memory that is written every 0.8 ms (at 2.6 GHz), by one of the
  /// readers: that one reads the steady clock besides, twice, and nobody waits for it. Where they are further apart,
  /// and for the first 13 ms, it reads the steady clock, and writes a word that all share.
  /// Wait-free, or lock-free where the word is written. A reading orders nothing.
  [[nodiscard]] time_point now() const noexcept override;

  /// As the steady clock's, by this clock's present. Blocking.
  void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  time_point until) const noexcept override;

  /// Whether it goes by the counter. Never changes.
  [[nodiscard]] bool is_tsc() const noexcept { return why_steady_.empty(); }

  /// Why it goes by the steady clock, for a log; empty if it does not. Of the clock of the process it lives as long as
  /// the program.
  [[nodiscard]] std::string_view why_steady() const noexcept { return why_steady_; }

 private:
  std::string_view why_steady_;
  mutable detail::counter_clock<detail::tsc_machine> clock_;
};

/// The tsc_clock of the process; never destroyed. The first call asks the CPU and the kernel whether the counter can be
/// trusted, and reads a file of the kernel's for that: make it at the start. Where it cannot, nothing fails: see
/// `is_tsc`.
///
/// It can where the CPU says that it ticks at one speed whatever the CPU does (CPUID 8000_0007H, EDX bit 8), `lfence`
/// orders its reading, this thread may read it, and the kernel tells its own time by it, now: then the kernel has found
/// the counters of all CPUs to agree. Not in a virtual machine whose kernel goes by kvm-clock, and not on other CPUs
/// than x86-64.
[[nodiscard]] const tsc_clock& tsc_clock_source() noexcept;

}  // namespace weir
