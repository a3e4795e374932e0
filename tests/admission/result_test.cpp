#include <weir/admission/result.hpp>

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

namespace weir {
namespace {

const refusal full{.reason = refusal_reason::tasks_full, .asked = 1, .limit = 4, .in_use = 4};

TEST(Result, HoldsAValue) {
  result<std::string> r = std::string("here");
  EXPECT_TRUE(r.has_value());
  EXPECT_TRUE(static_cast<bool>(r));
  EXPECT_EQ(*r, "here");
  EXPECT_EQ(r->size(), 4U);
  EXPECT_EQ(r.value(), "here");
  const result<std::string>& read_only = r;
  EXPECT_EQ(*read_only, "here");
  EXPECT_EQ(read_only->size(), 4U);
}

TEST(Result, HoldsARefusal) {
  const result<int> r = full;
  EXPECT_FALSE(r.has_value());
  EXPECT_FALSE(static_cast<bool>(r));
  EXPECT_EQ(r.error().reason, refusal_reason::tasks_full);
  EXPECT_EQ(r.error().limit, 4);
}

TEST(Result, ValueThrowsTheRefusal) {
  result<int> r = full;
  try {
    (void)r.value();
    FAIL() << "no exception";
  } catch (const refused& thrown) {
    EXPECT_EQ(thrown.why().reason, refusal_reason::tasks_full);
  }
  EXPECT_THROW((void)result<int>(full).value(), refused);
}

TEST(Result, MovesWhatItHolds) {
  result<std::unique_ptr<int>> r = std::make_unique<int>(7);
  const std::unique_ptr<int> out = *std::move(r);
  EXPECT_EQ(*out, 7);
  EXPECT_EQ(*result<std::unique_ptr<int>>(std::make_unique<int>(8)).value(), 8);
}

TEST(Result, OfNothingIsSuccessOrARefusal) {
  const result<void> done;
  EXPECT_TRUE(done);
  EXPECT_NO_THROW(done.value());
  const result<void> not_done = full;
  EXPECT_FALSE(not_done);
  EXPECT_EQ(not_done.error().in_use, 4);
  EXPECT_THROW(not_done.value(), refused);
}

// Only where assertions are on, as in the builds with a sanitizer. In a build without them (NDEBUG) misuse is
// undefined, and there is nothing that a test could expect.
#ifndef NDEBUG
TEST(ResultDeathTest, ReadingWhatIsNotThereIsAnAssertion) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const char* const no_value = "the value of a refused result";
  result<std::string> not_there = full;
  const result<std::string>& read_only = not_there;
  EXPECT_DEATH((void)*not_there, no_value);
  EXPECT_DEATH((void)*read_only, no_value);
  EXPECT_DEATH((void)*std::move(not_there), no_value);
  EXPECT_DEATH((void)not_there->size(), no_value);
  EXPECT_DEATH((void)read_only->size(), no_value);
  EXPECT_DEATH(*result<void>(full), no_value);

  const char* const no_refusal = "the refusal of a result with a value";
  EXPECT_DEATH((void)result<int>(4).error(), no_refusal);
  EXPECT_DEATH((void)result<void>().error(), no_refusal);
}
#endif

TEST(Result, DoesNotTurnIntoANumberByItself) {
  EXPECT_FALSE((std::is_convertible_v<result<int>, bool>));
  EXPECT_FALSE((std::is_convertible_v<result<void>, int>));
}

}  // namespace
}  // namespace weir
