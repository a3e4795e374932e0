#include "task_timing.hpp"

#include <algorithm>
#include <limits>

#include "core.hpp"

namespace weir::detail {
namespace {

std::uint64_t next_pool_id() noexcept {
  static constinit atomic<std::uint64_t> ids{0};
  return ids.fetch_add(1, memory_order_relaxed) + 1;  // relaxed: a number alone
}

// Clocks may go back, and those of tests be at the ends of time.
duration between(time_point from, time_point to) noexcept {
  if (to <= from) return {};
  const auto ticks = [](time_point t) { return static_cast<std::uint64_t>(t.time_since_epoch().count()); };
  constexpr auto longest = static_cast<std::uint64_t>(std::numeric_limits<duration::rep>::max());
  return duration(static_cast<duration::rep>(std::min(ticks(to) - ticks(from), longest)));
}

}  // namespace

task_timing::task_timing(std::int64_t one_in, std::size_t workers)
    : one_in_(static_cast<std::uint32_t>(one_in)),
      id_(next_pool_id()),
      workers_(workers),
      all_(one_in != 0 ? std::make_unique<times[]>(workers + 1) : nullptr) {}

std::uint32_t task_timing::any_place(place_of_thread& mine) const noexcept {
  mine.random ^= mine.random << 13;
  mine.random ^= mine.random >> 7;
  mine.random ^= mine.random << 17;
  return static_cast<std::uint32_t>((mine.random >> 32) * one_in_ >> 32);
}

// A thread that comes from another pool has forgotten where it was in this one, and has it as probable as ever that its
// next submission is timed.
void task_timing::begin(place_of_thread& mine) const noexcept {
  mine.of = id_;
  mine.left = any_place(mine);
  mine.after = one_in_ - 1 - mine.left;
}

void task_timing::begin_next_stretch(place_of_thread& mine) const noexcept {
  const std::uint32_t place = any_place(mine);
  mine.left = mine.after + place;
  mine.after = one_in_ - 1 - place;
}

void task_timing::count(latency_counts times::*which, int worker, time_point from, time_point to) noexcept {
  if (worker >= 0) {
    (all_[static_cast<std::size_t>(worker)].*which).add(between(from, to));
  } else {
    (all_[workers_].*which).add_shared(between(from, to));
  }
}

run_end task_timing::run(frame& f, run_context& here) noexcept {
  const clock_source& clock = here.pool->clock();
  const int worker = here.on != nullptr ? here.on->index() : -1;
  const time_point begun = clock.now();
  count(&times::queue, worker, static_cast<tracked_frame&>(f).admitted_at, begun);
  run_end end = run_untimed(f, here);
  count(&times::run, worker, begun, clock.now());
  return end;
}

void task_timing::read(pool_metrics& m) const {
  if (all_ == nullptr) return;
  for (std::size_t i = 0; i <= workers_; ++i) all_[i].run.add_to(m.run_time);
  for (std::size_t i = 0; i <= workers_; ++i) all_[i].queue.add_to(m.queue_time);
}

}  // namespace weir::detail
