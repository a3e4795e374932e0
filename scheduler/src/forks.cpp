// Forks, beyond what their callers compile: what a thief does with one, and how its owner waits for it.
#include <weir/scheduler/detail/fork.hpp>

#include <algorithm>
#include <utility>

#include <weir/admission/refusal.hpp>

#include "core.hpp"
#include "group_chain.hpp"
#include "patience.hpp"
#include "run_context.hpp"
#include "task_run.hpp"
#include "threads.hpp"
#include "worker.hpp"

namespace weir::detail {

thread_local constinit forker* current_forker = nullptr;

void forker::look_for_a_stop() {
  stops_.take_down();
  if (const stop_cause why = task_->token().cause(); why != stop_cause::none) throw cancelled(why);
}

void forker::tell_of_forks() noexcept {
  worker_->counters().forks_published.add(own_.last_published());
  core& pool = worker_->pool();
  if (pool.is_forked()) return;  // nobody is there to take them
  if (!pool.idle().notify_of_forks_after_rmw()) return;
  full_fence();  // with that of who sleeps there: it sees the forks, or this thread what it has said
  tell_joins(task_);
}

void forker::tell_of_forks_below() noexcept {
  core& pool = worker_->pool();
  if (pool.is_forked()) return;
  full_fence();  // with that of who sleeps there: it finds them, or this thread what it has said
  if (pool.idle().any_by_itself()) tell_joins(run_context::current());  // a forker that is not current knows no task
}

void forker::tell_joins(const run_context* task) noexcept {
  core& pool = worker_->pool();
  for (const run_context* c = task; c != nullptr; c = c->below) {
    if (c->pool == &pool) pool.tell_joins(*c->task);
  }
}

bool forker::join_stolen(fork_job& newest) noexcept { return worker_->join(newest); }

void forker::throw_forked() { throw refused({.reason = refusal_reason::forked}); }

bool worker::run_fork_of(worker& victim, int depth) noexcept {
  fork_job* const f = victim.fork_thief_.steal();
  if (f == nullptr) return false;
  last_victim_ = static_cast<std::size_t>(victim.index_);
  run_fork(*f, victim, depth);
  return true;
}

// What its thief has forked for `mine`, and nothing else, whatever that does after the end of it.
bool worker::run_fork_for(const fork_job& mine, const fork_state::view& taken, int depth) noexcept {
  worker& thief = *core_->workers()[taken.taker];
  counters_.steal_attempts.add();
  fork_job* const f = thief.fork_thief_.steal_while(taken.from, [&mine] { return !mine.state.look().is_done; });
  if (f != nullptr) run_fork(*f, thief, depth);
  return f != nullptr;
}

void worker::run_fork(fork_job& f, worker& of, int depth) noexcept {
  stop_searching();
  counters_.forks_stolen.add();
  if (f.state.take(static_cast<std::uint32_t>(index_), forks_.size())) core_->idle().wake(of.sleeper_);
  bool has_thrown = false;
  {
    const shown_on_worker shown(this, *f.of->task, depth);
    run_context here(*f.of, *this, forks_, depth);
    has_thrown = f.run(f);
  }
  if (f.state.finish(has_thrown)) core_->idle().wake(of.sleeper_);
}

bool worker::join(fork_job& newest) noexcept {
  const run_context& here = *run_context::current();
  // Near the end of the stack nothing more is run here; what others run is waited for.
  const bool has_room = this_stack_has_room();
  const bool may_help = has_room && here.may_help();
  for (patience more(std::max(*core_->options().search_time, least_patience));;) {
    const fork_state::view now = newest.state.look();
    if (now.is_done) break;
    if ((has_room && now.is_taken && run_fork_for(newest, now, here.depth)) || (may_help && run_next(here.depth + 1))) {
      more.reset();
    } else if (core_->is_forked()) {
      forks_.forget_newest();
      return false;  // its thief is not in this process
    } else if (!more.wait()) {
      sleep_until_done(newest, has_room, may_help);
    }
  }
  stop_searching();
  forks_.forget_newest();
  return true;
}

void worker::sleep_until_done(fork_job& f, bool has_room, bool may_help) noexcept {
  const fork_state::view now = f.state.look();
  worker* const thief = has_room && now.is_taken ? core_->workers()[now.taker].get() : nullptr;
  stop_searching();  // it may have been woken, and have found nothing that it may run
  const worker_counters::sleep counted(counters_);
  const woken how = core_->idle().sleep(
      sleeper_,
      {.work = may_help, .fork = true, .forks = thief != nullptr ? &thief->forks().stack() : nullptr, .from = now.from},
      false, [&] {
        const fork_state::view then = f.state.await();
        return then.is_done || then != now || (thief != nullptr && thief->has_forks(now.from)) ||
               (may_help && core_->needs(*this));
      });
  is_searching_ = may_help;
  owes_a_look_ = how == woken::chosen && !may_help;
  if (how != woken::by_itself) counters_.wakes.add();
}

}  // namespace weir::detail
