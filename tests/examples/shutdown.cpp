// The end of a service: no new work, time for what is under way, then a word to the rest, and the names of what does
// not listen.
#include <weir/weir.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <latch>
#include <thread>

using namespace std::chrono_literals;

int main() {
  weir::pool pool({.workers = 2, .stop_grace = 50ms});
  std::latch running(2);
  std::stop_source release;

  // Listens to its token. The pool says to the handler of posted tasks what failed; to leave by weir::cancelled is no
  // failure.
  (void)pool.post({.name = "listens"}, [&running](weir::stop_token stop) {
    running.count_down();
    for (;;) {
      stop.throw_if_stopped();
      std::this_thread::yield();
    }
  });
  // Does not.
  (void)pool.post({.name = "does not listen"}, [&running, end = release.get_token()] {
    running.count_down();
    while (!end.stop_requested()) std::this_thread::yield();
  });
  (void)pool.post({.name = "queued"}, [] { std::cout << "this line is never printed\n"; });
  running.wait();

  const weir::shutdown_report first = pool.shutdown(weir::within(10ms));
  std::cout << to_string(first) << '\n';
  const bool is_named = std::ranges::any_of(
      first.stragglers, [](const weir::straggler& of) { return of.name.view() == "does not listen"; });

  const auto refused = pool.post({}, [] {});
  std::cout << to_string(refused.error()) << '\n';

  release.request_stop();
  const weir::shutdown_report second = pool.shutdown();
  std::cout << to_string(second) << '\n';
  return is_named && !refused && second.how == weir::shutdown_report::status::stopped ? 0 : 1;
}
