#include <weir/admission/limiter.hpp>

int main() {
  weir::limiter door({.max_tasks = 1});
  const auto permit = door.try_acquire();
  return permit && !door.try_acquire() ? 0 : 1;
}
