#include "settling.hpp"

namespace weir::detail {
namespace {

thread_local int settlings = 0;

}  // namespace

settling::settling() noexcept { ++settlings; }

settling::~settling() { --settlings; }

bool settling::is_here() noexcept { return settlings != 0; }

}  // namespace weir::detail
