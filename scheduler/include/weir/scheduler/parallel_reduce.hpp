// Reductions whose parts may be computed at the same time, with a result that does not depend on it.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/scheduler/fork_join.hpp>
#include <weir/scheduler/parallel_for.hpp>

namespace weir {
namespace detail {

template <std::integral I, typename T, typename Map, typename Combine>
struct reduction {
  const T* identity;
  Map* map;
  Combine* combine;
  std::uint64_t grain;

  T reduce(I first, std::uint64_t count) const {
    if (count <= grain) return fold(first, count);
    const std::uint64_t half = count - count / 2;
    auto left = [&] { return reduce(first, half); };
    auto right = [&] { return reduce(advanced(first, half), count / 2); };
    auto [a, b] = fork_two(left, right);
    return std::invoke(*combine, std::move(a), std::move(b));
  }

  T fold(I first, std::uint64_t count) const {
    T sum = *identity;
    for (std::uint64_t i = 0; i < count; ++i) {
      sum = std::invoke(*combine, std::move(sum), std::invoke(*map, advanced(first, i)));
    }
    return sum;
  }
};

}  // namespace detail

/// Combines `map(i)` for all i from `first` to below `last`, in order; `identity` for none. The parts may be computed
/// at the same time. How they are grouped depends on the length of the range and the grain alone, not on the workers,
/// on their number, or on chance: the same call gives the same result, to the last bit, outside a worker too.
///
/// @param identity  what each part starts with: combine(identity, x) is x.
/// @param combine  two partial results, the left one first; associative, or the grouping shows in the result.
/// @throws and blocks as parallel_for. Allocates nothing itself; `identity` is copied for each part.
template <std::integral I, typename T, typename Map, typename Combine>
requires std::invocable<Map&, I> && std::copy_constructible<T> &&
    std::is_invocable_r_v<T, Combine&, T, std::invoke_result_t<Map&, I>> && std::is_invocable_r_v<T, Combine&, T, T>
[[nodiscard]] T parallel_reduce(I first, I last, const parallel_options& options, T identity, Map&& map,
                                Combine&& combine) {
  constexpr std::uint64_t parts = 256;
  const std::uint64_t count = detail::length_of(first, last);
  const std::uint64_t given = detail::checked_grain(options);
  const std::uint64_t grain = given != 0 ? given : std::max<std::uint64_t>(1, count / parts);
  const detail::reduction<I, T, std::remove_reference_t<Map>, std::remove_reference_t<Combine>> all{&identity, &map,
                                                                                                    &combine, grain};
  return all.reduce(first, count);
}

template <std::integral I, typename T, typename Map, typename Combine>
requires std::invocable<Map&, I> && std::copy_constructible<T> &&
    std::is_invocable_r_v<T, Combine&, T, std::invoke_result_t<Map&, I>> && std::is_invocable_r_v<T, Combine&, T, T>
[[nodiscard]] T parallel_reduce(I first, I last, T identity, Map&& map, Combine&& combine) {
  return parallel_reduce(first, last, {}, std::move(identity), std::forward<Map>(map), std::forward<Combine>(combine));
}

}  // namespace weir
