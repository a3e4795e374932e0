// What the models of the gate share: who waits, and a clock that stands still.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include <weir/admission/detail/gate.hpp>

#include "explorer.hpp"

namespace model {

/// Time stands still, and to read it is no step.
class still_clock final : public weir::clock_source {
 public:
  [[nodiscard]] weir::time_point now() const noexcept override { return weir::time_point{std::chrono::hours(1)}; }
  void wait_until(const weir::detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  weir::time_point) const noexcept override {
    weir::detail::futex_wait(word, expected, weir::duration(-1));
  }
};

inline const still_clock no_time;

/// One who waits at a gate, and sleeps until it is told.
class person final : public weir::detail::waiter {
 public:
  explicit person(std::uint32_t weight = 1, std::uint8_t priority = 1)
      : waiter({.weight = weight, .priority = priority}) {}

  [[nodiscard]] std::uint32_t weight() const { return request().weight; }

  bool granted = false;
  weir::refusal_reason why{};
  int told = 0;
  bool joined = false;         // join has returned
  std::int64_t overtaken = 0;  // by those that came later and stood behind it
  std::vector<person*> ahead;  // who stood in line before this one came, and was not passed then

  void sleep_until_told() {
    while (word_.load(weir::detail::memory_order_acquire) == 0) weir::detail::futex_wait(word_, 0, weir::duration(-1));
  }

 private:
  void on_granted(weir::time_point) noexcept override {
    granted = true;
    tell();
  }
  void on_refused(const weir::refusal& refused) noexcept override {
    why = refused.reason;
    tell();
  }
  void tell() {
    model::check(++told == 1, "nobody is told twice");
    word_.store(1, weir::detail::memory_order_release);
    weir::detail::futex_wake(&word_, weir::detail::wake_all);
  }

  weir::detail::atomic<std::uint32_t> word_{0};
};

}  // namespace model
