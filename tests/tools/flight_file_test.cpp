// A flight as a file: what is written is read again, and a file that is not whole is told where it is wrong.
#include "simulate/flight_file.hpp"

#include <gtest/gtest.h>

#include <string>

#include <weir/admission/limiter.hpp>

#include "replay/bad_input.hpp"
#include "support/scratch_file.hpp"
#include "tools/flown_door.hpp"

namespace weir::testing {
namespace {

using tools::read_flight;
using tools::to_text;

constexpr limits all_of_them{.max_tasks = 6,
                             .max_weight = 30,
                             .rate = per(7, std::chrono::milliseconds(3)),
                             .burst = 90,
                             .max_waiters = 3,
                             .overflow = overflow::drop_oldest,
                             .flight_entries = 1'500};

flight_log small_flight() {
  return flown({.limits = all_of_them, .decisions = 2'000, .with_caller_times = true, .with_other_rates = true}, 7);
}

// A door that was asked once, as text.
std::string one_attempt() {
  manual_clock clock;
  limiter door({.max_tasks = 3, .flight_entries = 1'024}, clock);
  (void)door.try_acquire(2);
  return to_text(door.flight());
}

std::string refusal_of(const std::string& text) {
  const scratch_file file(text, "x.flight");
  try {
    (void)read_flight(file.path());
    return "none";
  } catch (const tools::bad_input& error) {
    const std::string what = error.what();
    EXPECT_EQ(what.find(file.path() + ':'), 0U) << what;
    return what.substr(file.path().size() + 1);
  }
}

std::string with(std::string text, const std::string& part, const std::string& other) {
  const std::size_t at = text.find(part);
  EXPECT_NE(at, std::string::npos) << part;
  return text.replace(at, part.size(), other);
}

TEST(FlightFile, IsReadAsItWasWritten) {
  const flight_log log = small_flight();
  EXPECT_GT(log.lost(), 0U);
  const scratch_file file(to_text(log), "x.flight");
  EXPECT_TRUE(tools::is_flight_file(file.path()));
  EXPECT_EQ(read_flight(file.path()), log);
  const flight_log idle = limiter({.flight_entries = 1'024}).flight();
  const scratch_file empty(to_text(idle), "y.flight");
  EXPECT_EQ(read_flight(empty.path()), idle);
}

TEST(FlightFile, IsLinesOfText) {
  EXPECT_EQ(one_attempt(),
            "weir.flight/1\n"
            "limits max_tasks=3 max_weight=- rate_events=- rate_period_ns=0 burst=0 max_waiters=1024 "
            "max_waiting_weight=- overflow=reject_new priority_ageing=8 max_bypass=0 strict_window=0 "
            "allow_slow_waiters=0 "
            "breaker_expired=0 breaker_pause_ns=1000000000 flight_entries=1024\n"
            "start caller_time=- changed_at=-\n"
            "ticket,at,op,verdict,request,weight,flags,time,deadline,retry_after,tasks_free,weight_free,places,arrival,"
            "binding\n"
            "0,3600000000000,start,none,0,0,0,-,-,0,3,0,0,460800000000000,none\n"
            "0,3600000000000,attempt,yes,0,2,1,-,-,0,2,0,0,460800000000000,none\n"
            "1,3600000000000,release,none,0,2,0,-,-,0,3,0,0,460800000000000,none\n"
            "end entries=2\n");
}

TEST(FlightFile, TellsWhereItIsWrong) {
  const std::string good = one_attempt();
  ASSERT_EQ(refusal_of(good), "none");
  EXPECT_EQ(refusal_of(with(good, "flight/1", "flight/2")),
            "1:1: this is \"weir.flight/2\", weir.flight/1 stands in the first line of a flight, take a file that weir "
            "replay --flight has written");
  const auto begins = [&](const std::string& part, const std::string& other, const std::string& expected) {
    const std::string what = refusal_of(with(good, part, other));
    EXPECT_EQ(what.substr(0, expected.size()), expected);
  };
  begins("max_tasks=3", "max_tasks=0", "2:1: these limits are impossible, weir: limits.max_tasks is 0");
  begins("max_tasks=3", "max_tasks=x", "2:18: max_tasks is \"x\", a whole number from");
  begins("max_weight=", "weight=", "2:20: max_weight is missing");
  begins("reject_new", "reject_all", "2:119: overflow is \"reject_all\"");
  begins("flight_entries=1024", "flight_entries=0", "2:1: flight_entries is 0");
  begins("start caller", "begin caller", "3:1: this is no line of start");
  begins("ticket,at", "number,at", "4:1: these are other columns");
  begins("attempt,yes", "attempt,maybe", "6:25: \"maybe\" is no verdict");
  begins("attempt,yes", "ask,yes", "6:17: \"ask\" is no step");
  begins("attempt,yes,0,2,1", "attempt,yes,0,2", "6:65: there are 14 columns, an entry has 15");
  begins("release,none", "release,none,none", "7:69: there are too many columns");
  begins("460800000000000,none\nend", "460800000000000,none\n7,end", "8:");
  begins("end entries=2", "end entries=3", "8:1: there are 2 entries, there must be 3");
  begins("end entries=2\n", "", "8:1: the file ends before its last line");
  begins("end entries=2\n", "end entries=2\nmore", "9:1: there is more behind the end");
  begins("3600000000000,release", "36000000000000000000000,release", "7:3: at is \"36000000000000000000000\"");
}

}  // namespace
}  // namespace weir::testing
