#include <weir/admission/refusal.hpp>

#include <cstddef>
#include <gtest/gtest.h>
#include <set>
#include <string>

namespace weir {
namespace {

using std::chrono::microseconds;

TEST(Refusal, TheTextOfARateSaysHowLongToWait) {
  const refusal why{.reason = refusal_reason::rate_limited,
                    .asked = 1,
                    .limit = 100,
                    .in_use = 100,
                    .rate = per_second(2'000),
                    .retry_after = microseconds(4'200)};
  EXPECT_EQ(to_string(why), "rate_limited: 2000/s, burst 100 used up; retry in 4.2 ms");
}

TEST(Refusal, TheTextOfAFullLimitSaysWhatWasAskedTheLimitAndTheState) {
  const std::string text = to_string({.reason = refusal_reason::weight_full, .asked = 16, .limit = 64, .in_use = 60});
  EXPECT_EQ(text.find("weight_full: "), 0U);
  for (const char* part : {"16", "60 of 64", "max_weight"}) EXPECT_NE(text.find(part), std::string::npos) << text;
}

TEST(Refusal, EveryReasonHasItsNameAndARemedy) {
  const char* const names[] = {"tasks_full", "weight_full",    "waiters_full",   "rate_limited",
                               "too_heavy",  "expired",        "predicted_late", "contended",
                               "timed_out",  "cancelled",      "shed",           "breaker_open",
                               "closed",     "would_deadlock", "forked",         "invalid"};
  // What each text tells to do.
  const char* const remedies[] = {"raise max_tasks",
                                  "raise max_weight",
                                  "raise max_waiters",
                                  "retry in",
                                  "split the task",
                                  "more time",
                                  "more time",
                                  "try again at once",
                                  "wait longer",
                                  "submit it again",
                                  "raise max_waiters",
                                  "retry in",
                                  "submit elsewhere",
                                  "use try_acquire, try_submit",
                                  "make a pool of its own",
                                  "pass 1 to"};
  ASSERT_EQ(std::size(names), refusal_reason_count);
  std::set<std::string> texts;
  for (std::size_t i = 0; i < refusal_reason_count; ++i) {
    const auto reason = static_cast<refusal_reason>(i);
    EXPECT_EQ(to_string(reason), names[i]);
    const std::string text = to_string(refusal{.reason = reason, .asked = 3, .limit = 7, .in_use = 5});
    EXPECT_EQ(text.find(std::string(names[i]) + ": "), 0U) << text;
    EXPECT_NE(text.find(remedies[i]), std::string::npos) << text;
    EXPECT_EQ(text.find('\n'), std::string::npos);
    texts.insert(text);
  }
  EXPECT_EQ(texts.size(), refusal_reason_count) << "no two reasons read the same";
}

TEST(Refusal, WhatFitsByItselfIsToldThatOthersWaitAhead) {
  const std::string weight = to_string({.reason = refusal_reason::weight_full, .asked = 4, .limit = 64, .in_use = 60});
  EXPECT_NE(weight.find("weight 4 must wait behind others, 60 of 64 in use"), std::string::npos) << weight;
  const std::string tasks = to_string({.reason = refusal_reason::tasks_full, .asked = 1, .limit = 8, .in_use = 7});
  EXPECT_NE(tasks.find("7 of 8 tasks are live and others wait ahead;"), std::string::npos) << tasks;
}

TEST(Refusal, WhatIsOutOfRangeIsCalledByItsName) {
  const auto text = [](quantity what, refusal_reason why, std::int64_t asked, std::int64_t limit) {
    return to_string({.reason = why, .what = what, .asked = asked, .limit = limit});
  };
  EXPECT_EQ(text(quantity::weight, refusal_reason::invalid, 0, 10), "invalid: weight 0 is out of range; pass 1 to 10");
  EXPECT_EQ(text(quantity::priority, refusal_reason::invalid, 7, 2),
            "invalid: priority 7 is out of range; pass 0 to 2");
  EXPECT_EQ(text(quantity::tokens, refusal_reason::invalid, -1, 5), "invalid: tokens -1 is out of range; pass 1 to 5");
  EXPECT_EQ(text(quantity::tokens, refusal_reason::too_heavy, 6, 5),
            "too_heavy: tokens 6 exceed the burst of 5; they can never be there: take fewer at a time or raise the "
            "burst");
}

TEST(Refusal, AWaitForTheRateIsToldWhereItRefusedADeadline) {
  const refusal late{.reason = refusal_reason::expired, .rate = per_second(10), .retry_after = microseconds(300'000)};
  EXPECT_NE(to_string(late).find("300 ms"), std::string::npos) << to_string(late);
  EXPECT_NE(to_string(late).find("10/s"), std::string::npos);
  const refusal impatient{.reason = refusal_reason::timed_out, .retry_after = microseconds(1'500'000)};
  EXPECT_NE(to_string(impatient).find("1.5 s"), std::string::npos) << to_string(impatient);
}

TEST(Refusal, WaitsAreReadableAtEverySize) {
  const auto text = [](duration wait) {
    return to_string({.reason = refusal_reason::breaker_open, .limit = 5, .retry_after = wait});
  };
  EXPECT_NE(text(duration(0)).find("0.0 ns"), std::string::npos);
  EXPECT_NE(text(duration(999)).find("999 ns"), std::string::npos);
  EXPECT_NE(text(microseconds(12)).find("12.0 us"), std::string::npos);
  EXPECT_NE(text(duration(999'960)).find("1.0 ms"), std::string::npos) << "not 1000 us";
  EXPECT_NE(text(microseconds(99'960)).find("100 ms"), std::string::npos) << "not 100.0 ms";
  EXPECT_NE(text(std::chrono::hours(1)).find("3600 s"), std::string::npos);
  EXPECT_NE(text(duration::max()).find(" s"), std::string::npos);
}

TEST(Refusal, AReasonFromOutsideTheListIsNotReadOutOfBounds) {
  EXPECT_EQ(to_string(static_cast<refusal_reason>(200)), "unknown");
  EXPECT_EQ(to_string(refusal{.reason = static_cast<refusal_reason>(200)}), "unknown: unknown reason");
}

TEST(Refused, CarriesTheRefusalAndItsText) {
  const refusal why{.reason = refusal_reason::closed};
  const refused thrown(why);
  EXPECT_EQ(thrown.why().reason, refusal_reason::closed);
  EXPECT_NE(std::string(thrown.what()).find(to_string(why)), std::string::npos);
}

}  // namespace
}  // namespace weir
