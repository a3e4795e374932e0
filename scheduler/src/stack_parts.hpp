// What the parts of a worker's stack belong to: so that who waits for that may take what the worker makes there. Read
// it beside scheduler/joins.md. Progress: wait-free.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/group.hpp>

#include "held_up.hpp"

namespace weir::detail {

/// From the bottom on, each run of a task, or of a stolen fork, and where its forks begin. Written by the worker alone.
/// Of those that lie deeper than can be kept, nobody learns.
class stack_parts {
 public:
  /// By the worker, before it runs `f`, or a fork of it, on top of what is there.
  /// @param is_related  whether it is part of that, or nothing is there.
  void begin(const frame& f, std::uint32_t forks, bool is_related) noexcept {
    const std::uint32_t at = height_.load(memory_order_relaxed);  // this thread's own
    if (at < most) {
      if (!is_related) forks |= unrelated_bit;
      parts_[at].from.store(forks, memory_order_relaxed);                          // (1) by the next two
      parts_[at].of.store(is_child(f) ? f.group : nullptr, memory_order_release);  // (1)
      parts_[at].root.store(root_of(f), memory_order_release);                     // (1)
    }
    height_.store(at + 1, memory_order_release);  // (2)
  }
  void end() noexcept { height_.store(height_.load(memory_order_relaxed) - 1, memory_order_release); }  // (2)

  /// One part. What lies above it was put there for it.
  struct place {
    std::uint32_t level = most;
    std::uint32_t from = 0;  // where its forks begin

    [[nodiscard]] explicit operator bool() const noexcept { return level != most; }
    friend bool operator==(const place&, const place&) = default;
  };

  /// By who keeps what he waits for alive: the lowest part that belongs to it and has nothing unrelated above, or none.
  [[nodiscard]] place find(const awaited& what) const noexcept {
    place lowest;
    std::uint32_t at = height_.load(memory_order_acquire);  // (2)
    if (at > most) return lowest;                           // what lies deeper may be anything
    while (at-- > 0) {
      const bool is_part = is_of(at, what);
      const std::uint32_t from = parts_[at].from.load(memory_order_relaxed);  // by the acquire of is_of
      if (is_part) lowest = {.level = at, .from = from & ~unrelated_bit};
      if ((from & unrelated_bit) != 0) break;
    }
    return lowest;
  }

  /// Whether something there has that root: a look.
  [[nodiscard]] bool has_root(const frame* root) const noexcept {
    const std::uint32_t height = std::min(height_.load(memory_order_relaxed), most);
    return std::any_of(parts_.begin(), parts_.begin() + height,
                       [root](const part& p) { return p.root.load(memory_order_relaxed) == root; });
  }

 private:
  static constexpr std::uint32_t most = 32;
  static constexpr std::uint32_t unrelated_bit = std::uint32_t{1} << 31;

  struct part {
    atomic<const frame*> root{nullptr};
    atomic<const group*> of{nullptr};
    atomic<std::uint32_t> from{0};  // with unrelated_bit
  };

  [[nodiscard]] bool is_of(std::uint32_t at, const awaited& what) const noexcept {
    return what.is(parts_[at].root.load(memory_order_acquire), parts_[at].of.load(memory_order_acquire));  // (1)
  }

  // Addresses alone: of what is over it may be gone. Writer: the worker. Readers: who waits, and compares.
  // (1) begun: release stores, after the epoch before this run -> acquire loads by who then takes a fork by an exchange
  //     on what it has read of the fork stack earlier: if that fork lay there before this run, the exchange finds the
  //     epoch. They also publish `from`.
  std::array<part, most> parts_;
  // (2) begun, ended: release store -> acquire load: who sees it sees the parts below it.
  atomic<std::uint32_t> height_{0};
};

}  // namespace weir::detail
