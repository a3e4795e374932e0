// A fractional program, solved by Dinkelbach's method ("On nonlinear fractional programming", 1967): for the best ratio
// n/d so far, the window that makes (admissions * d - allowance * n) largest has a larger ratio, or none has. Its value
// splits into a part of j and a part of i, so that the least part of i so far, kept while j runs, finds it in one pass.
//
// All in 128-bit whole numbers. The allowance of a window is burst * per + count * T, in 1/per admissions.
#include "worst_window.hpp"

namespace weir::tools {

namespace {

__extension__ using wide = __int128;

struct fraction {
  wide admissions = 0;
  wide allowance = 1;  // in units of 1/per admissions
};

struct search {
  std::span<const std::int64_t> stamps;
  wide per = 1;
  wide count = 1;
  wide fixed = 0;  // the allowance of a window of length 0

  [[nodiscard]] wide elapsed(std::size_t index) const { return wide{stamps[index]} - stamps.front(); }

  [[nodiscard]] fraction of(std::size_t first, std::size_t last) const {
    return {.admissions = static_cast<wide>(last - first + 1),
            .allowance = fixed + count * (elapsed(last) - elapsed(first))};
  }

  // What stamp `index` adds to the excess of a window that ends at it, over `best`; a window that starts at it
  // subtracts it.
  [[nodiscard]] wide part(std::size_t index, const fraction& best) const {
    return static_cast<wide>(index) * best.allowance - best.admissions * count * elapsed(index);
  }

  // Makes first and last the window with the largest excess over `best`; false if none exceeds it.
  [[nodiscard]] bool improve(const fraction& best, std::size_t& first, std::size_t& last) const {
    const wide alone = best.allowance - best.admissions * fixed;  // the excess of a window of one stamp
    wide largest = 0;
    wide least = part(0, best);
    std::size_t least_at = 0;
    bool found = false;
    for (std::size_t j = 0; j < stamps.size(); ++j) {
      const wide here = part(j, best);
      if (here < least) {
        least = here;
        least_at = j;
      }
      if (here - least + alone > largest) {
        largest = here - least + alone;
        first = least_at;
        last = j;
        found = true;
      }
    }
    return found;
  }
};

}  // namespace

window worst_window(std::span<const std::int64_t> stamps, const rate_bound& bound, std::chrono::nanoseconds slack) {
  window worst;
  if (stamps.empty()) return worst;
  search all{.stamps = stamps, .per = bound.per.count(), .count = static_cast<wide>(bound.count)};
  all.fixed = static_cast<wide>(bound.burst) * all.per + all.count * slack.count();
  fraction best = all.of(0, 0);
  while (all.improve(best, worst.first, worst.last)) best = all.of(worst.first, worst.last);
  worst.broken = best.admissions * all.per > best.allowance;
  worst.ratio = static_cast<double>(best.admissions * all.per) / static_cast<double>(best.allowance);
  if (!worst.broken && worst.ratio > 1) worst.ratio = 1;  // conversion alone may round above it
  return worst;
}

}  // namespace weir::tools
