// Whether the time-stamp counter can be trusted: what is asked, and what follows from the answers.
#pragma once

#include <string_view>

namespace weir::detail {

struct counter_facts {
  bool is_x86 = false;
  bool is_invariant = false;  // one speed, whatever the CPU does; CPUID 8000_0007H, EDX bit 8
  bool is_ordered_by_lfence = false;
  bool may_be_read = false;          // by this thread: prctl(PR_GET_TSC)
  std::string_view kernels_clock{};  // current_clocksource; empty if that could not be read
};

/// Empty if the counter can be trusted, else why not. Lives as long as the program.
[[nodiscard]] std::string_view reason_against_counter(const counter_facts& facts) noexcept;

/// The same for the machine that this runs on. Reads a file; no allocation.
[[nodiscard]] std::string_view reason_against_counter() noexcept;

}  // namespace weir::detail
