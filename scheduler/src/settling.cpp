#include "settling.hpp"

namespace weir::detail {
namespace {

thread_local int depth = 0;

}  // namespace

settling::settling() noexcept { ++depth; }

settling::~settling() { --depth; }

bool settling::is_here() noexcept { return depth != 0; }

}  // namespace weir::detail
