// What must be there before a fork(2) is asked for when the program begins: a thread that asks later may do so while
// another one forks, whose child then finds half of it. Not under ThreadSanitizer, which calls what this replaces
// before it can run any code of the program's.
#include "support/sanitizers.hpp"

#if !WEIR_WITH_TSAN

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <weir/weir.hpp>

#include "support/pools.hpp"

namespace {

int prepared = 0;
bool has_begun = false;
int prepared_later = 0;

class begin_of_tests final : public ::testing::Environment {
  void SetUp() override { has_begun = true; }
};
[[maybe_unused]] const auto* const notes_the_begin = ::testing::AddGlobalTestEnvironment(new begin_of_tests);

}  // namespace

// What pthread_atfork calls in glibc.
extern "C" int __register_atfork(void (*before)(), void (*in_parent)(), void (*in_child)(), void* of) {
  ++(has_begun ? prepared_later : prepared);
  using registration = int (*)(void (*)(), void (*)(), void (*)(), void*);
  static const auto next = reinterpret_cast<registration>(dlsym(RTLD_NEXT, "__register_atfork"));
  return next(before, in_parent, in_child, of);
}

namespace {

TEST(ForkPreparation, IsDoneWhenTheProgramBegins) {
  weir::pool pool({.workers = 2});
  EXPECT_EQ(*pool.run({}, [] { return 1; }), 1);
  EXPECT_GE(prepared, 2) << "for the pools, and for the memory of frames";
  EXPECT_EQ(prepared_later, 0);
}

}  // namespace

#endif
