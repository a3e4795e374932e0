// The simplest coroutine there is: it begins at once, nobody awaits it, and it ends itself.
#pragma once

#include <coroutine>
#include <exception>

namespace weir::testing {

struct eager {
  struct promise_type {
    eager get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

}  // namespace weir::testing
