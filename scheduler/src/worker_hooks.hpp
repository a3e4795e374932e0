// What a worker's thread does before its first task and after its last: it is pinned, and calls the user's hooks.
#pragma once

#include <cstdint>
#include <exception>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/options.hpp>

#include "topology.hpp"

namespace weir::detail {

class worker_hooks {
 public:
  /// Both must outlive it.
  worker_hooks(const pool_options& options, const topology& found, int worker) noexcept
      : options_(&options), topology_(&found), worker_(worker) {}
  worker_hooks(const worker_hooks&) = delete;
  worker_hooks& operator=(const worker_hooks&) = delete;

  /// Worker's thread. False if it could not be pinned or the hook threw: then the thread has nothing more to do.
  [[nodiscard]] bool begin() noexcept;
  /// Worker's thread, if `begin` was true.
  void end() noexcept;

  /// The thread that makes the pool. Returns when `begin` has, and throws what that failed with. Blocking, if there is
  /// anything that can fail.
  void await_begin();

 private:
  [[nodiscard]] bool can_fail() const noexcept;

  const pool_options* options_;
  const topology* topology_;
  const int worker_;
  std::exception_ptr error_;  // written before (1)
  // 0: `begin` is not over; 1: it is. Writer: the worker's thread, once. Reader: the thread that makes the pool.
  // (1) over: release store -> acquire load by the maker; publishes error_, and what the hook has done.
  atomic<std::uint32_t> is_over_{0};
};

}  // namespace weir::detail
