// What the models of the pool's parts make: flags that are waited for, and tasks that nobody has queued.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <new>
#include <source_location>
#include <utility>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/group.hpp>
#include <weir/scheduler/detail/typed_frame.hpp>
#include <weir/scheduler/task_group.hpp>

#include "explorer.hpp"
#include "quiet_pool.hpp"

namespace model {

using work = std::function<void()>;

/// Is set once; who waits for it sleeps.
class flag {
 public:
  void set() noexcept {
    word_.store(1, weir::detail::memory_order_release);
    weir::detail::futex_wake(&word_, weir::detail::wake_all);
  }
  void await() const noexcept {
    while (!is_set()) weir::detail::futex_wait(word_, 0, std::chrono::nanoseconds(-1));
  }
  [[nodiscard]] bool is_set() const noexcept { return word_.load(weir::detail::memory_order_acquire) != 0; }

 private:
  weir::detail::atomic<std::uint32_t> word_{0};
};

/// A job that whoever shall run it is given.
class lone_job {
 public:
  lone_job(weir::detail::core& in, work body) {
    frame_.pool = &in;
    ::new (static_cast<void*>(&frame_.callable.value)) work(std::move(body));
    add_owner(frame_);
  }

  [[nodiscard]] weir::detail::tracked_frame& frame() { return frame_; }

 private:
  weir::detail::job_frame<void, work> frame_{
      weir::detail::task_state::phase::queued, 0, {}, std::source_location::current()};
};

template <typename Frame>
Frame& with(Frame* made, work body) {
  ::new (static_cast<void*>(&made->callable.value)) work(std::move(body));
  return *made;
}

/// A child that whoever shall run it is given.
[[nodiscard]] inline weir::detail::frame& lone_child(weir::detail::group& of, work body) {
  of.state.begin_one();
  return with(new weir::detail::child_frame<work>(of, std::source_location::current()), std::move(body));
}

/// As task_group::spawn, by a task that runs on `by`.
inline void spawn(weir::detail::group& in, weir::detail::worker& by, work child) {
  using weir::detail::child_passage;
  check(in.pool->count_child(&by), "there is room");
  child_passage(in, &by, child_passage::kind::queued).launch(std::move(child), std::source_location::current());
}

/// Another task, which `by` runs now.
/// @param depth  above that of what runs there: unrelated to it.
inline void run_other(weir::detail::worker& by, int depth, work callable) {
  using posted = weir::detail::posted_frame<weir::detail::frame, work>;
  auto* const f = new posted(weir::detail::task_state::phase::queued, 0, {}, std::source_location::current());
  by.pool().start(with(f, std::move(callable)), &by, depth);
}

}  // namespace model
