// A thread at the door: sleeps on its own word, goes away at its time, and looks for its token when it is the head.
#include <weir/admission/detail/thread_waiter.hpp>

#include <algorithm>
#include <optional>

namespace weir::detail {
namespace {

thread_local bool may_block = true;

class thread_waiter final : public waiter {
 public:
  using waiter::waiter;

  /// Sleeps until the gate has decided. On return the gate touches this object no more.
  result<admission> wait(gate& at) {
    const clock_source& clock = at.clock();
    time_point leave = std::min(request().deadline, request().patience).at();
    for (;;) {
      const std::uint32_t seen = word_.load(memory_order_acquire);  // (1) (2)
      if (seen == granted) return admission{stamp_, took_token()};
      if (seen == refused) return why_;
      const time_point ready = at.ready_at(*this);
      const time_point until = std::min(leave, ready);
      if (clock.now() < until) {
        clock.wait_until(word_, seen, until);
      } else if (until == leave) {
        const refusal_reason why =
            leave == request().deadline.at() ? refusal_reason::expired : refusal_reason::timed_out;
        if (!at.withdraw(*this, why)) leave = time_point::max();  // decided already: the word is about to say so
      } else {
        at.pump();
      }
    }
  }

 private:
  static constexpr std::uint32_t granted = 1;
  static constexpr std::uint32_t refused = 2;
  static constexpr std::uint32_t first_look = 3;  // this and all above: look again

  void on_granted(time_point stamp) noexcept override {
    stamp_ = stamp;
    finish(granted);
  }
  void on_refused(const refusal& why) noexcept override {
    why_ = why;
    finish(refused);
  }
  const atomic<std::uint32_t>* on_head() noexcept override {
    // Counts up, so that a thread that read the last value and is about to sleep does not.
    const std::uint32_t next =
        word_.load(memory_order_relaxed) + 1;  // relaxed: under the gate's lock, like every write before the end
    word_.store(std::max(next, first_look),
                memory_order_release);  // (2); past the largest it starts again, never at an outcome
    return &word_;
  }
  void finish(std::uint32_t how) noexcept {
    const atomic<std::uint32_t>* const address = &word_;
    word_.store(how, memory_order_release);  // (1); the last touch: the thread may be gone now
    futex_wake(address, wake_all);
  }

  // 0: waiting. 3 and up: waiting, and told so many times to look at the head's token. 1, 2: the outcome.
  // Writers: the gate under its lock (look); whoever delivers the outcome, once and last. Reader: the thread.
  // (1) outcome: release store by the deliverer -> acquire load by the thread; publishes stamp_ and why_.
  // (2) look: release store under the lock -> acquire load by the thread; it asks the gate anew, nothing else is
  // published.
  atomic<std::uint32_t> word_{0};
  time_point stamp_{};
  refusal why_{};
};

}  // namespace

bool this_thread_may_block() noexcept { return may_block; }
void set_this_thread_may_block(bool may) noexcept { may_block = may; }

result<admission> acquire(gate& at, const door_request& asked, const std::stop_token& stop) {
  gate::verdict v{.granted = false, .why = refusal_reason::cancelled, .stamp = {}, .retry_after = {}};
  if (stop.stop_requested())
    return at.explain(v, asked);  // never admitted, even with room: the caller has left already
  v = at.try_admit(asked, at.clock().now());
  if (v.granted) return admission{v.stamp, v.took_token};
  if (!gate::is_worth_waiting(v.why)) return at.explain(v, asked);

  const result<gate::slot> place = at.reserve(asked);
  if (!place) return place.error();
  return wait_in_line(at, asked, *place == gate::slot::reserved ? gate::place::reserved : gate::place::uncounted, stop);
}

result<admission> wait_in_line(gate& at, const door_request& asked, gate::place where, const std::stop_token& stop) {
  thread_waiter self(asked);
  at.join(self, where);
  if (!stop.stop_possible()) return self.wait(at);
  const auto leave = [&at, &self]() noexcept { (void)at.withdraw(self, refusal_reason::cancelled); };
  const std::stop_callback on_stop(stop, leave);  // outside every lock; its destructor waits for a callback that runs
  return self.wait(at);
}

}  // namespace weir::detail
