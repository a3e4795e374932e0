#include "replay/settings.hpp"

#include <gtest/gtest.h>
#include <weir/scheduler/cpu_count.hpp>

#include "replay/bad_input.hpp"
#include "replay/setting_values.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;

std::string message_of(const written_settings& written) {
  try {
    (void)checked(written);
  } catch (const bad_input& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Settings, DefaultsAreThoseOfTheHelp) {
  const settings all = checked({});
  const int workers = default_cpu_count().workers;
  EXPECT_EQ(all.trace, "");
  EXPECT_EQ(all.door, door_verb::enqueue);
  EXPECT_EQ(all.workers, static_cast<unsigned>(workers));
  EXPECT_EQ(all.max_tasks, 64 * workers);
  EXPECT_FALSE(all.max_weight);
  EXPECT_TRUE(all.rate.is_unlimited());
  EXPECT_EQ(all.burst, 0);
  EXPECT_EQ(all.max_waiters, 64 * workers);
  EXPECT_EQ(all.max_waiting_weight, weir::unlimited);
  EXPECT_EQ(all.overflow, weir::overflow::reject_new);
  EXPECT_EQ(all.priority_ageing, 8);
  EXPECT_EQ(all.max_bypass, 0);
  EXPECT_EQ(all.deadline, 250ms);
  EXPECT_EQ(all.cancel_percent, 0);
  EXPECT_EQ(all.speed, 1);
  EXPECT_EQ(all.repeat, 1U);
  EXPECT_EQ(all.token_cost, 2us);
  EXPECT_EQ(all.seed, 1U);
  EXPECT_FALSE(all.strict_window);
  EXPECT_FALSE(all.strict);
  EXPECT_FALSE(all.compare);
}

TEST(Settings, EachFlagIsTaken) {
  const settings all = checked({.trace = "t.csv",
                                .door = "block",
                                .workers = "3",
                                .max_tasks = "unlimited",
                                .max_weight = "20000",
                                .rate = "2000",
                                .burst = "50",
                                .max_waiters = "7",
                                .overflow = "drop_oldest",
                                .strict_window = "true",
                                .deadline = "1.5s",
                                .cancel = "12.5",
                                .speed = "3000",
                                .repeat = "10",
                                .token_cost = "500ns",
                                .run_for = "2min",
                                .seed = "18446744073709551615",
                                .json = "out.json",
                                .strict = "true",
                                .compare = "true"});
  EXPECT_EQ(all.trace, "t.csv");
  EXPECT_EQ(all.door, door_verb::block);
  EXPECT_EQ(all.workers, 3U);
  EXPECT_EQ(all.max_tasks, std::int64_t{weir::unlimited});
  EXPECT_EQ(all.max_weight, 20'000);
  EXPECT_EQ(all.rate, weir::per_second(2'000));
  EXPECT_EQ(all.burst, 50);
  EXPECT_EQ(all.max_waiters, 7);
  EXPECT_EQ(all.overflow, weir::overflow::drop_oldest);
  EXPECT_EQ(all.deadline, 1500ms);
  EXPECT_EQ(all.cancel_percent, 12.5);
  EXPECT_EQ(all.speed, 3'000);
  EXPECT_EQ(all.repeat, 10U);
  EXPECT_EQ(all.token_cost, 500ns);
  EXPECT_EQ(all.run_for, 2min);
  EXPECT_EQ(all.seed, ~std::uint64_t{0});
  EXPECT_EQ(all.json, "out.json");
  EXPECT_TRUE(all.strict_window);
  EXPECT_TRUE(all.strict);
  EXPECT_TRUE(all.compare);
}

TEST(Settings, DefaultTasksAndWaitersFollowTheWorkers) {
  EXPECT_EQ(checked({.workers = "5"}).max_tasks, 320);
  EXPECT_EQ(checked({.workers = "5"}).max_waiters, 320);
}

TEST(Settings, NoDeadlineIsWrittenOut) { EXPECT_FALSE(checked({.deadline = "none"}).deadline); }

TEST(Settings, CountsOutOfRangeNameTheLimitAndTheRemedy) {
  EXPECT_EQ(message_of({.workers = "0"}),
            "--workers \"0\": out of range, 1 to 1024 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.workers = "1025"}),
            "--workers \"1025\": out of range, 1 to 1024 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.max_tasks = "-1"}),
            "--max-tasks \"-1\": out of range, 1 to 16777215 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.max_tasks = "16777216"}),
            "--max-tasks \"16777216\": out of range, 1 to 16777215 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.max_weight = "99999999999999999999"}),
            "--max-weight \"99999999999999999999\": out of range, 1 to 2147483647 is possible, choose a number in that "
            "range");
  EXPECT_EQ(message_of({.repeat = "0"}),
            "--repeat \"0\": out of range, 1 to 1000000000 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.seed = "18446744073709551616"}),
            "--seed \"18446744073709551616\": out of range, 0 to 18446744073709551615 is possible, choose a number in "
            "that range");
  for (const char* const wrong : {"", "eight", "8.5", "1e3", " 8", "8 ", "0x8", "+8", "nan", "--8"}) {
    EXPECT_EQ(message_of({.max_tasks = wrong}),
              "--max-tasks \"" + std::string(wrong) +
                  "\": this is no whole number, 1 to 16777215 is possible, write digits only");
  }
}

TEST(Settings, NumbersAreFiniteAndInRange) {
  EXPECT_EQ(message_of({.speed = "0"}),
            "--speed \"0\": out of range, 0.001 to 1000000000 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.speed = "-2"}),
            "--speed \"-2\": out of range, 0.001 to 1000000000 is possible, choose a number in that range");
  for (const char* const wrong : {"", "nan", "inf", "-inf", "1e999", "fast", "3x"}) {
    EXPECT_EQ(message_of({.speed = wrong}),
              "--speed \"" + std::string(wrong) +
                  "\": this is no finite number, 0.001 to 1000000000 is possible, write a plain number");
  }
  EXPECT_EQ(message_of({.cancel = "100.5"}),
            "--cancel \"100.5\": out of range, 0 to 100 is possible, choose a number in that range");
  EXPECT_EQ(message_of({.cancel = "100"}), "accepted");
}

TEST(Settings, TimesNeedAUnitAndARange) {
  EXPECT_EQ(message_of({.deadline = "250"}),
            "--deadline \"250\": the unit is missing, ns, us, ms, s, min and h are known, write it behind the number, "
            "such as 250ms");
  EXPECT_EQ(message_of({.deadline = "250 ms"}),
            "--deadline \"250 ms\": the unit \" ms\" is unknown, ns, us, ms, s, min and h are known, use one of them");
  EXPECT_EQ(message_of({.deadline = "0ms"}),
            "--deadline \"0ms\": out of range, 1 us to 3600 s is possible, choose a time in that range");
  EXPECT_EQ(message_of({.deadline = "-5ms"}),
            "--deadline \"-5ms\": out of range, 1 us to 3600 s is possible, choose a time in that range");
  EXPECT_EQ(message_of({.deadline = "2h"}),
            "--deadline \"2h\": out of range, 1 us to 3600 s is possible, choose a time in that range");
  EXPECT_EQ(message_of({.token_cost = "1e300h"}),
            "--token-cost \"1e300h\": out of range, 1 ns to 1 s is possible, choose a time in that range");
  for (const char* const wrong : {"", "ms", "nan", "inf", "nans", "soon"}) {
    EXPECT_EQ(message_of({.run_for = wrong}),
              "--for \"" + std::string(wrong) +
                  "\": this is no length of time, 1 ms to 2592000 s is possible, write a number "
                  "and a unit, such as 250ms");
  }
}

TEST(Settings, RatesAreExact) {
  const auto rate_of = [](const char* text) { return checked({.rate = text, .burst = "1", .max_waiters = "0"}).rate; };
  EXPECT_EQ(rate_of("2000"), weir::per_second(2'000));
  EXPECT_EQ(rate_of("0.5"), weir::per(5, 10s));
  EXPECT_EQ(rate_of("2.50"), weir::per(25, 10s));
  EXPECT_EQ(rate_of("1000000000"), weir::per_second(1'000'000'000));
  EXPECT_TRUE(checked({.rate = "unlimited"}).rate.is_unlimited());
  constexpr const char* range = ", 0.000000001 to 1000000000 a second is possible, ";
  for (const char* const wrong : {"0", "0.0", "-1", "-0.5", "1000000001", "1000000000.1", "99999999999999999999"}) {
    EXPECT_EQ(message_of({.rate = wrong, .burst = "1"}),
              "--rate \"" + std::string(wrong) + "\": out of range" + range +
                  "choose a rate in that range, or leave it out for no limit");
  }
  for (const char* const wrong : {"", "nan", "inf", "1e3", "2,000", ".5", "5.", "1.2.3"}) {
    EXPECT_EQ(message_of({.rate = wrong, .burst = "1"}),
              "--rate \"" + std::string(wrong) + "\": this is no rate" + range +
                  "write admissions per second, such as 2000 or 0.5, or as in "
                  "10/min and 1 per 3 s");
  }
  EXPECT_EQ(message_of({.rate = "0.0000000001", .burst = "1"}),
            "--rate \"0.0000000001\": too many decimals, nine are possible, round it");
  EXPECT_EQ(rate_of("0.999999999"), weir::per(999'999'999, 1'000'000'000s));
  EXPECT_EQ(rate_of("12345678.9"), weir::per(123'456'789, 10s));
  EXPECT_EQ(rate_of("12345678.90"), weir::per(123'456'789, 10s));
  for (const char* const wrong : {"123456789.01", "999999999.999999999", "2000.0000001", "999999999.123456780"}) {
    EXPECT_EQ(message_of({.rate = wrong, .burst = "1"}),
              "--rate \"" + std::string(wrong) +
                  "\": too many digits, nine in all are possible where there are decimals, round it");
  }
}

TEST(Settings, WaitersThatDoNotReachTheRateAreRefusedUnlessNobodyWaits) {
  EXPECT_NE(message_of({.rate = "5000", .burst = "1"}).find("who waits at 5000/s would get 1 per 250 us"),
            std::string::npos);
  EXPECT_EQ(checked({.door = "try", .rate = "5000", .burst = "1"}).burst, 1);
}

TEST(Settings, RatesAreReadAsTheyAreWrittenElsewhere) {
  const auto rate_of = [](const std::string& text) {
    return checked({.rate = text, .burst = "1", .allow_slow_waiters = "true"}).rate;
  };
  for (const weir::rate& one : {weir::per_second(200), weir::per_minute(10), weir::per(1, 3s), weir::per(7, 1500us),
                                weir::per(2, 100ns), weir::per(999'999'999, 1'000'000'000s)}) {
    EXPECT_EQ(rate_of(to_string(one)), one) << to_string(one);
  }
  EXPECT_EQ(rate_of("0.5/min"), weir::per(5, 600s));
  EXPECT_EQ(rate_of("3/h"), weir::per(3, 1h));
  EXPECT_EQ(rate_of("1 per 2 h"), weir::per(1, 2h));
  EXPECT_EQ(rate_of("1 per 100ms"), weir::per(1, 100ms));
  EXPECT_EQ(rate_of("2.5 per 10 s"), weir::per(25, 100s));
  EXPECT_EQ(rate_of("1 per min"), weir::per_minute(1));
  for (const char* const wrong : {"200/", "/s", "200/day", "200 /s", "200/ s", "200/2s", "1 per", "1 per 3", "1 per  s",
                                  "1 per 3  s", "1 per 0.3 s", "1 per -3 s", "per 3 s", "1/s/s", "200 per/s"}) {
    EXPECT_EQ(
        message_of({.rate = wrong, .burst = "1"}).rfind("--rate \"" + std::string(wrong) + "\": this is no rate, ", 0),
        0U)
        << message_of({.rate = wrong, .burst = "1"});
  }
  for (const char* const wrong :
       {"1 per 0 s", "0/min", "2 per 1 ns", "1 per 1000000001 s", "0.000000001/min",
        "1 per 99999999999999999999999999999999999999999 h", "0.000000001 per 99999999999999999999999999999 h"}) {
    EXPECT_EQ(message_of({.rate = wrong, .burst = "1"}).rfind("--rate \"" + std::string(wrong).substr(0, 40), 0), 0U);
    EXPECT_NE(message_of({.rate = wrong, .burst = "1"}).find(": out of range, "), std::string::npos) << wrong;
  }
  EXPECT_EQ(message_of({.rate = "0.999999999/min", .burst = "1"}),
            "--rate \"0.999999999/min\": too many digits, nine in all are possible where there are decimals, round it");
}

TEST(Settings, ContradictionsAreRefused) {
  EXPECT_EQ(message_of({.rate = "2000"}),
            "--rate 2000: the burst is missing, a rate has a burst of at least 1, add --burst");
  EXPECT_EQ(message_of({.burst = "5"}),
            "--burst 5: there is no rate, a burst is a part of a rate, add --rate or leave it out");
  EXPECT_EQ(message_of({.rate = "unlimited", .burst = "5"}),
            "--burst 5: there is no rate, a burst is a part of a rate, add --rate or leave it out");
  EXPECT_EQ(message_of({.door = "try", .max_waiters = "5"}),
            "--max-waiters with --door try: nobody waits at this door, waiters belong to enqueue and block, leave out "
            "one of the two");
  EXPECT_EQ(message_of({.door = "try", .overflow = "drop_oldest"}),
            "--overflow with --door try: nobody waits at this door, waiters belong to enqueue and block, leave out one "
            "of the two");
  EXPECT_EQ(message_of({.door = "block", .max_waiters = "0"}),
            "--max-waiters 0 with --door block: nobody could wait at the door, block needs at least 1 waiter, use "
            "--door try or --overflow caller_runs");
  EXPECT_EQ(message_of({.door = "block", .max_waiters = "0", .overflow = "caller_runs"}), "accepted");
  // A burst that would take longer than the limiter can count, told by its own rule.
  EXPECT_EQ(
      message_of({.rate = "0.000000001", .burst = "1000000000"}).rfind("these limits are not possible together: ", 0),
      0U);
}

TEST(Settings, AllThatIsWrongIsToldAtOnce) {
  const read_settings found =
      read_all({.door = "open", .workers = "0", .max_tasks = "9", .rate = "2000", .speed = "fast"});
  EXPECT_EQ(found.all.max_tasks, 9);
  ASSERT_EQ(found.wrong.size(), 4U);
  EXPECT_EQ(found.wrong[0].text.rfind("--workers \"0\": ", 0), 0U);
  EXPECT_EQ(found.wrong[1].text.rfind("--door \"open\": ", 0), 0U);
  EXPECT_EQ(found.wrong[2].text.rfind("--speed \"fast\": ", 0), 0U);
  EXPECT_EQ(found.wrong[3].text.rfind("--rate 2000: the burst is missing, ", 0), 0U);
}

TEST(Settings, NoRuleSpeaksOfAValueThatCouldNotBeRead) {
  EXPECT_EQ(read_all({.rate = "fast", .burst = "5"}).wrong.size(), 1U);
  EXPECT_EQ(read_all({.door = "block", .max_waiters = "0", .overflow = "wait"}).wrong.size(), 1U);
}

TEST(Settings, UnknownWordsListTheKnownOnes) {
  EXPECT_EQ(message_of({.door = "open"}),
            "--door \"open\": this is unknown, try or enqueue or block is possible, choose one of them");
  EXPECT_EQ(message_of({.overflow = "drop"}),
            "--overflow \"drop\": this is unknown, reject_new or drop_oldest or drop_lowest or caller_runs is "
            "possible, choose one of them");
  EXPECT_EQ(message_of({.trace = ""}),
            "--trace \"\": the name is empty, a file is needed, name one or leave the flag out");
  EXPECT_EQ(message_of({.json = ""}),
            "--json \"\": the name is empty, a file is needed, name one or leave the flag out");
}

TEST(Settings, ReportMayNotOverwriteTheTrace) {
  const testing::scratch_file file("x");
  EXPECT_EQ(message_of({.trace = file.path(), .json = file.folder() + "/./trace.csv"}).substr(0, 7), "--json ");
  EXPECT_EQ(message_of({.trace = file.path(), .json = file.folder() + "/out.json"}), "accepted");
}

TEST(SettingValues, NumbersAreWrittenForPeople) {
  EXPECT_EQ(time_text(0ns), "0 ns");
  EXPECT_EQ(time_text(1500ns), "1.5 us");
  EXPECT_EQ(time_text(250ms), "250 ms");
  EXPECT_EQ(time_text(90s), "90 s");
  EXPECT_EQ(time_text(3600s), "3600 s");
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'000), "1,000");
  EXPECT_EQ(count_text(12'345'678), "12,345,678");
  EXPECT_EQ(count_text(-123), "-123");
  EXPECT_EQ(count_text(-1'234), "-1,234");
  EXPECT_EQ(rate_text(30'000, 6s), "5,000/s");
  EXPECT_EQ(rate_text(7, 2s), "3/s");
  EXPECT_EQ(rate_text(7, 0s), "0/s");
}

}  // namespace
}  // namespace weir::tools
