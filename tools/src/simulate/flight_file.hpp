// A flight as a file: lines of text, for programs and for people.
//
//   weir.flight/1
//   limits max_tasks=64 max_weight=- rate_events=2000 rate_period_ns=1000000000 burst=100 max_waiters=256
//          max_waiting_weight=- overflow=reject_new priority_ageing=8 max_bypass=0 strict_window=0 allow_slow_waiters=0
//          breaker_expired=0 breaker_pause_ns=1000000000 flight_entries=1048576              (in one line)
//   start caller_time=- changed_at=-
//   ticket,at,op,verdict,request,weight,flags,time,deadline,retry_after,tasks_free,weight_free,places,arrival,binding
//   ...
//   end entries=1000000
//
// A line for each entry, as flight_entry says; the first is the state before them, with the op `start`. Behind one with
// the op set_limits stands a line of limits. `-` is unlimited, or a time that does not apply.
#pragma once

#include <string>
#include <string_view>

#include <weir/admission/flight.hpp>

namespace weir::tools {

inline constexpr std::string_view flight_schema = "weir.flight/1";

[[nodiscard]] std::string to_text(const flight_log& log);

/// Whether a file begins as one. Blocking. @throws bad_input if it cannot be read
[[nodiscard]] bool is_flight_file(const std::string& path);

/// Reads it, and sees to it that it is whole. Blocking. @throws bad_input with its line and what is wrong there
[[nodiscard]] flight_log read_flight(const std::string& path);

}  // namespace weir::tools
