// What a queued task costs in memory: the table of scheduler/README.md, as numbers. Reads the internals of the frames,
// which is what the promise is about.
#include <cstddef>
#include <cstdint>
#include <gtest/gtest.h>
#include <weir/weir.hpp>

namespace {

struct capture_of_24 {
  void* a;
  void* b;
  void* c;
  void operator()() const {}
};
struct capture_of_24_with_result {
  void* a;
  void* b;
  void* c;
  std::int64_t operator()() const { return 0; }
};

using namespace weir::detail;

TEST(FrameSize, APostedCallableOf24BytesFitsIn64) { EXPECT_LE((sizeof(posted_frame<frame, capture_of_24>)), 64u); }

TEST(FrameSize, AJobOf24BytesWithAnEightByteResultFitsIn136) {
  EXPECT_LE((sizeof(job_frame<std::int64_t, capture_of_24_with_result>)), 136u);
}

TEST(FrameSize, WithoutAResultAJobIsSmaller) { EXPECT_LE((sizeof(job_frame<void, capture_of_24>)), 128u); }

TEST(FrameSize, APostWithDeadlineOrTraceFitsIn120) {
  EXPECT_LE((sizeof(posted_frame<tracked_frame, capture_of_24>)), 120u);
}

TEST(FrameSize, AChildOf24BytesFitsIn64) { EXPECT_LE((sizeof(child_frame<capture_of_24>)), 64u); }

TEST(FrameSize, HandlesAreSmall) {
  EXPECT_LE(sizeof(weir::job<int>), 2 * sizeof(void*));
  EXPECT_EQ(sizeof(weir::pool), sizeof(void*));
}

}  // namespace
