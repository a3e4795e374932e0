// Code whose waits run nothing else.
#pragma once

#include <functional>
#include <utility>

namespace weir {
namespace detail {

struct run_context;

class isolation {
 public:
  isolation() noexcept;
  isolation(const isolation&) = delete;
  isolation& operator=(const isolation&) = delete;
  ~isolation();

 private:
  run_context* in_;
  bool was_isolated_ = false;
};

}  // namespace detail

/// Calls `f` and returns what it returns. While it runs, a join in it, or in its forks, runs nothing but what it waits
/// for, and forks and children of that, whatever pool_options::help_depth allows: so that code which holds a lock, or
/// uses thread-local data, meets nothing else on its stack. Outside of tasks it is a plain call. Wait-free around `f`.
/// @throws what `f` throws.
template <typename F>
decltype(auto) isolate(F&& f) {
  const detail::isolation here;
  return std::invoke(std::forward<F>(f));
}

}  // namespace weir
