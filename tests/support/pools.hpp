// What tests of the pool share: workers that are kept busy, and the law that holds when nothing moves any more.
#pragma once

#include <cstdint>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/eventually.hpp"

namespace weir::testing {

/// Tasks that occupy workers, one each, until they are released or this object ends. They take no notice of a stop.
class busy_workers {
 public:
  /// Returns when all `count` run.
  explicit busy_workers(pool& on, std::uint32_t count = 1, const submit_options& options = {})
      : state_(new state), count_(count) {
    for (std::uint32_t i = 0; i < count; ++i) {
      on.post(options, [of = state_] {
          of->started.add();
          of->released.await("the release of a busy worker");
          of->ended.add();
        }).value();
    }
    state_->started.await(count, "workers that become busy");
  }
  busy_workers(const busy_workers&) = delete;
  busy_workers& operator=(const busy_workers&) = delete;
  ~busy_workers() { release(); }

  /// Lets them go. They end some time later.
  void release() {
    if (state_->released.is_set()) return;
    state_->released.set();
    state_->ended.await(count_, "busy workers that were released");
  }

 private:
  struct state {
    tally started;
    event released;
    tally ended;
  };
  std::shared_ptr<state> state_;
  std::uint32_t count_;
};

/// For one of many pools that a test makes: 1 to 4 workers, 8 at times, and rarely 64, which take the time of ten
/// others.
template <typename Random>
std::int64_t some_workers(Random& random) {
  const auto die = random() % 32;
  if (die == 0) return 64;
  return die < 4 ? 8 : static_cast<std::int64_t>(1 + die % 4);
}

/// Waits until nothing is live and nobody waits.
inline void await_rest(const pool& p) {
  eventually("a pool that comes to rest", [&] {
    const pool_metrics m = p.metrics();
    return m.live == 0 && m.waiting == 0;
  });
}

/// The conservation law of pool_metrics, exact at rest; and that nothing is held. Waits for the rest first.
inline void expect_conservation(const pool& p) {
  await_rest(p);
  const pool_metrics m = p.metrics();
  EXPECT_EQ(m.submitted, m.admitted + m.refused_in_all() + static_cast<std::uint64_t>(m.waiting));
  EXPECT_EQ(m.admitted + m.children,
            m.completed + m.failed + m.cancelled + m.expired + static_cast<std::uint64_t>(m.live));
  EXPECT_EQ(m.weight_in_use, 0);
}

/// That `group`, of which no child is left, is as good as a new one.
inline void expect_children_run(task_group& group) {
  tally runs;
  for (int i = 0; i < 40; ++i) group.spawn([&] { runs.add(); });
  EXPECT_NO_THROW(group.wait());
  EXPECT_EQ(runs.count(), 40u);
}

/// A callable that must not be touched by who refuses it: copies and moves of it are counted, and leave a trace.
class untouched {
 public:
  untouched() = default;
  untouched(const untouched& other) : touched_(other.touched_) { ++*touched_; }
  untouched(untouched&& other) noexcept : touched_(other.touched_) { ++*touched_; }
  void operator()() const {}

  [[nodiscard]] bool holds() const { return *touched_ == 0; }

 private:
  std::shared_ptr<int> touched_ = std::make_shared<int>(0);
};

/// The refusal that `f` ends in, thrown as weir::refused; fails the test if it does not throw that.
template <typename F>
refusal refusal_thrown_by(F&& f) {
  try {
    f();
  } catch (const refused& e) {
    return e.why();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "threw something else: " << e.what();
    return {};
  }
  ADD_FAILURE() << "threw nothing";
  return {};
}

/// The cause that `f` ends in, thrown as weir::cancelled; fails the test if it does not throw that.
template <typename F>
stop_cause cancelled_thrown_by(F&& f) {
  try {
    f();
  } catch (const cancelled& e) {
    return e.cause();
  } catch (const std::exception& e) {
    ADD_FAILURE() << "threw something else: " << e.what();
    return stop_cause::none;
  }
  ADD_FAILURE() << "threw nothing";
  return stop_cause::none;
}

}  // namespace weir::testing
