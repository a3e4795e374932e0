// What the models of waits without a thread share: a limiter taken apart, in the explorer's time, and who counts.
#pragma once

#include <cstdint>

#include <weir/admission/detail/async_wait.hpp>

#include "explorer.hpp"

namespace model {

/// The explorer's time. Each schedule has its own, and leaves it behind, since the timer thread of one that failed has
/// not ended.
class own_clock final : public weir::clock_source {
 public:
  [[nodiscard]] weir::time_point now() const noexcept override { return weir::steady_clock_source().now(); }
  void wait_until(const weir::detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  weir::time_point until) const noexcept override {
    weir::steady_clock_source().wait_until(word, expected, until);
  }
};

/// A limiter, taken apart.
struct door {
  explicit door(const weir::limits& configured) : door(configured, *new own_clock) {}
  door(const weir::limits& configured, const weir::clock_source& clock) : at(configured, clock), timer(at, clock) {
    at.set_alarm(timer);
  }
  weir::detail::gate at;
  weir::detail::door_timer timer;
};

/// A word that threads sleep on until it is high enough.
class counted {
 public:
  void add() {
    word_.fetch_add(1, weir::detail::memory_order_release);
    weir::detail::futex_wake(&word_, weir::detail::wake_all);
  }
  void await(std::uint32_t count) {
    for (std::uint32_t seen = word_.load(weir::detail::memory_order_acquire); seen < count;
         seen = word_.load(weir::detail::memory_order_acquire)) {
      weir::detail::futex_wait(word_, seen, weir::duration(-1));
    }
  }

 private:
  weir::detail::atomic<std::uint32_t> word_{0};
};

}  // namespace model
