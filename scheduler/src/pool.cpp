// The part of the pool's face that has no templates, and the rules of its options.
#include <weir/scheduler/pool.hpp>

#include <stdexcept>
#include <string>

#include "core.hpp"

namespace weir {

const pool_options& check(const pool_options& given) {
  const auto require = [](bool holds, const std::string& text) {
    if (!holds) throw std::invalid_argument("weir: " + text);
  };
  if (given.workers) {
    require(
        *given.workers >= 1 && *given.workers <= 1024,
        "workers is " + std::to_string(*given.workers) + ": it must be 1 to 1024; leave it out for one per usable CPU");
  }
  require(given.clock != nullptr, "clock is null: leave it out for the steady clock");
  require(given.help_depth >= 0 && given.help_depth <= 64,
          "help_depth is " + std::to_string(given.help_depth) + ": it must be 0 to 64");
  if (given.search_time) {
    require(*given.search_time >= duration::zero() && *given.search_time <= std::chrono::milliseconds(1),
            "search_time is " + std::to_string(given.search_time->count()) + " ns: it must be 0 to 1,000,000");
  }
  constexpr duration shortest = std::chrono::microseconds(100);
  constexpr duration longest = std::chrono::milliseconds(100);
  require(given.time_slice == duration::zero() || (given.time_slice >= shortest && given.time_slice <= longest),
          "time_slice is " + std::to_string(given.time_slice.count()) +
              " ns: it must be 100,000 to 100,000,000, or 0 for the system's own");
  require(given.time_one_in >= 0 && given.time_one_in <= 1'000'000'000,
          "time_one_in is " + std::to_string(given.time_one_in) + ": it must be 0 to 1,000,000,000");
  require(given.stop_grace >= duration::zero(),
          "stop_grace is " + std::to_string(given.stop_grace.count()) + " ns: it must not be negative");
  require(given.stragglers <= stragglers::terminate, "stragglers must be one of wait, abandon, terminate");
  require(given.pinning <= pinning::cpus, "pinning must be one of none, cpus");
  (void)check(given.limits);
  return given;
}

pool::pool(const pool_options& options) : core_(new detail::core(options)) {}

pool::~pool() { detail::core::end(core_); }

shutdown_report pool::shutdown(deadline until) { return core_->shutdown(until); }

detail::core& detail::core_of(pool& p) noexcept { return *p.core_; }

bool pool::try_run_one() noexcept { return core_->try_run_one(); }

pool_metrics pool::metrics() const { return core_->metrics(); }

int pool::workers() const noexcept { return static_cast<int>(core_->workers().size()); }

limits pool::configured() const { return core_->door().configured(); }
limiter& pool::door() noexcept { return core_->limiter_at_door(); }

pool_metrics detail::core::metrics() const {
  pool_metrics m;
  // Ends before admissions before submissions: what moves meanwhile then mostly shows as begun and not yet ended.
  const std::array<std::uint64_t*, 4> ends = {&m.completed, &m.failed, &m.cancelled, &m.expired};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    *ends[i] = ended_outside_[i].load(memory_order_relaxed);
    for (const auto& w : workers_) *ends[i] += w->counters().ends[i].read();
  }
  const auto now = steady_now();
  for (const auto& w : workers_) m.workers.push_back(w->counters().read(now));
  m.children = children_outside_.load(memory_order_relaxed);
  timing_.read(m);
  for (std::size_t i = 0; i < refusal_reason_count; ++i) m.refused[i] = refused_[i].load(memory_order_relaxed);
  m.cpus = topology_.count;
  m.live = door_.tasks_in_use();
  m.weight_in_use = door_.weight_in_use();
  m.waiting = door_.waiting();
  m.queued = injected_.pending();
  m.asleep = idle_.approx_asleep();
  const std::uint64_t at_once = admitted_at_once_.read();
  for (const worker_metrics& w : m.workers) m.children += w.children;
  m.admitted = at_once + admitted_later_.load(memory_order_relaxed);
  m.submitted = at_once + submitted_otherwise_.load(memory_order_relaxed);
  return m;
}

}  // namespace weir
