#include "tbb_run.hpp"

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <string>
#include <thread>
#include <utility>

#include "interrupt.hpp"
#include "probe.hpp"

namespace weir::tools {

namespace {

// The usual door: two counters beside the scheduler.
// Writers: the submitter, who adds; the tasks, which subtract at the end of their work. Reader: the submitter.
// (1) count: relaxed; it publishes nothing. That the check and the addition are two steps, and that the task's object
//     outlives its subtraction, is what is shown here.
struct counter_door {
  detail::atomic<std::int64_t> tasks{0};
  detail::atomic<std::int64_t> weight{0};

  bool enter(std::int64_t more, const limits& most, refusal_reason& why) noexcept {
    if (tasks.load(detail::memory_order_relaxed) >= most.max_tasks) {  // (1)
      why = refusal_reason::tasks_full;
      return false;
    }
    if (weight.load(detail::memory_order_relaxed) > most.max_weight - more) {  // (1)
      why = refusal_reason::weight_full;
      return false;
    }
    tasks.fetch_add(1, detail::memory_order_relaxed);      // (1)
    weight.fetch_add(more, detail::memory_order_relaxed);  // (1)
    return true;
  }
  void leave(std::int64_t less) noexcept {
    weight.fetch_sub(less, detail::memory_order_relaxed);  // (1)
    tasks.fetch_sub(1, detail::memory_order_relaxed);      // (1)
  }
};

// The body that the arena runs. oneTBB calls it as const.
class tbb_work {
 public:
  tbb_work(ledger& books, const entry& who, const cpu_speed& cpu, std::chrono::nanoseconds service,
           counter_door* door) noexcept
      : cpu_(&cpu), service_(service), door_(door), probe_(books, who) {}

  void admit() noexcept { probe_.admit(std::chrono::steady_clock::now()); }

  void operator()() const {
    const time_point started = probe_.start();
    if (do_cpu_work(*cpu_, service_, &interrupt_watch::interrupted)) {
      probe_.complete(service_, started);
    } else {
      probe_.stop();
    }
    if (door_ != nullptr) door_->leave(probe_.who().weight);
  }

 private:
  const cpu_speed* cpu_;
  std::chrono::nanoseconds service_;
  counter_door* door_;
  mutable probe probe_;
};

}  // namespace

outcome run_on_tbb(const run_plan& plan, tbb_door kind) {
  namespace tbb = oneapi::tbb;
  // The arena's slots are all for its own threads, of which there are by default one fewer than CPUs.
  const tbb::global_control threads(tbb::global_control::max_allowed_parallelism, plan.workers + 1);
  tbb::task_arena arena(static_cast<int>(plan.workers), 0);
  arena.initialize();
  counter_door counters;
  counter_door* const door = kind == tbb_door::counter ? &counters : nullptr;

  const run_clock clock;
  ledger books(books_for(plan, clock, false));
  const std::string name = kind == tbb_door::counter ? "oneTBB + counter" : "oneTBB, no limit";
  submission done;
  {
    const progress shown(name, [&] {
      progress_sample now = sample_of(plan, clock, books);
      if (kind == tbb_door::open) now.max_tasks = 0;
      return now;
    });
    const raised_priority raised;
    done = submit_all(*plan.arrivals, submission_for(plan, clock), [&](const request& one, time_point intended) {
      const entry who = entry_of(plan, one, intended);
      books.submitted(who);
      refusal_reason why{};
      if (door != nullptr && !door->enter(one.weight, plan.limits, why)) {
        books.refused_on_return(why);
        return;
      }
      tbb_work work(books, who, plan.cpu, one.service, door);
      work.admit();
      arena.enqueue(std::move(work));
    });
    wait_for_all(books);
    // After an interrupt the queued work ends at once, since each asks for it first.
    while (books.open() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  outcome all = books.summary();
  clock.stop(all);
  all.name = name;
  all.lag = done.lag;
  all.arrivals = done.arrivals;
  return all;
}

}  // namespace weir::tools
