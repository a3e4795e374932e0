// Stopping tasks: by request, by deadline, and by the end of the job. Whoever is asked decides when to leave.
#include <weir/weir.hpp>

#include <chrono>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;

// Leaves by weir::cancelled when it is asked to stop; its callback would, for example, end a blocking read.
void poll(weir::stop_token stop) {
  const weir::stop_callback wake(stop, [] { std::cout << "poll: asked to stop\n"; });
  for (;;) {
    stop.throw_if_stopped();
    std::this_thread::yield();
  }
}

int main() {
  weir::pool pool({.workers = 1});
  int stopped = 0;

  auto by_request = pool.submit({.name = "poll"}, poll).value();
  by_request.request_stop();
  try {
    by_request.get();
  } catch (const weir::cancelled& why) {
    std::cout << why.what() << '\n';
    stopped += why.cause() == weir::stop_cause::requested;
  }

  // The deadline fires while the only worker is busy, and covers the wait in the queue, too.
  auto by_deadline = pool.submit({.deadline = weir::within(1s), .name = "poll"}, poll).value();
  auto queued = pool.enqueue({.deadline = weir::within(500ms), .name = "queued"}, [] { return 1; }).value();
  by_deadline.wait();
  queued.wait();
  stopped += by_deadline.outcome() == weir::task_outcome::expired;
  std::cout << "queued: " << (queued.outcome() == weir::task_outcome::completed ? "ran\n" : "never started\n");

  // A job that ends asks its task to stop and waits for it; `std::move(job).detach()` would let it go on.
  { auto by_end = pool.submit({.name = "poll"}, poll).value(); }
  stopped += pool.metrics().live == 0;
  return stopped == 3 ? 0 : 1;
}
