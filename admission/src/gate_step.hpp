// One operation at a gate with a flight recorder: begins its entry when the lock is held, and ends it before that is
// free. Without a recorder it is nothing but the time that was read before.
#pragma once

#include <weir/admission/detail/gate.hpp>

#include "flight_ring.hpp"

namespace weir::detail {

class gate::step {
 public:
  /// How much later than its first reading a token may be taken, with strict_window.
  static constexpr duration strict_slack = std::chrono::milliseconds(1);

  /// @param early  the time that it goes by where nothing is recorded; else it is read here.
  step(gate& of, flight_op what, time_point early) noexcept WEIR_REQUIRES(of.mutex_) : of_(&of), now_(early) {
    if (is_on()) [[unlikely]]
      begin(what);
  }
  /// @param asked  by whom.
  step(gate& of, flight_op what, time_point early, const door_request& asked) noexcept WEIR_REQUIRES(of.mutex_)
      : step(of, what, early) {
    if (is_on()) [[unlikely]]
      note(asked);
  }
  step(const step&) = delete;
  step& operator=(const step&) = delete;
  ~step() {
    if (is_on()) [[unlikely]]
      end();
  }

  /// The time that it goes by.
  [[nodiscard]] time_point now() const noexcept { return now_; }

  void is(flight_verdict v) noexcept {
    if (is_on()) entry().verdict = v;
  }
  [[nodiscard]] const verdict& decided(const verdict& v) noexcept {
    if (is_on()) note(v);
    return v;
  }
  /// The time is another one's.
  void by_caller(time_point now) noexcept;
  void weighs(std::uint32_t weight) noexcept { entry().weight = weight; }
  void numbers(waiter& w, place where) noexcept {
    if (is_on()) note(w, where);
  }
  void of(const waiter& w, refusal_reason why) noexcept {
    if (!is_on()) return;
    entry().request = w.number_;
    entry().verdict = verdict_of(why);
  }
  void changed(const limits& next) noexcept {
    if (is_on()) note(next);
  }
  void goes_by(time_point stamp) noexcept { entry().time = stamp.time_since_epoch().count(); }

 private:
  [[nodiscard]] bool is_on() const noexcept { return of_->flight_ != nullptr; }
  // Of the operation; what came since may have overwritten it, in theory.
  [[nodiscard]] flight_entry& entry() noexcept;
  [[gnu::cold]] void begin(flight_op what) noexcept;
  [[gnu::cold]] void end() noexcept;
  [[gnu::cold]] void note(const door_request& asked) noexcept;
  [[gnu::cold]] void note(const verdict& v) noexcept;
  [[gnu::cold]] void note(waiter& w, place where) noexcept;
  [[gnu::cold]] void note(const limits& next) noexcept;

  gate* of_;
  time_point now_;
  std::uint64_t ticket_ = 0;
};

}  // namespace weir::detail
