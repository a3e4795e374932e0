#include <sys/mman.h>

#include <array>
#include <bitset>
#include <cstddef>

#include "explorer.hpp"

namespace model {
namespace {

alignas(arena::chunk) std::array<std::byte, arena::chunk * arena::chunks> memory;
std::bitset<arena::chunks> is_mapped;
std::array<int, arena::chunks> times_mapped;
bool may_fail_once = false;

std::size_t index_of(const void* place) noexcept {
  return static_cast<std::size_t>(static_cast<const std::byte*>(place) - memory.data()) / arena::chunk;
}

}  // namespace

void arena::reset(bool may_fail) noexcept {
  is_mapped.reset();
  times_mapped.fill(0);
  may_fail_once = may_fail;
}

void arena::fails_no_more() noexcept { may_fail_once = false; }

void* arena::map(std::size_t bytes) noexcept {
  check(bytes == chunk, "twice a slab is mapped");
  if (may_fail_once && choose(2) == 1) {
    may_fail_once = false;
    return MAP_FAILED;
  }
  std::size_t i = 0;
  while (i < chunks && is_mapped[i]) ++i;
  check(i < chunks, "there are not so many slabs");
  is_mapped[i] = true;
  ++times_mapped[i];
  return &memory[i * chunk];
}

void arena::unmap(void* first, std::size_t bytes) noexcept {
  const std::size_t i = index_of(first);
  check(bytes == chunk / 2 && i < chunks && is_mapped[i], "half of what is mapped goes back");
  if (first == &memory[i * chunk]) is_mapped[i] = false;  // else it is the half that is not needed
}

int arena::mapped() noexcept { return static_cast<int>(is_mapped.count()); }

bool arena::has(const void* place) noexcept { return index_of(place) < chunks && is_mapped[index_of(place)]; }

int arena::mappings(const void* place) noexcept { return times_mapped[index_of(place)]; }

}  // namespace model
