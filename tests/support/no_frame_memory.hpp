// A time without memory for frames: what the caches and the slabs have is taken away, and the system gives no more.
// For a build without sanitizers, whose frames come from the global allocator.
#pragma once

#include <cstddef>
#include <gtest/gtest.h>
#include <new>
#include <sys/resource.h>
#include <utility>

#include "../../scheduler/src/frame_memory.hpp"

namespace weir::testing {

/// While it lives, no thread gets memory from the system, and the calling one no frame of the sizes that are cached.
/// The others have what is in their caches, so that they should be at rest. Not on the main thread, whose stack could
/// not grow.
class no_frame_memory {
 public:
  no_frame_memory() {
    // The thread's cache is there from here on: without memory for the end of that the C library ends the program.
    detail::give_frame_memory(detail::take_frame_memory(smallest), smallest);
    EXPECT_EQ(::getrlimit(RLIMIT_AS, &before_), 0);
    rlimit none = before_;
    none.rlim_cur = 0;
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &none), 0);
    for (std::size_t bytes = smallest; bytes <= detail::largest_cached_frame; bytes += step) {
      try {
        for (;;) taken_ = ::new (detail::take_frame_memory(bytes)) block{taken_, bytes};
      } catch (const std::bad_alloc&) {
      }
    }
  }
  no_frame_memory(const no_frame_memory&) = delete;
  no_frame_memory& operator=(const no_frame_memory&) = delete;
  ~no_frame_memory() {
    EXPECT_EQ(::setrlimit(RLIMIT_AS, &before_), 0);
    while (taken_ != nullptr) {
      block* const b = std::exchange(taken_, taken_->next);
      detail::give_frame_memory(b, b->bytes);
    }
  }

 private:
  static constexpr std::size_t smallest = 64;
  static constexpr std::size_t step = 8;

  struct block {
    block* next;
    std::size_t bytes;
  };

  block* taken_ = nullptr;
  rlimit before_{};
};

}  // namespace weir::testing
