// Every number of a submission, at its ends and one beyond, by every verb: what is documented comes of it, and nothing
// is held where it was refused.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

#include "support/pools.hpp"

namespace {

using weir::refusal_reason;
using weir::submit_options;

constexpr std::int64_t lowest_of_all = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest_of_all = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t one_beyond_32_bits = (std::int64_t{1} << 32) + 1;

using why_refused = std::optional<refusal_reason>;

// The outcome of one task that does nothing and has ended.
template <typename Result>
why_refused outcome_of(Result&& got) {
  if (!got) return got.error().reason;
  if constexpr (requires { (*got).get(); }) (*got).get();
  return {};
}

using verb = std::function<why_refused(weir::pool&, const submit_options&)>;

const std::vector<std::pair<std::string, verb>>& verbs() {
  static const std::vector<std::pair<std::string, verb>> all = {
      {"try_submit", [](weir::pool& in, const submit_options& o) { return outcome_of(in.try_submit(o, [] {})); }},
      {"submit", [](weir::pool& in, const submit_options& o) { return outcome_of(in.submit(o, [] {})); }},
      {"submit_until",
       [](weir::pool& in, const submit_options& o) {
         return outcome_of(in.submit_until(weir::deadline(weir::time_point{}), o, [] {}));
       }},
      {"enqueue", [](weir::pool& in, const submit_options& o) { return outcome_of(in.enqueue(o, [] {})); }},
      {"post", [](weir::pool& in, const submit_options& o) { return outcome_of(in.post(o, [] {})); }},
      {"post_all",
       [](weir::pool& in, const submit_options& o) -> why_refused {
         const weir::posted_all got = in.post_all(o, std::array<std::function<void()>, 1>{[] {}});
         EXPECT_EQ(got.posted, got ? 1U : 0U);
         return got ? why_refused() : got.why->reason;
       }},
      {"run", [](weir::pool& in, const submit_options& o) { return outcome_of(in.run(o, [] {})); }},
      {"bulk",
       [](weir::pool& in, const submit_options& o) { return outcome_of(in.bulk(o, 1, [](std::int64_t, int) {})); }},
      {"task_group",
       [](weir::pool& in, const submit_options& o) -> why_refused {
         try {
           const weir::task_group group(in, {.weight = o.weight, .deadline = o.deadline});
           return {};
         } catch (const weir::refused& e) {
           return e.why().reason;
         }
       }},
  };
  return all;
}

void expect_nothing_left(weir::pool& in) {
  weir::testing::eventually("the end of the tasks", [&] { return in.door().tasks_in_use() == 0; });
  EXPECT_EQ(in.door().weight_in_use(), 0);
  EXPECT_EQ(in.door().waiting(), 0);
}

TEST(SubmissionNumbers, OfTheWeight) {
  struct weight_case {
    std::int64_t weight;
    why_refused of_ten;
    why_refused of_unlimited;
  };
  const std::vector<weight_case> cases = {
      {lowest_of_all, refusal_reason::invalid, refusal_reason::invalid},
      {-one_beyond_32_bits + 2, refusal_reason::invalid, refusal_reason::invalid},
      {-1, refusal_reason::invalid, refusal_reason::invalid},
      {0, refusal_reason::invalid, refusal_reason::invalid},
      {1, {}, {}},
      {10, {}, {}},
      {11, refusal_reason::too_heavy, {}},
      {weir::largest_max_weight, refusal_reason::too_heavy, {}},
      {weir::largest_max_weight + 1, refusal_reason::too_heavy, refusal_reason::too_heavy},
      {one_beyond_32_bits, refusal_reason::too_heavy, refusal_reason::too_heavy},
      {highest_of_all, refusal_reason::too_heavy, refusal_reason::too_heavy},
  };
  weir::pool ten({.workers = 1, .limits = {.max_weight = 10}});
  weir::pool any({.workers = 1});
  for (const auto& [name, submit] : verbs()) {
    for (const weight_case& c : cases) {
      EXPECT_EQ(submit(ten, {.weight = c.weight}), c.of_ten) << name << ' ' << c.weight;
      EXPECT_EQ(submit(any, {.weight = c.weight}), c.of_unlimited) << name << ' ' << c.weight;
      expect_nothing_left(ten);
      expect_nothing_left(any);
    }
  }
}

TEST(SubmissionNumbers, OfTheDeadline) {
  using weir::duration;
  using weir::time_point;
  weir::pool pool({.workers = 1, .limits = {.max_weight = 10}});
  for (const auto& [name, submit] : verbs()) {
    for (const time_point past : {time_point::min(), time_point::min() + duration(1), time_point{} - duration(1),
                                  time_point{}, weir::steady_clock_source().now()}) {
      EXPECT_EQ(submit(pool, {.deadline = weir::deadline(past)}), refusal_reason::expired)
          << name << ' ' << past.time_since_epoch().count();
    }
    for (const time_point ahead : {time_point::max() - duration(1), time_point::max()}) {
      EXPECT_EQ(submit(pool, {.deadline = weir::deadline(ahead)}), why_refused()) << name;
    }
    expect_nothing_left(pool);
  }
}

}  // namespace
