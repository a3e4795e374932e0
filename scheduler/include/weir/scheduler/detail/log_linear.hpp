// Buckets for whole numbers, each at most a given share of its numbers wide: log-linear, as in HdrHistogram (G. Tene).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir::detail {

/// Each power of two is cut into 2^PartBits buckets of one width. Below 2^(PartBits + 1) each number has its own;
/// above, the last of a bucket is at most 1 / 2^PartBits more than any other of it.
template <unsigned PartBits>
struct log_linear {
  [[nodiscard]] static constexpr std::size_t index_of(std::uint64_t value) noexcept {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    const unsigned shift = width > PartBits + 1 ? width - (PartBits + 1) : 0;
    return (std::size_t{shift} << PartBits) + static_cast<std::size_t>(value >> shift);
  }

  /// The smallest number of a bucket, and the largest.
  [[nodiscard]] static constexpr std::uint64_t first_of(std::size_t index) noexcept {
    if (index < (std::size_t{2} << PartBits)) return index;
    const std::size_t shift = (index >> PartBits) - 1;
    return std::uint64_t{index - (shift << PartBits)} << shift;
  }
  [[nodiscard]] static constexpr std::uint64_t last_of(std::size_t index) noexcept {
    return first_of(index + 1) - 1;  // wraps to the largest number there is in the last one
  }
};

}  // namespace weir::detail
