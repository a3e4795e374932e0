// Forks, beyond what their callers compile: what a thief does with one, and how its owner waits for it.
#include <weir/scheduler/detail/fork.hpp>

#include <utility>

#include <weir/queues/backoff.hpp>

#include "core.hpp"
#include "run_context.hpp"
#include "threads.hpp"
#include "worker.hpp"

namespace weir::detail {

thread_local constinit forker* current_forker = nullptr;

void forker::look_for_a_stop() {
  (void)stop_is_near_.exchange(false, memory_order_acquire);  // (1)
  if (const stop_cause why = task_->token().cause(); why != stop_cause::none) throw cancelled(why);
}

void forker::tell_of_forks() noexcept {
  core& pool = worker_->pool();
  if (!pool.is_forked()) pool.idle().notify_of_forks();  // in a forked child nobody is there to take them
}

void forker::join_stolen(fork_job& newest) noexcept { worker_->join(newest); }

bool worker::run_fork_of(worker& victim, std::uint32_t from, int depth) noexcept {
  fork_job* const f = victim.steal_fork(from);
  if (f == nullptr) return false;
  stop_searching();
  forks_stolen_.add();
  run(*f, victim, depth);
  return true;
}

void worker::run(fork_job& f, worker& of, int depth) noexcept {
  if (f.state.take(static_cast<std::uint32_t>(index_), forks_.size())) core_->idle().wake(of.sleeper_);
  bool has_thrown = false;
  {
    run_context here(*f.of, *this, depth);
    running_.enter(*here.task);
    has_thrown = f.run(f);
    running_.leave();
  }
  if (f.state.finish(has_thrown)) core_->idle().wake(of.sleeper_);
}

void worker::join(fork_job& newest) noexcept {
  constexpr int looks_before_sleep = 100;
  const int depth = run_context::current()->depth;
  const bool may_help = run_context::current()->may_help();
  for (int looks = 0;; ++looks) {
    const fork_state::view now = newest.state.look();
    if (now.is_done) break;
    if (this_stack_has_room()) {
      // What was forked for the awaited fork, by whoever runs that: so its owner waits for nothing that it did not.
      if (now.is_taken && run_fork_of(*core_->workers()[now.taker], now.from, depth)) {
        looks = 0;
        continue;
      }
      if (may_help && run_next(depth + 1)) {
        looks = 0;
        continue;
      }
    }
    if (looks < looks_before_sleep) {
      cpu_pause();
    } else {
      sleep_until_done(newest, may_help);
    }
  }
  stop_searching();
  forks_.forget_newest();
}

void worker::sleep_until_done(fork_job& f, bool may_help) noexcept {
  const fork_state::view now = f.state.look();
  worker* const thief = now.is_taken ? core_->workers()[now.taker].get() : nullptr;
  parks_.add();
  core_->idle().sleep(
      sleeper_,
      {.work = may_help, .fork = true, .forks = thief != nullptr ? &thief->forks().stack() : nullptr, .from = now.from},
      std::exchange(is_searching_, may_help), [&] {
        const fork_state::view then = f.state.await();
        return then.is_done || then != now || (thief != nullptr && thief->has_forks(now.from)) ||
               (may_help && core_->needs_workers());
      });
}

}  // namespace weir::detail
