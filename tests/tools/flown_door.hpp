// A limiter under threads that call all there is, and what its flight recorder has kept of that.
#pragma once

#include <weir/admission/limiter.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <random>
#include <stop_token>
#include <utility>
#include <vector>

#include "support/eventually.hpp"

namespace weir::testing {

struct flown_plan {
  weir::limits limits;
  int threads = 4;
  int decisions = 250'000;  ///< of each thread
  // Together they leave the door shut for most of the time: a rate changes at the latest time that was passed.
  bool with_caller_times = false;
  bool with_other_rates = false;
};

/// One of the threads. It keeps up to four permits, and gives back what is too much.
class flown_thread {
 public:
  flown_thread(limiter& door, const flown_plan& plan, std::uint64_t seed) : door_(door), plan_(plan), random_(seed) {}

  void run() {
    for (int i = 0; i < plan_.decisions; ++i) {
      step(i);
      if (held_.size() > 4 || (draw(2) == 0 && !held_.empty())) give_back();
    }
  }

 private:
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  void step(int i) {
    const auto weight = static_cast<std::int64_t>(draw(64) == 0 ? draw(40) : 1 + draw(6));
    if (i % 5'000 == 0) return change();
    switch (draw(128)) {
      case 0:
        return keep(door_.acquire(weight, within(std::chrono::microseconds(draw(300)))));
      case 1: {
        std::stop_source source;
        const auto stopping = in_background([&source] { source.request_stop(); });
        return keep(door_.acquire(weight, within(std::chrono::milliseconds(2)), source.get_token()));
      }
      case 2:
        return keep(door_.acquire(1, within(std::chrono::milliseconds(1))));
      default:
        break;
    }
    const bool own_time = plan_.with_caller_times && draw(4) == 0;
    const duration off(static_cast<std::int64_t>(draw(2'000'000)) - 1'998'000);
    keep(own_time ? door_.try_acquire(weight, std::chrono::steady_clock::now() + off) : door_.try_acquire(weight));
  }

  void keep(result<permit> got) {
    if (got) held_.push_back(*std::move(got));
  }

  void give_back() {
    std::swap(held_[draw(held_.size())], held_.back());
    permit last = std::move(held_.back());
    held_.pop_back();
    if (last.weight() > 2 && draw(4) == 0) last.shrink_to(2);
    if (last.weight() > 1 && draw(4) == 0) held_.push_back(last.split(1));
    if (draw(4) == 0) last.release_unused();
  }

  void change() {
    limits next = door_.configured();
    if (next.max_tasks != unlimited) next.max_tasks = 4 + static_cast<std::int64_t>(draw(12));
    if (next.max_weight != unlimited) next.max_weight = 20 + static_cast<std::int64_t>(draw(30));
    if (plan_.with_other_rates && draw(2) == 0) {
      next.rate = draw(8) == 0 ? rate(unlimited) : per_second(1'000'000 + static_cast<std::int64_t>(draw(2'000'000)));
      next.burst = next.rate.is_unlimited() ? 0 : 200 + static_cast<std::int64_t>(draw(100));
    }
    next.overflow = static_cast<weir::overflow>(draw(3));
    next.max_bypass = static_cast<std::int64_t>(draw(3));
    next.strict_window = draw(2) == 0;
    door_.set_limits(next);
  }

  limiter& door_;
  const flown_plan& plan_;
  std::mt19937_64 random_;
  std::vector<permit> held_;
};

/// Flies it, closes the door while some are at it, and takes the log.
inline flight_log flown(const flown_plan& plan, std::uint64_t seed) {
  limiter door(plan.limits);
  std::mt19937_64 random(seed);
  std::vector<std::future<void>> threads;
  for (int i = 0; i < plan.threads; ++i) {
    threads.push_back(in_background([&door, &plan, own = random()] { flown_thread(door, plan, own).run(); }));
  }
  for (auto& one : threads) get(one, "a thread at the door");
  std::future<void> last = in_background([&] { (void)door.acquire(1, within(std::chrono::milliseconds(1))); });
  door.close();
  get(last, "the last one");
  return door.flight();
}

}  // namespace weir::testing
