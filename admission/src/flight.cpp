// The names of a flight's steps, and how its start goes on.
#include <weir/admission/flight.hpp>

#include <array>

namespace weir {
namespace {

constexpr std::array<std::string_view, flight_op_count> op_names = {
    "attempt", "turned_away", "reserve", "leave",      "join",  "withdraw", "release", "release_part", "token_back",
    "child",   "child_end",   "pump",    "set_limits", "close", "granted",  "refused", "reading",      "caller_time"};

}  // namespace

std::string_view to_string(flight_op op) noexcept {
  const auto index = static_cast<std::size_t>(op);
  return index < op_names.size() ? op_names[index] : std::string_view("unknown");
}

std::string_view to_string(flight_verdict v) noexcept {
  switch (v) {
    case flight_verdict::yes:
      return "yes";
    case flight_verdict::caller_runs:
      return "caller_runs";
    case flight_verdict::again:
      return "again";
    case flight_verdict::none:
      return "none";
    default:
      break;
  }
  return is_refusal(v) ? to_string(reason_of(v)) : std::string_view("unknown");
}

void flight_start::pass(const flight_entry& entry, const weir::limits* change) noexcept {
  constexpr flight_entry nothing;
  ++ticket;
  state = entry;
  state.time = nothing.time;
  state.deadline = nothing.deadline;
  state.retry_after = nothing.retry_after;
  state.request = nothing.request;
  state.weight = nothing.weight;
  state.op = nothing.op;
  state.verdict = nothing.verdict;
  state.flags &= flight_entry::line | flight_entry::closed;
  if (entry.op == flight_op::caller_time) caller_time = entry.time;
  if (entry.op != flight_op::set_limits) return;
  if (entry.time != flight_entry::never) changed_at = entry.time;
  if (change != nullptr) limits = *change;
}

}  // namespace weir
