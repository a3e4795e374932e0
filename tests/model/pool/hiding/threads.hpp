// A stand-in for scheduler/src/threads.hpp: threads are those of the scenario, with its stacks.
#pragma once

#include <string>
#include <utility>

#include <weir/queues/sync.hpp>

namespace weir::detail {

template <typename Body>
[[nodiscard]] raw_thread start_thread(const std::string&, Body body) {
  return raw_thread(std::move(body));
}

inline bool this_stack_has_room() noexcept { return true; }

}  // namespace weir::detail
