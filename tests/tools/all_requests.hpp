// Reads a source of requests to its end.
#pragma once

#include <vector>

#include "replay/request.hpp"

namespace weir::tools {

[[nodiscard]] inline std::vector<request> all_of(request_source& source) {
  std::vector<request> all;
  request one;
  while (source.next(one)) all.push_back(one);
  return all;
}

}  // namespace weir::tools
