// What a limiter without a pool has of the timer thread: it comes back for the tokens of those who wait without a
// thread of their own. Without such ones it is nothing.
#pragma once

#include <optional>

#include <weir/admission/detail/gate.hpp>
#include <weir/admission/detail/timer_thread.hpp>

namespace weir::detail {

class door_timer final : public gate::alarm, private timed {
 public:
  /// Both must outlive it; `at` is touched by the timer thread as long as it is there.
  door_timer(gate& at, const clock_source& clock) noexcept : gate_(&at), clock_(&clock) {}
  ~door_timer() {
    if (thread_ && (*thread_)->is_here()) (*thread_)->remove(*this);
  }

  /// Of the clock. Started, before the first that waits without a thread of its own joins the line.
  /// @throws std::system_error, std::bad_alloc; then nothing has changed.
  [[nodiscard]] timer_thread& started();

  /// Who needs it has started it.
  void get_ready() override {}
  void ring_at(time_point at) noexcept override;

 private:
  void on_time() noexcept override { gate_->pump(); }

  gate* gate_;
  const clock_source* clock_;
  mutex starting_;
  std::optional<timer_thread::use> thread_;  // written under `starting_`, once
  // Whether it is there. Writer: started, once. Readers: all.
  // (1) release store -> acquire load: publishes thread_. Who is announced has come into the line after its start.
  atomic<bool> is_started_{false};
};

}  // namespace weir::detail
