#include "pool_run.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include <weir/scheduler/pool.hpp>

#include "bad_input.hpp"
#include "canceller.hpp"
#include "interrupt.hpp"
#include "probe.hpp"

namespace weir::tools {

namespace {

using std::chrono::nanoseconds;

// The callable of one request. The pool calls on_admit at the grant, which wakes the probe.
class request_work {
 public:
  request_work(ledger& books, const entry& who, const cpu_speed& cpu, nanoseconds service) noexcept
      : cpu_(&cpu), service_(service), probe_(books, who) {}

  void on_admit(time_point stamp) noexcept { probe_.admit(stamp); }

  void operator()(const stop_token& stop) {
    const time_point started = probe_.start();
    if (!do_cpu_work(*cpu_, service_, [&stop] { return stop.stop_requested(); })) {
      probe_.stop();
      throw cancelled(stop.cause());
    }
    probe_.complete(service_, started);
  }

  [[nodiscard]] probe& books() noexcept { return probe_; }

 private:
  const cpu_speed* cpu_;
  nanoseconds service_;
  probe probe_;
};

std::unique_ptr<pool> make_pool(const run_plan& plan, pressure_log& log) {
  pool_options options{.workers = plan.workers, .limits = plan.limits};
  if (plan.sees_pressure) {
    options.on_pressure = [&log](const pressure& told) { log.note(told, std::chrono::steady_clock::now()); };
  }
  try {
    return std::make_unique<pool>(options);
  } catch (const std::system_error& error) {
    throw bad_input("--workers " + std::to_string(plan.workers) + ": the threads cannot be started (" +
                    error.code().message() + "), this host has no more, ask for fewer");
  }
}

// One run: hands requests over, and knows which of them to stop again.
class pool_run {
 public:
  explicit pool_run(const run_plan& plan)
      : plan_(plan),
        pool_(make_pool(plan, pressure_)),
        books_(books_for(plan, clock_, !plan.limits.rate.is_unlimited())),
        stops_(plan.seed, plan.cancel_percent) {
    if (plan.cancel_percent > 0) canceller_ = std::make_unique<canceller>();
  }
  pool_run(const pool_run&) = delete;
  pool_run& operator=(const pool_run&) = delete;
  ~pool_run() {
    canceller_.reset();
    pool_.reset();  // before the books that its requests write
  }

  pool_result run() {
    pool_result all;
    const bool waits = plan_.door == door_verb::block || plan_.limits.overflow == overflow::caller_runs;
    submission done;
    {
      const progress shown("weir", [this] { return sample(); });
      // A submitter that waits at the door, or runs a request itself, sees no interrupt; a closed door sends it back.
      const on_interrupt close([this] { (void)pool_->shutdown(); });
      // A submitter that runs requests itself is a worker too, and has no right over the others.
      std::optional<raised_priority> raised;
      if (plan_.limits.overflow != overflow::caller_runs) raised.emplace();
      all.priority = raised ? raised->granted() : "no higher priority";
      submission_plan how = submission_for(plan_, clock_);
      how.hand_over_waits = waits;
      done = submit_all(*plan_.arrivals, how,
                        [this](const request& one, time_point intended) { hand_over(one, intended); });
      wait_for_all(books_);
      // What still waits at the door after an interrupt is refused `closed`; what was admitted runs to its end.
      all.shutdown = pool_->shutdown();
    }
    all.interrupted = done.stopped || interrupt_watch::interrupted();
    canceller_.reset();
    all.pool = pool_->metrics();
    all.pressure = pressure_.at(std::chrono::steady_clock::now());
    if (plan_.keeps_flight) all.flight = pool_->door().flight();
    finish(all, done);
    return all;
  }

 private:
  void hand_over(const request& one, time_point intended) {
    const entry who = entry_of(plan_, one, intended);
    const std::optional<nanoseconds> stop_after = stops_.draw(one.service);
    books_.submitted(who);
    request_work work(books_, who, plan_.cpu, one.service);
    const submit_options options{.weight = one.weight,
                                 .deadline = plan_.deadline ? deadline(intended + *plan_.deadline) : deadline{},
                                 .name = "request"};
    auto made = admit(options, work);
    if (!made) {
      work.books().take_back(books_, made.error().reason);
      return;
    }
    if (++accepted_ % 16 == 0) waiters_seen_ = std::max(waiters_seen_, pool_->metrics().waiting);
    if (!stop_after) return std::move(*made).detach();
    canceller_->stop_at(std::chrono::steady_clock::now() + *stop_after, std::move(*made));
  }

  result<job<void>> admit(const submit_options& options, request_work& work) {
    switch (plan_.door) {
      case door_verb::try_submit:
        return pool_->try_submit(options, std::move(work));
      case door_verb::block:
        return pool_->submit(options, std::move(work));
      case door_verb::enqueue:
        break;
    }
    return pool_->enqueue(options, std::move(work));
  }

  progress_sample sample() const {
    progress_sample now = sample_of(plan_, clock_, books_);
    now.refused = pool_->metrics().refused;  // with those refused while they waited
    return now;
  }

  void finish(pool_result& all, const submission& done) {
    all.books = books_.summary();
    clock_.stop(all.books);
    all.books.name = "weir";
    all.books.lag = done.lag;
    all.books.waiters_seen = waiters_seen_;
    all.books.arrivals = done.arrivals;
    all.books.refused = all.pool.refused;
    all.books.cancelled = all.pool.cancelled;
    all.books.expired = all.pool.expired;
    all.dropped = books_.ended(ending::dropped);
    all.stopped = books_.ended(ending::stopped);
    all.unstarted = books_.ended(ending::unstarted);
    all.refused_on_return = books_.refusals_on_return();
    all.violations = books_.violations();
    all.left_open = books_.open();
    if (stamp_log* const stamps = books_.stamps()) {
      const weir::rate& rate = plan_.limits.rate;
      const rate_bound bound{.count = static_cast<std::uint64_t>(rate.events()),
                             .per = rate.period(),
                             .burst = static_cast<std::uint64_t>(plan_.limits.burst)};
      all.skew = stamps->skew();
      all.by_limiter = worst_window(stamps->sorted_limiter_stamps(), bound);
      all.by_own_clock = worst_window(stamps->sorted_own_stamps(), bound, all.skew);
      all.violations += stamps->lost();
    }
  }

  const run_plan& plan_;
  pressure_log pressure_;
  std::unique_ptr<pool> pool_;  // before the clock, since a thousand threads take their time to start
  run_clock clock_;
  ledger books_;
  stop_lottery stops_;
  std::unique_ptr<canceller> canceller_;
  std::uint64_t accepted_ = 0;
  std::int64_t waiters_seen_ = 0;
};

}  // namespace

pool_result run_on_pool(const run_plan& plan) { return pool_run(plan).run(); }

}  // namespace weir::tools
