#include "topology.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <memory>
#include <new>
#include <pthread.h>
#include <thread>

#include "cgroup.hpp"

namespace weir {
namespace {

std::string plural(std::int64_t n, const char* one) { return std::to_string(n) + " " + one + (n == 1 ? "" : "s"); }

// To a thousandth, which is the least that the kernel takes.
std::string text_of(double cpus) {
  std::array<char, 40> digits;
  const auto [end, error] =
      std::to_chars(digits.data(), digits.data() + digits.size(), cpus, std::chars_format::fixed, 3);
  if (error != std::errc()) return "?";
  std::string text(digits.data(), end);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string text_of(const cpu_quota& quota) {
  return "cgroup v" + std::to_string(quota.cgroup_version) + " quota " + text_of(quota.cpus) +
         (quota.cpus == 1 ? " CPU in " : " CPUs in ") + quota.group;
}

}  // namespace

cpu_count default_cpu_count() { return detail::read_topology({}).count; }

std::string to_string(const cpu_count& count) {
  const std::string affinity = "affinity " + std::to_string(count.affinity);
  const std::string quota = count.quota ? text_of(*count.quota) : "no cgroup quota";
  std::string text = plural(count.workers, "worker") + ": ";
  switch (count.why) {
    case cpu_count::reason::configured:
      return text + "configured, " + affinity + ", " + quota;
    case cpu_count::reason::affinity:
      return text + affinity + ", " + quota;
    case cpu_count::reason::cgroup_v1:
    case cpu_count::reason::cgroup_v2:
      break;
  }
  return text + quota + ", " + affinity;
}

namespace detail {
namespace {

constexpr int most_workers = 1024;

// A set of CPUs of any size: cpu_set_t itself ends at CPU 1023.
class cpu_set {
 public:
  explicit cpu_set(int cpus) : set_(CPU_ALLOC(static_cast<std::size_t>(cpus))), bytes_(bytes_for(cpus)) {
    if (set_ == nullptr) throw std::bad_alloc();
    CPU_ZERO_S(bytes_, set_.get());
  }

  [[nodiscard]] cpu_set_t* get() noexcept { return set_.get(); }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] bool has(int cpu) const noexcept { return CPU_ISSET_S(static_cast<unsigned>(cpu), bytes_, set_.get()); }
  [[nodiscard]] std::size_t count() const noexcept { return static_cast<std::size_t>(CPU_COUNT_S(bytes_, set_.get())); }
  void add(int cpu) noexcept { CPU_SET_S(static_cast<unsigned>(cpu), bytes_, set_.get()); }

 private:
  struct release {
    void operator()(cpu_set_t* set) const noexcept { CPU_FREE(set); }
  };
  static std::size_t bytes_for(int cpus) noexcept { return CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus)); }

  std::unique_ptr<cpu_set_t, release> set_;
  std::size_t bytes_;
};

// EINVAL says that the kernel has more CPUs than the set. The limit is a hundred times what Linux can be built for.
std::vector<int> cpus_of_affinity(affinity_reader read) {
  constexpr int most_cpus = 1 << 20;
  std::vector<int> cpus;
  for (int size = CPU_SETSIZE; size <= most_cpus; size *= 2) {
    cpu_set usable(size);
    if (read(usable.bytes(), usable.get()) == 0) {
      cpus.reserve(usable.count());
      for (int cpu = 0; cpu < size; ++cpu) {
        if (usable.has(cpu)) cpus.push_back(cpu);
      }
      break;
    }
    if (errno != EINVAL) break;
  }
  return cpus;
}

}  // namespace

int affinity_of_this_thread(std::size_t bytes, cpu_set_t* set) noexcept { return sched_getaffinity(0, bytes, set); }

topology read_topology(std::optional<std::int64_t> configured, const std::string& root, affinity_reader read_affinity) {
  topology found{.count = {}, .cpus = cpus_of_affinity(read_affinity)};
  cpu_count& c = found.count;
  c.affinity = static_cast<int>(found.cpus.size());
  if (found.cpus.empty()) c.affinity = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  c.quota = read_cpu_quota(root);
  c.usable = c.affinity;
  if (c.quota && std::ceil(c.quota->cpus) < c.affinity) {
    c.usable = std::max(1, static_cast<int>(std::ceil(c.quota->cpus)));
    c.why = c.quota->cgroup_version == 1 ? cpu_count::reason::cgroup_v1 : cpu_count::reason::cgroup_v2;
  }
  c.usable = std::min(c.usable, most_workers);
  c.workers = c.usable;
  if (configured) {
    c.workers = static_cast<int>(*configured);
    c.why = cpu_count::reason::configured;
  }
  return found;
}

int run_this_thread_on(std::span<const int> cpus) {
  cpu_set allowed(*std::max_element(cpus.begin(), cpus.end()) + 1);
  for (const int cpu : cpus) allowed.add(cpu);
  return pthread_setaffinity_np(pthread_self(), allowed.bytes(), allowed.get());
}

}  // namespace detail
}  // namespace weir
