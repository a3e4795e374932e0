// The interleaving explorer: runs weir's own source, compiled with WEIR_MODEL, under every schedule within a bound.
//
// A scenario has a few threads, which are fibres: one runs at a time, and at each operation of the seam
// (queues/sync.hpp) another may go on. All schedules with at most `preemptions` switches away from a thread that could
// have gone on are run, depth first, each from the start again; or `random` ones, from a printed seed. A failure is a
// failed check, an exception, a deadlock (nobody can run) or the step limit (livelock). It comes with the choices that
// lead there and a trace.
//
// Sequentially consistent, unless `missed_stores` delays what threads write (store_buffers.hpp): then a missing
// store-load barrier is found, and no other weakened order. With `memory = memory_model::views` (views.hpp) each order
// means what it says: loads may read old stores, as many as `old_reads`, and plain data in a `checked` (checked.hpp)
// that is used without happening before the next use is a failure.
//
// Limits: the scenario must be deterministic: each call of `setup` makes a new state, and nothing depends on addresses,
// real time or real threads. Who spins can run, so that meanwhile no time passes by itself. Each thread of the scenario
// has its own thread_local variables; those of `setup` and `finally` are not theirs, and stay from schedule to
// schedule.
//
// const model::result r = model::explore({.name = "hand over", .preemptions = 3}, [](model::scenario& s) { auto state =
//   std::make_shared<my_state>(); s.thread("producer", [state] { state->put(7); }); s.thread("consumer", [state] {
//   model::check(state->get() == 7, "got what was put"); }); s.finally([state] { model::check(state->empty(), "nothing
//   is left"); }); }); EXPECT_TRUE(r.passed()) << r.report;
//
// WEIR_SEED=n sets the seed of the random mode; WEIR_REPLAY='name:choices', as printed, runs that one schedule.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "seam.hpp"

namespace model {

/// The operations of one kind in one function of the real source, as if they had no order: `{"prepare_wait", "fence"}`.
/// With views they can have another one, and be those of one line only.
struct weakening {
  std::string function;
  std::string operation;
  memory_order to = memory_order_relaxed;
  std::uint_least32_t line = 0;  // 0 is any
};

enum class memory_model : std::uint8_t { sequential, views };

/// An order that the real source gives, and where.
struct given_order {
  std::string file;
  std::string function;
  std::string operation;
  memory_order order;
  std::uint_least32_t line;
};

struct options {
  std::string name;
  int preemptions = 2;     // per schedule; blocking, yielding and finishing switch for free
  int max_steps = 2000;    // operations per schedule, above it is a livelock
  long max_schedules = 0;  // stop there, incomplete; 0 is no limit
  long random = 0;         // this many random schedules instead of all
  int spurious_wakes = 0;  // per schedule: returns of futex_wait for no reason
  int timeouts = 0;        // per schedule: timeouts while somebody else could run; when nobody can, they come for free
  int weak_failures = 0;   // per schedule: failures of compare_exchange_weak for no reason
  int missed_stores = 0;   // per schedule: looks that miss a store which is still in its thread's buffer
  memory_model memory = memory_model::sequential;
  int old_reads = 0;        // per schedule, with views: loads that read what a newer store has replaced
  weakening weakened = {};  // with missed_stores or views
  std::string replay = {};  // the choices of one schedule to run instead
};

struct result {
  long schedules = 0;
  int longest = 0;        // operations of the longest schedule
  bool complete = false;  // every schedule within the bounds was run
  std::uint64_t seed = 0;
  std::string failure;                   // what went wrong; empty if nothing
  std::string choices;                   // the schedule where it did
  std::string report;                    // for the reader: outcome, counts, and after a failure the trace
  std::vector<given_order> orders = {};  // with views: those that were met, relaxed ones left out

  [[nodiscard]] bool passed() const { return failure.empty(); }
};

/// One execution, to be filled by `setup`. At most 32 threads.
class scenario {
 public:
  void thread(std::string name, std::function<void()> body);

  /// One more thread, for the next one that the source starts by itself. Where there is no such room it never runs.
  void room_for_a_thread(std::string name);

  /// To be run after all threads have finished.
  void finally(std::function<void()> check);

  /// Names an object, for the trace: an atomic within it is shown as `name+offset`.
  template <typename T>
  void label(std::string name, const T& object) {
    label(std::move(name), &object, sizeof object);
  }

 private:
  void label(std::string name, const void* object, std::size_t size);
};

/// Explores, prints one line with the counts (and the seed, if random), and stops at the first failure.
[[nodiscard]] result explore(const options& chosen, const std::function<void(scenario&)>& setup);

/// Ends the execution as failed unless `condition`. Callable everywhere in a scenario, in noexcept functions too.
void check(bool condition, const char* text, std::source_location where = std::source_location::current());

/// A choice of the scenario's own, explored like the schedule: 0 to count - 1, 0 first. For faults and orders of
/// events.
[[nodiscard]] int choose(int count) noexcept;

/// Moves the model's clock, which starts at one second. Whoever sleeps with a timeout and is due then can run.
void advance_clock(std::chrono::nanoseconds by, std::source_location where = std::source_location::current()) noexcept;

}  // namespace model
