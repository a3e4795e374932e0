#include "run_stack.hpp"

namespace weir::detail {

void run_stack::list(int worker, std::vector<straggler>& out) const {
  const std::uint32_t height = std::min(height_.load(memory_order_acquire), most);  // (2)
  for (std::uint32_t at = 0; at < height; ++at) {
    out.push_back({.name = runs_[at].name.load(memory_order_relaxed),    // (2)
                   .where = runs_[at].where.load(memory_order_relaxed),  // (2)
                   .worker = worker,
                   .depth = static_cast<int>(at)});
  }
}

}  // namespace weir::detail
