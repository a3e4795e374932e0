// A stand-in for the system's header: slabs are mapped into an arena of the model, so that each schedule begins without
// any, and it is known which are there. One mapping in a schedule may fail, if the scenario says so.
#pragma once

#include <cstddef>
#include <cstdint>

#define PROT_READ 1
#define PROT_WRITE 2
#define MAP_PRIVATE 2
#define MAP_ANONYMOUS 32
#define MAP_FAILED (reinterpret_cast<void*>(~std::uintptr_t{0}))

namespace model {

/// Of chunks of 128 KiB, each mapped whole and then cut down to its first half.
class arena {
 public:
  static constexpr std::size_t chunk = 128 * 1024;
  static constexpr int chunks = 8;

  /// At the beginning of a schedule: nothing is mapped.
  static void reset(bool may_fail) noexcept;
  static void fails_no_more() noexcept;
  [[nodiscard]] static void* map(std::size_t bytes) noexcept;
  static void unmap(void* first, std::size_t bytes) noexcept;

  /// How many are mapped.
  [[nodiscard]] static int mapped() noexcept;
  /// Whether what is at `place` is.
  [[nodiscard]] static bool has(const void* place) noexcept;
  /// How often what is at `place` was mapped: each time it is other memory.
  [[nodiscard]] static int mappings(const void* place) noexcept;
};

}  // namespace model

namespace weir::detail {

inline void* mmap(void*, std::size_t bytes, int, int, int, long) noexcept { return model::arena::map(bytes); }
inline int munmap(void* first, std::size_t bytes) noexcept {
  model::arena::unmap(first, bytes);
  return 0;
}

}  // namespace weir::detail
