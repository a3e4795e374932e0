// One who waits at a door without a thread: a coroutine that is suspended, a callable. Its outcome is told to the timer
// thread, to a stop callback or to who releases, and it is resumed there. Read it beside admission/async.md.
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>

#include <weir/admission/acquire_options.hpp>
#include <weir/admission/detail/door_timer.hpp>
#include <weir/admission/detail/resumption.hpp>
#include <weir/admission/permit.hpp>

namespace weir::detail {

/// A limiter, as those see it who wait at it without a thread, and what can be asked of it before there is one who
/// waits.
struct async_door {
  gate* at;
  door_timer* timer;

  /// The outcome that is there without a wait: bad options, a stop, an admission, or a reason that no wait cures.
  [[nodiscard]] std::optional<result<admission>> look(const acquire_options& asked) const noexcept;

  /// A place in line, and what it takes to wait there; or why not. All that can fail is here, and nothing is left of
  /// what failed. @throws std::bad_alloc, std::system_error where a timer cannot be had.
  [[nodiscard]] result<void> take_place(const acquire_options& asked) const;
  /// What a wait takes that has no place in line. @throws as take_place.
  void have_timer() const;
  /// Gives up what take_place has taken.
  void leave_place(const acquire_options& asked) const noexcept;
};

/// States: outside -> in line -> decided -> finished. In line two sides meet in one word: who begins the wait says
/// `armed` as its last step, and the gate, on whatever thread, `decided`; the later of the two lets it go on, so that
/// it is not gone while the other is still at it.
class async_wait : public waiter, public resumption, private timed {
 public:
  async_wait(const async_door& where, const acquire_options& asked) noexcept;

  /// Its outcome without a wait.
  void settle(const result<admission>& outcome) noexcept { outcome_ = outcome; }
  void settle(permit in) noexcept;

  /// Takes a place at its door, and then as `waits`; or its outcome is that there is none. What others do that this
  /// lets in, or drops, is done after it has begun. @throws as async_door::take_place.
  [[nodiscard]] bool begin();

  /// Takes the place that its door has promised. True: `resume` will be called, maybe has been, once; this object may
  /// be gone. False: the outcome is there already.
  [[nodiscard]] bool waits() noexcept;

  [[nodiscard]] static permit permit_of(const async_door& at, const acquire_options& asked,
                                        const admission& in) noexcept {
    return permit(*at.at, static_cast<std::uint32_t>(asked.weight), in);
  }

  /// The outcome, once. After it nobody else touches this object.
  [[nodiscard]] result<permit> finish() noexcept;

  /// The same of one that was granted nothing but that it waits no more.
  [[nodiscard]] result<void> finish_without_permit() noexcept;

 protected:
  /// It has finished, or never waited; else it says so on stderr and terminates, in every build, since the gate would
  /// touch it later.
  ~async_wait();

  /// Begins the wait, at the gate; and ends it, if its outcome is still open.
  virtual void stand() noexcept { door_.at->join(*this, gate::place::reserved); }
  virtual void leave(refusal_reason why) noexcept { (void)door_.at->withdraw(*this, why); }

  [[nodiscard]] const async_door& door() const noexcept { return door_; }
  [[nodiscard]] const acquire_options& asked() const noexcept { return asked_; }

 private:
  void take_leave() noexcept;

  // What a model asks.
  friend struct async_steps;

  struct on_stop {
    async_wait* of;
    void operator()() const noexcept { of->leave(refusal_reason::cancelled); }
  };

  void on_granted(time_point stamp) noexcept final;
  void on_refused(const refusal& why) noexcept final;
  void on_time() noexcept final;
  void decide() noexcept;

  static constexpr std::uint32_t armed = 1;
  static constexpr std::uint32_t decided = 2;

  const async_door door_;
  const acquire_options asked_;
  bool is_placed_ = false;  // it has begun to wait, and not finished
  std::optional<std::stop_callback<on_stop>> callback_;
  result<admission> outcome_;
  // Writers: who begins the wait, once; who is told the outcome, once.
  // (1) acq_rel additions: the later one acquires what the earlier one did, and goes on with all of it.
  atomic<std::uint32_t> state_{0};
};

}  // namespace weir::detail
