#include "worker_hooks.hpp"

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "settling.hpp"

namespace weir::detail {
namespace {

void pin(int worker, std::span<const int> cpus) {
  const auto refused = [&](int error, const std::string& where) {
    return std::system_error(error, std::generic_category(),
                             "weir: worker " + std::to_string(worker) + " cannot be pinned to " + where);
  };
  if (cpus.empty()) throw refused(ENOTSUP, "a CPU, since the system does not tell which ones there are");
  const int cpu = cpus[static_cast<std::size_t>(worker) % cpus.size()];
  if (const int error = run_this_thread_on({&cpu, 1}); error != 0) throw refused(error, "CPU " + std::to_string(cpu));
}

}  // namespace

bool worker_hooks::can_fail() const noexcept { return options_->pinning != pinning::none || options_->on_worker_start; }

bool worker_hooks::begin() noexcept {
  if (!can_fail()) return true;
  const settling here;
  try {
    // Pinned first, so that what the hook touches is near.
    if (options_->pinning == pinning::cpus) pin(worker_, topology_->cpus);
    if (options_->on_worker_start) options_->on_worker_start(worker_);
  } catch (...) {
    error_ = std::current_exception();
  }
  const bool failed = error_ != nullptr;    // before the store: error_ is the maker's from then on
  is_over_.store(1, memory_order_release);  // (1)
  futex_wake(&is_over_, wake_all);
  return !failed;
}

void worker_hooks::end() noexcept {
  if (!options_->on_worker_stop) return;
  const settling here;
  try {
    options_->on_worker_stop(worker_);
  } catch (...) {
    std::fputs("weir: pool_options::on_worker_stop threw; what it threw is dropped\n", stderr);
  }
}

void worker_hooks::await_begin() {
  if (!can_fail()) return;
  while (is_over_.load(memory_order_acquire) == 0) {  // (1)
    futex_wait(is_over_, 0, std::chrono::nanoseconds(-1));
  }
  if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace weir::detail
