// What weir does, in one small service: bounded work, refusals with reasons, deadlines, cancellation, and a clean end.
#include <weir/weir.hpp>

#include <array>
#include <chrono>
#include <iostream>
#include <stdexcept>
#include <thread>

using namespace std::chrono_literals;

long fib(int n) {
  if (n < 2) return n;
  auto [a, b] = weir::fork_join([n] { return fib(n - 1); }, [n] { return fib(n - 2); });  // no allocation, no future
  return a + b;
}

int main() {
  weir::pool pool({.workers = 2,
                   .limits = {.max_tasks = 8, .max_weight = 64, .rate = weir::per_second(2'000), .burst = 100},
                   .on_failure = [](const weir::task_failure& failed) {
                     std::cout << "'" << failed.name.view() << "' failed, submitted in line " << failed.where.line()
                               << '\n';
                   }});

  // A refusal is a value with a reason, and the callable has not been touched.
  auto scan = pool.try_submit({.weight = 16, .deadline = weir::within(10s), .name = "scan"}, [] { return fib(20); });
  if (scan) std::cout << "scan: " << scan->get() << '\n';  // get rethrows what the task threw
  auto huge = pool.try_submit({.weight = 65, .name = "huge"}, [] { return fib(20); });
  if (!huge) std::cout << to_string(huge.error()) << '\n';

  // run enters as one root and waits. Inside, submissions are new roots; a worker that waits runs what it waits for.
  const long sum = *pool.run({}, [&pool] {
    auto a = pool.enqueue({}, [] { return fib(18); });
    auto b = pool.enqueue({}, [] { return fib(19); });
    return a->get() + b->get();
  });
  std::cout << "sum: " << sum << '\n';

  // A group joins all that it spawned; the first error stops the rest, and is thrown. Its children pass no door.
  {
    std::array<long, 3> parts{};
    weir::task_group group(pool, {.name = "parts"});
    for (long& part : parts) {
      group.spawn([&part] { part = fib(17); });
    }
    group.wait();
    std::cout << "parts: " << parts[0] + parts[1] + parts[2] << '\n';
  }

  // Where the door is shut, enqueue and post let the callable wait in line, as one of max_waiters; submit waits itself.
  for (int i = 0; i < 20; ++i) {
    const auto note = [i] {
      if (i == 13) throw std::runtime_error("unlucky");
    };
    const auto posted = pool.post({.name = "note"}, note);
    if (!posted) std::cout << to_string(posted.error()) << '\n';
  }

  // A task sees its stop token when its job, its deadline or a shutdown asks it to stop.
  auto watch = pool.submit({.deadline = weir::within(20ms), .name = "watch"}, [](weir::stop_token stop) {
    while (!stop.stop_requested()) std::this_thread::yield();
    stop.throw_if_stopped();
  });
  try {
    watch.value().get();  // value throws weir::refused, get what the task threw or weir::cancelled
  } catch (const std::exception& why) {
    std::cout << "watch: " << why.what() << '\n';
  }

  // No new work; what was admitted ends, or is asked to stop at the deadline, and whatever does not is named.
  const weir::shutdown_report end = pool.shutdown(weir::within(5s));
  std::cout << to_string(end) << '\n';
  return end.clean() ? 0 : 1;
}
