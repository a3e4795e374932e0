// A counter and a reference clock that are made up, as a machine for weir::detail::counter_clock: time goes on when it
// is told to, and by a little with each reading. Either can jump, and their speeds are free.
#pragma once

#include <algorithm>
#include <cstdint>

#include <weir/admission/clock.hpp>
#include <weir/admission/detail/counter_clock.hpp>

namespace weir::testing {

struct made_counter {
  double ticks_per_ns = 2.6;
  double ppm = 0;          // by which the reference is faster than the counter
  double ns_a_read = 5;    // that each reading takes
  double count = 7e12;     // below 2^53: whole ticks have a number
  double reference = 3e9;  // ns
  std::int64_t reference_reads = 0;

  void pass(double ns) noexcept {
    count += ns * ticks_per_ns;
    reference += ns * (1 + ppm * 1e-6);
  }
  [[nodiscard]] std::int64_t present() const noexcept { return static_cast<std::int64_t>(reference); }

  struct machine {
    made_counter* of;
    [[nodiscard]] std::uint64_t counter() const noexcept {
      of->pass(of->ns_a_read);
      return static_cast<std::uint64_t>(static_cast<std::int64_t>(of->count));  // below zero it goes round
    }
    [[nodiscard]] time_point reference() const noexcept {
      of->pass(of->ns_a_read);
      ++of->reference_reads;
      return time_point(duration(of->present()));
    }
  };
};

/// A clock by such a counter, and how far it is off.
struct made_clock {
  made_counter world{};
  detail::counter_clock<made_counter::machine> clock{made_counter::machine{&world}};
  std::int64_t latest = 0;
  bool has_gone_back = false;

  made_clock() = default;
  explicit made_clock(double ticks_per_ns) { world.ticks_per_ns = ticks_per_ns; }

  /// Reads it; returns by how much it is ahead of the reference, ns.
  std::int64_t read() noexcept {
    const std::int64_t before = world.present();
    const std::int64_t now = clock.now().time_since_epoch().count();
    if (now < latest) has_gone_back = true;
    latest = now;
    const std::int64_t after = world.present();
    return now > after ? now - after : now < before ? now - before : 0;
  }

  /// Reads it every `every` ns for `ns`; returns the most that it was off.
  std::int64_t read_for(double ns, double every = 20'000) noexcept {
    std::int64_t most = 0;
    for (double passed = 0; passed < ns; passed += every) {
      world.pass(every);
      const std::int64_t off = read();
      most = std::max(most, off < 0 ? -off : off);
    }
    return most;
  }
};

}  // namespace weir::testing
