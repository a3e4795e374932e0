// The real clock by a counter, with a counter and a reference that are made up, while lines end, are renewed and begin:
// no call returns an earlier time than one that came before it, and each is as near to the reference as it says.
//
// Who has called tells it the others by a word of the model's, release to acquire: what comes before what is what C++
// says. Time goes on by large steps, so that a line is over within a schedule.
#include "counter_clock.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <vector>
#include <weir/queues/sync.hpp>

#include "explorer.hpp"
#include "holds.hpp"
#include "mistakes.hpp"
#include "mutants.hpp"

namespace counter_clock_model {

using testing::HasSubstr;
using testing::IsEmpty;
using weir::duration;
using weir::time_point;
using weir::detail::counter_clock;
using weir::detail::counter_line;

constexpr std::uint64_t piece = counter_line::piece;

/// The counter and the reference: no words of memory, but what any thread sees as it is. Each reading is a step.
struct made_world {
  std::uint64_t ticks = 100 * piece;
  std::int64_t ns = 1'000'000'000;
  int reference_reads = 0;
};
struct made_machine {
  made_world* world;
  [[nodiscard]] std::uint64_t counter() const noexcept {
    static_cast<void>(weir::detail::steady_now());
    return world->ticks;
  }
  [[nodiscard]] time_point reference() const noexcept {
    static_cast<void>(weir::detail::steady_now());
    ++world->reference_reads;
    return time_point(duration(world->ns));
  }
};

struct shared_clock {
  made_world world;
  counter_clock<made_machine> clock{made_machine{&world}};
  // The latest time that was told.
  // (1) told: release exchange by who has called -> acquire load by who is about to: those calls come one after the
  //     other.
  weir::detail::atomic<std::int64_t> told{0};

  /// Time goes on; for the reference `off` nanoseconds more than that many ticks are.
  void pass(std::uint64_t ticks, std::int64_t off = 0) {
    world.ticks += ticks;
    world.ns += static_cast<std::int64_t>(ticks / 2) + off;
  }

  std::int64_t call() {
    const std::int64_t earliest = world.ns - counter_clock<made_machine>::largest_error.count();
    const std::int64_t now = clock.now().time_since_epoch().count();
    model::check(now >= earliest, "not far behind the reference");
    model::check(now <= world.ns + counter_clock<made_machine>::largest_error.count(), "not far ahead of it");
    return now;
  }
  void read() {
    std::int64_t before = told.load(weir::detail::memory_order_acquire);  // (1)
    const std::int64_t now = call();
    model::check(now >= before, "no earlier than what was told before");
    while (before < now && !told.compare_exchange_strong(before, now, weir::detail::memory_order_acq_rel,  // (1)
                                                         weir::detail::memory_order_relaxed)) {
    }
  }

  /// On a line, since so many ticks.
  void settle(std::uint64_t ticks) {
    for (int measurements = 0; measurements < 3; ++measurements) {
      pass(8 * piece);
      read();
      read();  // close to the one before: so a line is worth while
    }
    pass(ticks);
    if (ticks < piece) read();
  }
};

using steps = std::function<void(shared_clock&)>;

struct scene {
  std::uint64_t ticks;  // since the begin of a line
  std::vector<steps> threads;
};

model::experiment with(const model::options& how, const scene& chosen, std::string_view made = {}) {
  return {how, [chosen, made](model::scenario& s) {
            auto shared = std::make_shared<shared_clock>();
            model::mistake = {};
            shared->settle(chosen.ticks);
            model::mistake = made;
            s.label("clock", shared->clock);
            for (std::size_t i = 0; i < chosen.threads.size(); ++i) {
              s.thread("reader " + std::to_string(i), [shared, f = chosen.threads[i]] { f(*shared); });
            }
            s.finally([shared] { shared->read(); });
          }};
}

steps read_for(int times) {
  return [times](shared_clock& c) {
    for (int i = 0; i < times; ++i) c.read();
  };
}
steps after(std::uint64_t ticks, std::int64_t off, const steps& then) {
  return [ticks, off, then](shared_clock& c) {
    c.pass(ticks, off);
    then(c);
  };
}
// On to the line after the next one, for which the words of this one are used again.
void renew_twice(shared_clock& c) {
  c.read();
  c.pass(piece);
  c.read();
}

constexpr std::uint64_t tenth = piece / 10;
constexpr std::uint64_t few = 8'000;  // 4 us

const scene renewed{18 * tenth, {read_for(2), read_for(2)}};
const scene renewed_while_time_passes{8 * tenth, {after(5 * tenth, 0, read_for(2)), after(5 * tenth, 0, read_for(2))}};
const scene renewed_and_slower{9 * tenth, {after(piece, -9'000, read_for(2)), read_for(2)}};
const scene used_again{19 * tenth, {renew_twice, read_for(1)}};
const scene used_again_and_slower{9 * tenth, {after(piece, -9'000, renew_twice), read_for(1)}};
const scene ended{18 * tenth, {after(3 * piece, 0, read_for(2)), read_for(1)}};
const scene ended_or_renewed{15 * tenth, {after(3 * piece, 0, read_for(2)), read_for(2)}};
const scene ended_for_two{35 * tenth, {read_for(2), after(few, 900, read_for(2))}};
// The reference has slowed down, and the line is ahead of it when it ends.
scene ended_ahead(std::uint64_t ticks, std::int64_t by) {
  return {2 * piece - ticks / 2, {after(0, -by, read_for(1)), [ticks](shared_clock& c) {
                                    c.read();
                                    c.pass(ticks);
                                    read_for(3)(c);
                                  }}};
}

std::vector<scene> all_scenes() {
  return {renewed,
          renewed_while_time_passes,
          renewed_and_slower,
          used_again,
          used_again_and_slower,
          ended,
          ended_or_renewed,
          ended_for_two,
          ended_ahead(few, 9'000),
          ended_ahead(800, 900)};
}

TEST(CounterClockModel, NeverGoesBackAndStaysNear) {
  for (const scene& s : all_scenes()) model::expect_holds(with({.name = "clock", .preemptions = 4}, s));
}

TEST(CounterClockModel, NeverGoesBackForThree) {
  model::expect_holds(
      with({.name = "clock, 3 readers"}, {18 * tenth, {read_for(1), after(3 * piece, 0, read_for(2)), read_for(2)}}));
  model::expect_holds(with({.name = "clock, 3 readers, ended"}, {35 * tenth, {read_for(1), read_for(1), read_for(2)}}));
}

TEST(CounterClockModel, NeverGoesBackInLongRandomSchedules) {
  const steps longer = [](shared_clock& c) {
    for (const std::uint64_t tenths : {3, 9, 0, 25, 1, 8}) {
      c.pass(tenths * tenth, 1'000);
      c.read();
    }
  };
  model::expect_holds(
      with({.name = "clock, random", .preemptions = 9, .random = 20'000}, {12 * tenth, {longer, longer, longer}}));
}

// A reader of a line writes nothing, and reads no reference.
TEST(CounterClockModel, ReadsTheCounterAlone) {
  const steps reads_no_reference = [](shared_clock& c) {
    const int before = c.world.reference_reads;
    read_for(2)(c);
    model::check(c.world.reference_reads == before, "the counter alone");
  };
  model::expect_holds(with({.name = "clock, on a line"}, {8 * tenth, {reads_no_reference, reads_no_reference}}));
}

// ---- memory orders

std::vector<model::experiment> experiments() {
  return {with(model::with_views("clock, renewed", 2, 2), renewed),
          with(model::with_views("clock, used again", 2, 2), used_again),
          with(model::with_views("clock, used again and slower", 2, 2), used_again_and_slower),
          with(model::with_views("clock, ended", 2, 2), ended),
          with(model::with_views("clock, ended for two", 2, 2), ended_for_two)};
}

TEST(CounterClockModel, HoldsWithViews) {
  for (const auto& e : experiments()) model::expect_holds(e);
}

TEST(CounterClockModel, EachOrderIsNeeded) {
  const model::mutants m = model::weaken_each_order("counter_clock.hpp", experiments());
  EXPECT_EQ(m.killed, m.total);
  EXPECT_THAT(m.survivors, IsEmpty());
}

// ---- mistakes: counter_clock.mistakes

std::string failure_of(std::string_view made, const scene& where) {
  const auto e = with({.name = "mistake: " + std::string(made), .preemptions = 3}, where, made);
  return model::explore(e.how, e.setup).failure;
}

TEST(CounterClockModel, NeedsEachStep) {
  EXPECT_THAT(failure_of("words are not asked whether they are still the line's", used_again), HasSubstr("far"));
  EXPECT_THAT(failure_of("a line that has ended leaves no floor", ended_ahead(few, 9'000)), HasSubstr("no earlier"));
  EXPECT_THAT(failure_of("the floor is not looked at", ended_ahead(few, 9'000)), HasSubstr("no earlier"));
  EXPECT_THAT(failure_of("a line begins below the floor", ended_ahead(800, 900)), HasSubstr("no earlier"));
  EXPECT_THAT(failure_of("times told without a line are not noted", ended_for_two), HasSubstr("no earlier"));
  EXPECT_THAT(failure_of("the next line begins at once", renewed_and_slower), HasSubstr("no earlier"));
  EXPECT_THAT(failure_of("a line is written over", used_again), HasSubstr("no earlier"));
}

}  // namespace counter_clock_model
