#include "repeated.hpp"

#include <limits>
#include <string>

#include "bad_input.hpp"

namespace weir::tools {

repeated::repeated(request_source& source, const survey& all, std::uint64_t times) : source_(source), times_(times) {
  const std::chrono::nanoseconds gap =
      all.requests > 1 ? all.span / static_cast<std::int64_t>(all.requests - 1) : all.span;
  period_ = all.span + gap;
  constexpr std::uint64_t longest = std::numeric_limits<std::int64_t>::max() / 2;
  const std::uint64_t most_by_time = longest / static_cast<std::uint64_t>(period_.count() > 0 ? period_.count() : 1);
  const std::uint64_t most_by_count = longest / (all.requests > 0 ? all.requests : 1);
  const std::uint64_t most = most_by_time < most_by_count ? most_by_time : most_by_count;
  if (times > most) {
    throw bad_input("--repeat " + std::to_string(times) + ": the arrivals would leave the clock's range, at most " +
                    std::to_string(most) + " repetitions of this input fit, ask for fewer");
  }
  span_ = period_ * static_cast<std::int64_t>(times - 1) + all.span;
  requests_ = all.requests * times;
}

bool repeated::next(request& out) {
  while (done_ < times_) {
    if (source_.next(out)) {
      out.arrival += period_ * static_cast<std::int64_t>(done_);
      return true;
    }
    if (++done_ < times_) source_.rewind();
  }
  return false;
}

void repeated::rewind() {
  source_.rewind();
  done_ = 0;
}

}  // namespace weir::tools
