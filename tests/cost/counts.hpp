// What is counted: operations of the machine that cost more than an instruction, by kind and, for read-modify-writes,
// by whose line they are on. Process-wide: a submission costs what it costs its submitter and its worker together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <source_location>

namespace weir::cost {

enum class kind : std::uint8_t {
  pool_rmw,    // read-modify-write of something that the pool, or the limiter, has one of
  worker_rmw,  // of something that each worker has of its own
  task_rmw,    // of something in the frame of a task or of a fork
  fence,       // a full fence, or a sequentially consistent store
  futex_wait,
  futex_wake,
  lock,
  allocation,
  clock_read,
};
inline constexpr std::size_t kinds = 9;

struct counts {
  std::uint64_t pool_rmws = 0;
  std::uint64_t worker_rmws = 0;
  std::uint64_t task_rmws = 0;
  std::uint64_t fences = 0;
  std::uint64_t futex_waits = 0;
  std::uint64_t futex_wakes = 0;
  std::uint64_t locks = 0;
  std::uint64_t allocations = 0;
  std::uint64_t clock_reads = 0;

  friend bool operator==(const counts&, const counts&) = default;
};

/// The fields, in the order of `kind`.
inline constexpr std::array<std::uint64_t counts::*, kinds> fields = {
    &counts::pool_rmws,   &counts::worker_rmws, &counts::task_rmws,   &counts::fences,     &counts::futex_waits,
    &counts::futex_wakes, &counts::locks,       &counts::allocations, &counts::clock_reads};

[[nodiscard]] constexpr counts operator+(counts a, const counts& b) noexcept {
  for (const auto field : fields) a.*field += b.*field;
  return a;
}
[[nodiscard]] constexpr counts operator-(counts a, const counts& b) noexcept {
  for (const auto field : fields) a.*field -= b.*field;
  return a;
}
[[nodiscard]] constexpr counts operator*(std::uint64_t n, counts a) noexcept {
  for (const auto field : fields) a.*field *= n;
  return a;
}

/// Any thread, any time; disturbs no order that weir has chosen.
void add(kind k) noexcept;
/// All that has been counted. Exact while nothing moves.
[[nodiscard]] counts so_far() noexcept;

/// Whether the operation is one of the test's own, as in support/event.hpp: these are not counted.
[[nodiscard]] bool is_of_the_test(const std::source_location& at) noexcept;

inline void note(kind k, const std::source_location& at) noexcept {
  if (!is_of_the_test(at)) add(k);
}

/// A read-modify-write, told by its place whose it is. Ends the program if the place is new: it wants a line there.
void note_rmw(const std::source_location& at) noexcept;

/// Memory, counted; null if there is none.
[[nodiscard]] void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t)) noexcept;

}  // namespace weir::cost
