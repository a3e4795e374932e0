// Whether a door is nearly full, and who is told when that changes. Protocol: admission/pressure.md.
#pragma once

#include <cstdint>
#include <utility>

#include <weir/admission/pressure.hpp>
#include <weir/queues/sync.hpp>

namespace weir::detail {

class gate;

class pressure_watch {
 public:
  /// What there is, of what is limited: room of both kinds, and places in line that are taken.
  struct filling {
    std::int64_t tasks_free;
    std::int64_t weight_free;
    std::int64_t waiting;
  };

  /// What is limited; 0: it is not.
  struct bounds {
    std::int64_t tasks;
    std::int64_t weight;
    std::int64_t waiters;
  };

  /// @param to  not empty.
  explicit pressure_watch(pressure_handler to) : handler_(std::move(to)) {}

  /// Whether credits may be out of the word at such a door: they are never between mark and relief.
  [[nodiscard]] static bool allows_credits(double warn_at) noexcept { return warn_at >= 0.75; }

  /// Whether the state is another one than these numbers ask for. Wait-free.
  [[nodiscard]] bool disagrees(const filling& with) const noexcept {
    if (is_high()) {
      return tasks_.is_relieved(with.tasks_free) && weight_.is_relieved(with.weight_free) &&
             line_.is_relieved(-with.waiting);
    }
    return tasks_.is_reached(with.tasks_free) || weight_.is_reached(with.weight_free) ||
           line_.is_reached(-with.waiting);
  }
  [[nodiscard]] bool is_high() const noexcept { return is_high_.load(memory_order_relaxed); }
  /// Under the gate's lock, and before an addition of nothing to the word.
  void set_high(bool is_so) noexcept { is_high_.store(is_so, memory_order_relaxed); }
  /// As set_high.
  /// @param warn_at  more than 0, at most 1.
  void set_marks(const bounds& of, double warn_at) noexcept;
  /// As it was set; under the gate's lock.
  [[nodiscard]] double warn_at() const noexcept { return warn_at_; }

  /// After the state was changed: tells it as it is, unless somebody is at that, who then does; and not what was told
  /// last.
  void tell(const gate& of) noexcept;

 private:
  // Of one number, as what is free of it: at its mark, or relieved. Not limited: never and always.
  struct level {
    void set(std::int64_t limit, std::int64_t free_of, double warn_at) noexcept;
    [[nodiscard]] bool is_reached(std::int64_t free) const noexcept { return free <= mark.load(memory_order_relaxed); }
    [[nodiscard]] bool is_relieved(std::int64_t free) const noexcept {
      return free >= relief.load(memory_order_relaxed);
    }

    // As pressure_watch::is_high_, (1).
    atomic<std::int64_t> mark{0};
    atomic<std::int64_t> relief{0};
  };

  void call(const pressure& with) noexcept;

  const pressure_handler handler_;
  double warn_at_ = 0;
  // The state, and the marks. Writer: under the gate's lock, and after that an addition of nothing to the word.
  // Readers: who has taken or given back, after an acquire load of the word.
  // (1) state: relaxed. Of the addition of nothing and the step's own write of the word one is first. If it is the
  //     addition, a release, the step's load of the word, acquire, comes after it, and the state is seen. If it is the
  //     step, who has written the state finds what it did, in another look after the addition.
  atomic<bool> is_high_{false};
  level tasks_;
  level weight_;
  level line_;
  // Changes that are not told yet. Who adds one to none tells, and takes away what it has told.
  // (2) told: an addition or subtraction, acquire and release, by who has changed the state -> by who tells; and from
  //     one who tells to the next.
  atomic<std::uint32_t> untold_{0};
  bool was_told_ = false;  // the last state that was; of who tells
};

}  // namespace weir::detail
