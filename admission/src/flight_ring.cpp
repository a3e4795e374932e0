#include "flight_ring.hpp"

#include <algorithm>

namespace weir::detail {
namespace {

// One for so many entries, and a few.
constexpr std::int64_t entries_a_change = 64;

}  // namespace

flight_ring::flight_ring(const flight_start& from, const clock_source& clock, bool is_twin)
    : clock_(&clock),
      is_twin_(is_twin),
      held_(is_twin ? time_point(duration(from.state.at)) : clock.now()),
      entries_(static_cast<std::size_t>(from.limits.flight_entries)),
      changes_(static_cast<std::size_t>(from.limits.flight_entries / entries_a_change)),
      oldest_(from),
      next_(from.ticket),
      caller_time_(from.caller_time) {
  if (!is_twin) oldest_.state.at = held_.at_.time_since_epoch().count();
}

flight_entry& flight_ring::add(flight_op op) noexcept {
  if (next_ - oldest_.ticket == entries_.size()) drop_oldest();
  flight_entry& e = entries_[end_];
  ++next_;
  if (++end_ == entries_.size()) end_ = 0;
  e = flight_entry{.at = held_.at_.time_since_epoch().count(), .op = op};
  return e;
}

void flight_ring::drop_oldest() noexcept {
  const flight_entry& gone = *find(oldest_.ticket);
  const bool is_change = gone.op == flight_op::set_limits;
  oldest_.pass(gone, is_change ? &changes_[first_change_++ % changes_.size()] : nullptr);
}

void flight_ring::add_change(const limits& next) noexcept {
  while (next_change_ - first_change_ == changes_.size()) drop_oldest();
  changes_[next_change_++ % changes_.size()] = next;
}

void flight_ring::copy_to(flight_log& out) const noexcept {
  out.start = oldest_;
  const auto count = static_cast<std::size_t>(next_ - oldest_.ticket);
  out.entries.resize(count);
  const std::size_t after = std::min(count, end_);  // behind the turn
  std::copy_n(entries_.end() - static_cast<std::ptrdiff_t>(count - after), count - after, out.entries.begin());
  std::copy_n(entries_.begin() + static_cast<std::ptrdiff_t>(end_ - after), after,
              out.entries.begin() + static_cast<std::ptrdiff_t>(count - after));
  out.changes.resize(static_cast<std::size_t>(next_change_ - first_change_));
  for (std::size_t i = 0; i < out.changes.size(); ++i) out.changes[i] = changes_[(first_change_ + i) % changes_.size()];
}

}  // namespace weir::detail
