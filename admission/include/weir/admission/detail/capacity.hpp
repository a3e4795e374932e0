// What is free at a gate: one decision word, or, where only tasks are counted and givers are known, a task_word, whose
// givers do not write what takers write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <weir/admission/detail/capacity_word.hpp>
#include <weir/admission/detail/task_word.hpp>

namespace weir::detail {

/// Each call is what its namesake in capacity_word says, but for what is said here.
class capacity {
 public:
  using outcome = capacity_word::outcome;
  using place = capacity_word::place;
  using hold = capacity_word::hold;
  using view = capacity_word::view;

  /// A limit that is not counted is 0. @throws std::bad_alloc.
  /// @param at_once  whether try_take_at_once ever takes anything, where there are no givers.
  capacity(std::int64_t tasks_limit, std::int64_t weight_limit, std::size_t givers, bool at_once)
      : at_once_(at_once),
        tasks_(givers != 0 && tasks_limit != 0 && weight_limit == 0 ? std::make_unique<task_word>(tasks_limit, givers)
                                                                    : nullptr),
        word_(tasks_limit, weight_limit) {}

  /// Whether give_back_as may be called.
  [[nodiscard]] bool has_givers() const noexcept { return tasks_ != nullptr; }

  [[nodiscard]] outcome try_take(demand wanted, place from, hold kind, view& seen) noexcept {
    return tasks_ ? tasks_->try_take(from, kind, seen) : word_.try_take(wanted, from, kind, seen);
  }
  /// The same for a newcomer, as far as one look tells. False says nothing.
  [[nodiscard]] bool try_take_at_once(demand wanted) noexcept {
    if (tasks_) return tasks_->try_take_at_once();
    return at_once_ && word_.try_take(wanted, place::newcomer, hold::final) == outcome::taken;
  }
  /// The same, where the gate has no givers.
  [[nodiscard]] outcome try_take_of_word(demand wanted, place from, hold kind, view& seen) noexcept {
    return word_.try_take(wanted, from, kind, seen);
  }
  /// Of pressure, where the gate has no givers.
  void meet() noexcept { word_.meet(); }
  /// Of credits, where the gate has no givers.
  void announce_spare() noexcept { word_.announce_spare(); }
  void take_back_spare(demand all) noexcept { word_.take_back_spare(all); }
  [[nodiscard]] demand take_spare(demand most) noexcept { return word_.take_spare(most); }
  [[nodiscard]] std::uint32_t try_take_block(std::uint32_t most) noexcept {
    return tasks_ ? tasks_->try_take_block(most) : word_.try_take_block(most);
  }
  [[nodiscard]] bool try_mark() noexcept { return tasks_ ? tasks_->try_mark() : word_.try_mark(); }
  void settle() noexcept { tasks_ ? tasks_->settle() : word_.settle(); }
  watchers give_back(demand held, hold kind) noexcept {
    if (tasks_) return tasks_->give_back(held, kind);
    const view after = word_.give_back(held, kind);
    return {.waiters = after.waiters, .closed = after.closed};
  }
  watchers give_back_as(std::size_t giver) noexcept { return tasks_->give_back_as(giver); }

  void set_waiters(bool any) noexcept { tasks_ ? tasks_->set_waiters(any) : word_.set_waiters(any); }
  /// Under the lock of the queue.
  void close() noexcept { tasks_ ? tasks_->close() : (void)word_.close(); }
  /// Under the lock of the queue, in one step. A limit that is not counted is not moved.
  void move_limits(std::int64_t tasks, std::int64_t weight) noexcept {
    tasks_ ? tasks_->move_limit(tasks) : (void)word_.move_limits(tasks, weight);
  }

  /// With givers: from here on `load` goes by all that they have returned until now.
  void note_returns() noexcept {
    if (tasks_) tasks_->note_returns();
  }

  /// Cheap: with givers, `tasks_free` is what the last sum of their returns leaves.
  [[nodiscard]] view load() const noexcept { return tasks_ ? tasks_->load() : word_.load(); }
  /// What is held of `limit`, where tasks are counted. The limit is read last: at a closed gate it is the one that the
  /// word goes by. While it moves, off by the move. With givers too much by at most what is taken during the call:
  /// exact when nothing is.
  [[nodiscard]] std::int64_t tasks_held(const atomic<std::int64_t>& limit) const noexcept {
    const std::int64_t free = tasks_ ? tasks_->tasks_free() : word_.load().tasks_free;
    return limit.load(memory_order_relaxed) - free;  // relaxed: ordered by the word, after a close
  }

 private:
  friend struct gate_steps;
  friend struct unit_steps;

  const bool at_once_;
  const std::unique_ptr<task_word> tasks_;  // null: all is in word_
  capacity_word word_;
};

}  // namespace weir::detail
