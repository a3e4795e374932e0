// A stand-in for the header of this name: threads are those of the scenario.
#pragma once

#include <string>
#include <utility>

#include <weir/queues/sync.hpp>

namespace weir::detail {

template <typename Body>
[[nodiscard]] raw_thread start_thread(const std::string&, Body body) {
  return raw_thread(std::move(body));
}

}  // namespace weir::detail
