// The real token bucket whose rate is changed while tokens are taken, under every schedule within a bound and at one
// moment: whatever the terms are, no token more is granted than were there, and nobody is refused while there is one.
#include <weir/admission/token_bucket.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "explorer.hpp"
#include "mutants.hpp"
#include "person.hpp"

namespace bucket_change_model {

using model::memory_model;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::int64_t burst = 2;
// Each makes of a token a debt of another length, so that terms that are mixed up show.
const weir::rate at_first = weir::per(1, seconds(1));
const weir::rate slower = weir::per(1, seconds(4));
const weir::rate faster = weir::per(4, seconds(1));

struct shared_bucket {
  weir::token_bucket bucket{at_first, burst, model::no_time};
  std::int64_t used = 0;
  bool refused = false;

  void take(std::int64_t tokens) {
    if (bucket.try_take(tokens)) {
      used += tokens;
    } else {
      refused = true;
    }
  }

  // `exactly`: nothing is lost either, and a refusal was true.
  enum class account : std::uint8_t { exactly, at_most };
  void settle(account how) const {
    const std::int64_t there = bucket.approx_available(model::no_time.now());
    model::check(used + there <= burst, "no token is made");
    if (how == account::at_most) return;
    model::check(used + there == burst, "and none is lost");
    model::check(!refused || there == 0, "nobody is refused while there is one");
  }
};

using account = shared_bucket::account;

template <typename Setup>
auto with_bucket(account how, Setup setup) {
  return [=](model::scenario& s) {
    auto* const b = new shared_bucket;
    setup(s, *b);
    s.finally([b, how] {
      b->settle(how);
      delete b;
    });
  };
}

model::options bounds(const char* name, int preemptions, memory_model memory) {
  const bool views = memory == memory_model::views;
  return {.name = std::string("bucket change, ") + name + (views ? ", views" : ""),
          .preemptions = preemptions,
          .weak_failures = views ? 0 : 1,
          .missed_stores = views ? 0 : 1,
          .memory = memory,
          .old_reads = 2};
}

// Two that take, of which one is refused, while the rate changes.
model::experiment one_change(int preemptions, memory_model memory = {}) {
  return {bounds("one", preemptions, memory), with_bucket(account::exactly, [](model::scenario& s, shared_bucket& b) {
            s.thread("one", [&b] { b.take(1); });
            s.thread("two", [&b] {
              b.take(1);
              b.take(1);
            });
            s.thread("changes", [&b] { b.bucket.set_rate(slower, burst); });
          })};
}

// What is read belongs together: the wait for three, when one of them is there, is that for two at one of the paces.
model::experiment read_and_two_changes(int preemptions, memory_model memory = {}) {
  return {bounds("read", preemptions, memory), with_bucket(account::exactly, [](model::scenario& s, shared_bucket& b) {
            b.take(1);
            s.thread("reads", [&b] {
              const weir::duration wait = b.bucket.wait_for(3, model::no_time.now());
              model::check(wait == seconds(2) || wait == seconds(8) || wait == milliseconds(500), "of one pace");
            });
            s.thread("changes", [&b] {
              b.bucket.set_rate(slower, 3);
              b.bucket.set_rate(faster, 4);
              b.bucket.set_rate(faster, burst);
            });
          })};
}

// Who sleeps through two changes may lose the token that it took, and more is not lost.
model::experiment two_changes(weir::rate first, weir::rate second, int preemptions, memory_model memory = {}) {
  return {bounds("two", preemptions, memory), with_bucket(account::at_most, [=](model::scenario& s, shared_bucket& b) {
            s.thread("takes", [&b] { b.take(1); });
            s.thread("takes too", [&b] { b.take(1); });
            s.thread("changes", [=, &b] {
              b.bucket.set_rate(first, burst);
              b.bucket.set_rate(second, burst);
            });
          })};
}

// Full, so that the arrival is the same after two changes, and what the taker saw of it says nothing of the terms.
model::experiment the_same_arrival(int preemptions, memory_model memory = {}) {
  return {bounds("the same arrival", preemptions, memory),
          with_bucket(account::at_most, [](model::scenario& s, shared_bucket& b) {
            s.thread("takes two", [&b] { b.take(2); });
            s.thread("changes", [&b] {
              b.bucket.set_rate(faster, burst);
              b.bucket.set_rate(slower, burst);
            });
          })};
}

// What comes back while the rate changes is not counted in other terms.
model::experiment back_and_change(int preemptions, memory_model memory = {}) {
  return {bounds("refund", preemptions, memory),
          with_bucket(account::at_most, [](model::scenario& s, shared_bucket& b) {
            s.thread("gives back", [&b] {
              if (b.bucket.try_take(2)) (void)b.bucket.refund(2, model::no_time.now());
            });
            s.thread("takes", [&b] { b.take(1); });
            s.thread("changes", [&b] {
              b.bucket.set_rate(faster, burst);
              b.bucket.set_rate(slower, burst);
            });
          })};
}

// A charge takes what it says.
model::experiment charge_and_change(int preemptions, memory_model memory = {}) {
  return {bounds("charge", preemptions, memory),
          with_bucket(account::exactly, [](model::scenario& s, shared_bucket& b) {
            s.thread("charges", [&b] { b.used += *b.bucket.charge(1); });
            s.thread("takes", [&b] { b.take(1); });
            s.thread("changes", [&b] { b.bucket.set_rate(slower, burst); });
          })};
}

// The rate and the burst that a refusal tells are of the same terms.
model::experiment told_together(int preemptions, memory_model memory = {}) {
  return {bounds("told together", preemptions, memory), [](model::scenario& s) {
            auto* const b = new shared_bucket;
            s.thread("asks too much", [b] {
              const weir::refusal why = b->bucket.try_take(9).error();
              model::check((why.rate == at_first && why.limit == 2) ||
                               (why.rate == weir::per(5, seconds(3)) && why.limit == 3) ||
                               (why.rate == weir::per(7, seconds(5)) && why.limit == 4),
                           "a rate and its burst");
            });
            s.thread("changes", [b] {
              b->bucket.set_rate(weir::per(5, seconds(3)), 3);
              b->bucket.set_rate(weir::per(7, seconds(5)), 4);
            });
            s.finally([b] { delete b; });
          }};
}

model::result run(const model::experiment& e) { return model::explore(e.how, e.setup); }

// Long ones, and short ones, which are enough for the orders.
std::vector<model::experiment> long_ones(int preemptions, memory_model memory = {}) {
  return {one_change(preemptions, memory), two_changes(slower, faster, preemptions, memory),
          two_changes(faster, slower, preemptions, memory), back_and_change(preemptions, memory)};
}
std::vector<model::experiment> short_ones(int preemptions, memory_model memory = {}) {
  return {read_and_two_changes(preemptions, memory), the_same_arrival(preemptions, memory),
          charge_and_change(preemptions, memory), told_together(preemptions, memory)};
}

void expect_all_hold(const std::vector<model::experiment>& experiments) {
  for (const auto& e : experiments) {
    const model::result r = run(e);
    EXPECT_TRUE(r.passed() && r.complete) << r.report;
  }
}

TEST(BucketChangeModel, MakesNoTokenAndRefusesNobodyForNothing) {
  expect_all_hold(long_ones(2));
  expect_all_hold(short_ones(3));
}

TEST(BucketChangeModel, HoldsWithViews) {
  expect_all_hold(long_ones(2, memory_model::views));
  expect_all_hold(short_ones(2, memory_model::views));
}

TEST(BucketChangeModel, EachOrderOfTheTermsIsNeeded) {
  const model::mutants m = model::weaken_each_order("bucket_terms.hpp", short_ones(2, memory_model::views));
  EXPECT_THAT(m.survivors, testing::IsEmpty());
  EXPECT_EQ(m.killed, 9);
}

TEST(BucketChangeModel, EachOrderOfTheArrivalIsNeeded) {
  const model::mutants m = model::weaken_each_order("token_bucket.hpp", short_ones(2, memory_model::views));
  EXPECT_EQ(m.killed, 4);
  // What they release is for who reads the clock afterwards, and the explorer's clock shows each thread the same.
  EXPECT_THAT(m.survivors, testing::ElementsAre("take compare_exchange: acq_rel -> acquire",
                                                "take_at_once compare_exchange: acq_rel -> acquire"));
}

}  // namespace bucket_change_model
