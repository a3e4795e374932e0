// One who waits at a gate and writes down what it is told: makes the queue testable on one thread, in a known order.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/admission/detail/gate.hpp>

namespace weir::testing {

/// The decisions of a test, in the order in which they were delivered: "a granted", "b cancelled".
using diary = std::vector<std::string>;

class recorded_waiter final : public detail::waiter {
 public:
  recorded_waiter(std::string name, const detail::door_request& asked, diary& book)
      : waiter(asked), name_(std::move(name)), book_(&book) {}

  [[nodiscard]] bool is_decided() const { return told_ != 0; }
  [[nodiscard]] bool is_granted() const { return granted_; }
  [[nodiscard]] int times_told() const { return told_; }
  /// How often it was told to come back for the head's token.
  [[nodiscard]] int times_announced() const { return announced_; }
  [[nodiscard]] time_point stamp() const { return stamp_; }
  [[nodiscard]] const refusal& why() const { return why_; }

 private:
  void on_granted(time_point stamp) noexcept override {
    ++told_;
    granted_ = true;
    stamp_ = stamp;
    book_->push_back(name_ + " granted");
  }
  void on_refused(const refusal& why) noexcept override {
    ++told_;
    why_ = why;
    book_->push_back(name_ + " " + std::string(to_string(why.reason)));
  }

  const detail::atomic<std::uint32_t>* on_head() noexcept override {
    ++announced_;
    return nullptr;
  }

  std::string name_;
  diary* book_;
  int told_ = 0;
  int announced_ = 0;
  bool granted_ = false;
  time_point stamp_{};
  refusal why_{};
};

/// Reserves a place and takes it. False if no place was promised.
inline bool wait_at(detail::gate& at, recorded_waiter& w) {
  const auto place = at.reserve(w.request());
  if (!place) return false;
  at.join(w, *place == detail::gate::slot::reserved ? detail::gate::place::reserved : detail::gate::place::uncounted);
  return true;
}

}  // namespace weir::testing
