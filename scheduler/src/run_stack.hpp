// What a worker runs, one task on top of the other: reports name it; and who waits for something may take what the
// worker makes there for that. Read it beside scheduler/joins.md. Progress: wait-free.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <source_location>
#include <vector>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/shutdown.hpp>

#include "group_chain.hpp"
#include "held_up.hpp"

namespace weir::detail {

/// From the bottom on, each run of a task, or of a stolen fork, and where its forks begin. Written by the worker alone,
/// read by anybody at any time. Of those that lie deeper than can be kept, nobody learns.
class run_stack {
 public:
  /// By the worker, before it runs `f`, or a fork of it, on top of what is there.
  /// @param is_related  whether it is part of that, or nothing is there.
  void begin(const frame& f, std::uint32_t forks, bool is_related) noexcept {
    const std::uint32_t at = height_.load(memory_order_relaxed);  // this thread's own
    if (at < most) {
      run& r = runs_[at];
      if (!is_related) forks |= unrelated_bit;
      r.name.store(name_of(f), memory_order_relaxed);                     // (2)
      r.where.store(f.where, memory_order_relaxed);                       // (2)
      r.from.store(forks, memory_order_relaxed);                          // (1) by the next two
      r.of.store(is_child(f) ? f.group : nullptr, memory_order_release);  // (1)
      r.root.store(root_of(f), memory_order_release);                     // (1)
    }
    height_.store(at + 1, memory_order_release);  // (2)
  }
  void end() noexcept { height_.store(height_.load(memory_order_relaxed) - 1, memory_order_release); }  // (2)

  /// By the worker, after the end of one: whether that has hidden what is below it, which may be found from now on.
  /// @param was_related  as at its beginning.
  [[nodiscard]] bool is_found_again(bool was_related) const noexcept {
    return !was_related || height_.load(memory_order_relaxed) == most;  // this thread's own
  }

  /// One run, and what its forks begin at. What lies above it was put there for it.
  struct place {
    std::uint32_t level = most;
    std::uint32_t from = 0;

    [[nodiscard]] explicit operator bool() const noexcept { return level != most; }
    friend bool operator==(const place&, const place&) = default;
  };

  /// By who keeps what he waits for alive: the lowest run that is part of it and has nothing unrelated above, or none.
  [[nodiscard]] place find(const awaited& what) const noexcept {
    place lowest;
    std::uint32_t at = height_.load(memory_order_acquire);  // (2)
    if (at > most) return lowest;                           // what lies deeper may be anything
    while (at-- > 0) {
      const bool is_part = is_of(runs_[at], what);
      const std::uint32_t from = runs_[at].from.load(memory_order_relaxed);  // by the acquire of is_of
      if (is_part) lowest = {.level = at, .from = from & ~unrelated_bit};
      if ((from & unrelated_bit) != 0) break;
    }
    return lowest;
  }

  /// Whether something there has that root: a look.
  [[nodiscard]] bool has_root(const frame* root) const noexcept {
    const std::uint32_t height = std::min(height_.load(memory_order_relaxed), most);
    return std::any_of(runs_.begin(), runs_.begin() + height,
                       [root](const run& r) { return r.root.load(memory_order_relaxed) == root; });
  }

  /// By their names and places of submission, which are literals, so that nothing dangles when one of them ends
  /// meanwhile: it may be listed, or stand beside another one that has replaced it.
  void list(int worker, std::vector<straggler>& out) const;

 private:
  static constexpr std::uint32_t most = 32;
  static constexpr std::uint32_t unrelated_bit = std::uint32_t{1} << 31;

  struct run {
    atomic<const frame*> root{nullptr};
    atomic<const group*> of{nullptr};
    atomic<task_name> name{};
    atomic<std::source_location> where{};
    atomic<std::uint32_t> from{0};  // with unrelated_bit
  };

  [[nodiscard]] static bool is_of(const run& r, const awaited& what) noexcept {
    return what.is(r.root.load(memory_order_acquire), r.of.load(memory_order_acquire));  // (1)
  }

  // Addresses alone: of what is over it may be gone; names and places are literals. Writer: the worker. Readers: who
  // waits, and compares root, group and where the forks begin; reports, which read the name and the place, by (2).
  // (1) begun: release stores, after the epoch before this run -> acquire loads by who then takes a fork by an exchange
  //     on what it has read of the fork stack earlier: if that fork lay there before this run, the exchange finds the
  //     epoch. They also publish `from`.
  std::array<run, most> runs_;
  // How many there are, also of those that are not kept.
  // (2) begun, ended: release store -> acquire load: who sees it sees the runs below it. Also when one ends: C++20 ends
  //     a release sequence at a relaxed store, and what is below stays to be read.
  atomic<std::uint32_t> height_{0};
};

}  // namespace weir::detail
