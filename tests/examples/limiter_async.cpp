// A limiter for coroutines and callables: who waits holds no thread. Any coroutine type will do; this one is the
// smallest there is.
#include <weir/admission/limiter.hpp>

#include <coroutine>
#include <exception>
#include <iostream>
#include <latch>

using namespace std::chrono_literals;

struct fire_and_forget {
  struct promise_type {
    fire_and_forget get_return_object() noexcept { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
};

// Suspended while the disk is busy. It goes on where room is made for it: what takes long belongs into a pool.
fire_and_forget read(weir::limiter& disk, int weight, std::latch& done) {
  const auto held = co_await disk.async_acquire(weight, weir::within(1s));
  std::cout << weight << (held ? ": reads\n" : ": " + to_string(held.error()) + '\n');
  done.count_down();
}

int main() {
  weir::limiter disk({.max_tasks = weir::unlimited, .max_weight = 8});
  weir::permit all = *disk.try_acquire(8);

  std::latch done(3);
  (void)read(disk, 5, done);
  (void)read(disk, 3, done);
  const auto queued =
      disk.enqueue({.weight = 8, .priority = weir::priority::low}, [&done](weir::result<weir::permit> held) {
        std::cout << (held ? "the low one, at last\n" : to_string(held.error()) + '\n');
        done.count_down();
      });
  std::cout << disk.waiting() << " wait, and no thread does\n";

  all.release();  // lets them in, one after the other
  done.wait();
  return queued ? 0 : 1;
}
