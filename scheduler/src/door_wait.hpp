// A callable that waits at the door, in its frame.
#pragma once

#include <cstddef>

#include <weir/admission/detail/waiter.hpp>
#include <weir/scheduler/options.hpp>

#include "core.hpp"

namespace weir::detail {

/// Made for one callable, when it has been promised a place, in the memory of frames. A tracked frame keeps it until
/// its own end, since whoever asks the task to stop may be looking at it; that of any other frame ends with the wait.
class door_wait final : public waiter {
 public:
  door_wait(core& of, const door_request& asked, priority lane) noexcept : waiter(asked), core_(&of), lane_(lane) {}

  void hold(frame& f) noexcept { frame_ = &f; }

  static void* operator new(std::size_t bytes) { return take_frame_memory(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { give_frame_memory(block, bytes); }

 private:
  void on_granted(time_point stamp) noexcept override {
    const ended on_exit(*this);
    core_->granted(*frame_, lane_, stamp);
  }
  void on_refused(const refusal& why) noexcept override {
    const ended on_exit(*this);
    core_->refused_at_door(*frame_, why);
  }

  // Decides before the frame may be gone who ends this object, and ends it after its last use.
  struct ended {
    explicit ended(door_wait& w) noexcept : to_free(tracked(*w.frame_) == nullptr ? &w : nullptr) {}
    ended(const ended&) = delete;
    ended& operator=(const ended&) = delete;
    ~ended() { delete to_free; }
    door_wait* to_free;
  };

  core* core_;
  frame* frame_ = nullptr;
  priority lane_;
};

}  // namespace weir::detail
