#include <weir/weir.hpp>

int main() {
  weir::pool pool({.workers = 2});
  const auto answer = pool.run({}, [] { return 42; });
  return answer && *answer == 42 ? 0 : 1;
}
