#include "replay/repeated.hpp"

#include <gtest/gtest.h>
#include <string>

#include "replay/bad_input.hpp"
#include "replay/trace_file.hpp"
#include "support/scratch_file.hpp"

namespace weir::tools {
namespace {

using namespace std::chrono_literals;
using testing::scratch_file;

TEST(Repeated, EachRepetitionFollowsAfterTheMeanGap) {
  const scratch_file file("arrival_s,weight,service_us\n5,1,1\n6,2,1\n9,3,1\n");  // a gap of 2 s in the mean
  trace_file trace(file.path(), 2us);
  repeated thrice(trace, survey_of(trace), 3);
  EXPECT_EQ(thrice.requests(), 9U);
  EXPECT_EQ(thrice.span(), 16s);
  for (int pass = 0; pass < 2; ++pass) {
    request one;
    for (const auto expected : {0s, 1s, 4s, 6s, 7s, 10s, 12s, 13s, 16s}) {
      ASSERT_TRUE(thrice.next(one));
      EXPECT_EQ(one.arrival, expected);
    }
    EXPECT_FALSE(thrice.next(one));
    EXPECT_FALSE(thrice.next(one));
    thrice.rewind();
  }
}

TEST(Repeated, OneRequestRepeatsAtOnce) {
  const scratch_file file("arrival_s,weight,service_us\n5,1,1\n");
  trace_file trace(file.path(), 2us);
  repeated thousand(trace, survey_of(trace), 1'000);
  request one;
  int count = 0;
  while (thousand.next(one)) {
    EXPECT_EQ(one.arrival, 0ns);
    ++count;
  }
  EXPECT_EQ(count, 1'000);
}

TEST(Repeated, TooManyRepetitionsAreRefused) {
  const scratch_file file("arrival_s,weight,service_us\n0,1,1\n3600,1,1\n");
  trace_file trace(file.path(), 2us);
  const survey all = survey_of(trace);
  EXPECT_NO_THROW(repeated(trace, all, 600'000));
  try {
    repeated(trace, all, 18'446'744'073'709'551'615U);
    FAIL() << "accepted";
  } catch (const bad_input& error) {
    EXPECT_EQ(
        std::string(error.what()),
        "--repeat 18446744073709551615: the arrivals would leave the clock's range, at most 640511 repetitions of this "
        "input fit, ask for fewer");
  }
}

}  // namespace
}  // namespace weir::tools
