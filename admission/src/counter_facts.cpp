// The CPU is asked by CPUID, the kernel by prctl and by the name of its clock source in sysfs. That name is what counts
// most: Linux compares the counters of its CPUs when it starts them, watches them against other clocks, and leaves them
// for another source once they disagree (arch/x86/kernel/tsc_sync.c, kernel/time/clocksource.c).
#include "counter_facts.hpp"

#include <cerrno>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>
#endif

namespace weir::detail {
namespace {

#if defined(__x86_64__)

constexpr const char* clock_file = "/sys/devices/system/clocksource/clocksource0/current_clocksource";

struct cpuid_answer {
  std::uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero if there is no such leaf.
cpuid_answer ask_cpu(std::uint32_t leaf) noexcept {
  cpuid_answer a;
  if (__get_cpuid_count(leaf, 0, &a.eax, &a.ebx, &a.ecx, &a.edx) == 0) return {};
  return a;
}

// Intel's always does, as its manual says of RDTSC. AMD's (and Hygon's) does where CPUID 8000_0021H EAX bit 2 says so;
// before Zen 3 it was up to a setting of the kernel's, which a program cannot read.
bool is_ordered_by_lfence() noexcept {
  constexpr std::uint32_t genu = 0x756e'6547;  // "Genu", of "GenuineIntel"
  if (ask_cpu(0).ebx == genu) return true;
  return (ask_cpu(0x8000'0021).eax >> 2 & 1) != 0;
}

bool may_be_read() noexcept {
  int how = 0;
  return ::prctl(PR_GET_TSC, &how, 0, 0, 0) == 0 && how == PR_TSC_ENABLE;
}

// The first line of the file in `text`; empty if it cannot be read.
std::string_view first_line_of(const char* path, char* text, std::size_t size) noexcept {
  const int file = ::open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return {};
  const ::ssize_t length = ::read(file, text, size);
  ::close(file);
  const std::string_view all(text, length > 0 ? static_cast<std::size_t>(length) : 0);
  return all.substr(0, all.find('\n'));
}

counter_facts ask_machine(char* text, std::size_t size) noexcept {
  const int saved_errno = errno;
  const counter_facts facts{.is_x86 = true,
                            .is_invariant = (ask_cpu(0x8000'0007).edx >> 8 & 1) != 0,
                            .is_ordered_by_lfence = is_ordered_by_lfence(),
                            .may_be_read = may_be_read(),
                            .kernels_clock = first_line_of(clock_file, text, size)};
  errno = saved_errno;
  return facts;
}

#else

counter_facts ask_machine(char*, std::size_t) noexcept { return {}; }

#endif

}  // namespace

std::string_view reason_against_counter(const counter_facts& facts) noexcept {
  if (!facts.is_x86) return "this CPU is no x86-64";
  if (!facts.is_invariant) return "the CPU does not say that its time-stamp counter keeps one speed";
  if (!facts.is_ordered_by_lfence) return "the CPU does not say that lfence orders the reading of its counter";
  if (!facts.may_be_read) return "this process may not read the time-stamp counter";
  if (facts.kernels_clock == "tsc") return {};
  if (facts.kernels_clock == "kvm-clock") return "the kernel goes by kvm-clock, not by the time-stamp counter";
  if (facts.kernels_clock == "hpet") return "the kernel goes by hpet, not by the time-stamp counter";
  if (facts.kernels_clock == "acpi_pm") return "the kernel goes by acpi_pm, not by the time-stamp counter";
  if (facts.kernels_clock == "xen") return "the kernel goes by xen, not by the time-stamp counter";
  if (facts.kernels_clock.starts_with("hyperv")) return "the kernel goes by Hyper-V's clock, not by the counter alone";
  if (facts.kernels_clock.empty()) return "the kernel does not say which clock it goes by";
  return "the kernel goes by another clock than the time-stamp counter";
}

std::string_view reason_against_counter() noexcept {
  char text[64];
  return reason_against_counter(ask_machine(text, sizeof text));
}

}  // namespace weir::detail
