// The state word of a task: where it is, how it ended, who asked it to stop and who waits for it, in one 32-bit futex
// word.
//
//   waiting --grant--> queued --try_start--> running --finish--> done
//      |                  |
//      |                  +--request_stop--> ending --finish--> done   (the callable is destroyed unrun)
//      +--refused by the door------------------------> done
//
// A frame whose callable cannot be moved in goes from its first state to done, before anybody else knows of it.
//
// Each transition has one author at a time: whoever brings the task to `running` or `ending` owns it and alone finishes
// it.
// Progress: lock-free; finish is wait-free where the machine has a locked addition.
#pragma once

#include <cstdint>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/stop_token.hpp>

namespace weir {

/// How a submission ended.
enum class task_outcome : std::uint8_t {
  completed,  ///< The callable returned.
  failed,     ///< It threw, or a stop callback of it, or it could not be moved into the pool.
  cancelled,  ///< It was asked to stop, and never started or left by weir::cancelled.
  expired,    ///< The same, by its deadline.
  refused,    ///< It was refused while it waited at the door.
};

namespace detail {

class task_state {
 public:
  enum class phase : std::uint8_t { waiting, queued, running, ending, done };

  /// How a task begins, and whether it is timed, which never changes.
  struct beginning {
    constexpr beginning(phase first_phase, bool timed = false) noexcept : first(first_phase), is_timed(timed) {}
    phase first;
    bool is_timed;
  };

  explicit task_state(beginning how) noexcept
      : word_(static_cast<std::uint32_t>(how.first) | (how.is_timed ? timed_bit : 0u)) {}
  task_state(const task_state&) = delete;
  task_state& operator=(const task_state&) = delete;

  /// waiting -> queued, or waiting -> ending if it was asked to stop meanwhile: then the caller ends it unrun.
  enum class granted : std::uint8_t { queued, must_end };
  [[nodiscard]] granted grant() noexcept {
    std::uint32_t now = word_.load(memory_order_relaxed);
    for (;;) {
      const bool must_end = cause_in(now) != stop_cause::none;
      const std::uint32_t next = with_phase(now, must_end ? phase::ending : phase::queued);
      if (word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_relaxed)) {  // (2)
        return must_end ? granted::must_end : granted::queued;
      }
    }
  }

  /// queued -> running for the one who shall run it. False: another one has it or had it, and what the caller holds is
  /// a husk. (What is queued was never asked to stop: who asks takes it.)
  [[nodiscard]] bool try_start() noexcept {
    std::uint32_t now = word_.load(memory_order_relaxed);
    while (phase_in(now) == phase::queued) {
      const std::uint32_t next = with_phase(now, phase::running);
      if (word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_relaxed)) return true;  // (2)
    }
    return false;
  }

  /// Notes the first cause. What is queued goes to `ending`: the caller owns it, and its entry in the queue is a husk
  /// from now on.
  enum class stopped : std::uint8_t { taken, at_door, running, running_with_callbacks, was_stopped_or_over };
  [[nodiscard]] stopped request_stop(stop_cause cause) noexcept {
    std::uint32_t now = word_.load(memory_order_relaxed);
    for (;;) {
      const phase at = phase_in(now);
      if (cause_in(now) != stop_cause::none || at == phase::ending || at == phase::done)
        return stopped::was_stopped_or_over;
      std::uint32_t next = now | (static_cast<std::uint32_t>(cause) << cause_shift);
      if (at == phase::queued) next = with_phase(next, phase::ending);
      if (!word_.compare_exchange_weak(now, next, memory_order_acq_rel, memory_order_relaxed)) continue;  // (2) (3)
      if (at == phase::waiting) return stopped::at_door;
      if (at == phase::queued) return stopped::taken;
      return (now & callbacks_bit) != 0 ? stopped::running_with_callbacks : stopped::running;
    }
  }

  /// Says that there are stop callbacks; returns the cause if it was asked to stop before, and is then to call at once.
  [[nodiscard]] stop_cause announce_callbacks() noexcept {
    return cause_in(word_.fetch_or(callbacks_bit, memory_order_acq_rel));  // (3)
  }
  /// The same, for one of many that do: nothing is written if another one has said it. Under the lock under which who
  /// stops goes over the callbacks, so that a stop which this does not see comes there later.
  [[nodiscard]] stop_cause announce_more_callbacks() noexcept {
    const std::uint32_t now = word_.load(memory_order_relaxed);
    return (now & callbacks_bit) != 0 ? cause_in(now) : announce_callbacks();
  }
  [[nodiscard]] bool has_callbacks() const noexcept {
    return (word_.load(memory_order_relaxed) & callbacks_bit) != 0;  // relaxed: the registry's lock publishes them
  }

  /// Says that groups are part of it, whose queued children a stop is to end.
  void announce_groups() noexcept {
    if (!has_groups()) (void)word_.fetch_or(groups_bit, memory_order_relaxed);  // (4)
  }
  [[nodiscard]] bool has_groups() const noexcept {
    return (word_.load(memory_order_relaxed) & groups_bit) != 0;  // (4)
  }

  /// For the owner.
  [[nodiscard]] bool is_timed() const noexcept {
    return (word_.load(memory_order_relaxed) & timed_bit) != 0;  // relaxed: as old as the frame
  }

  /// -> done. Returns who is to be woken.
  struct watchers {
    bool threads;  // sleep on this word
    bool workers;  // sleep where they can also be given work
  };
  [[nodiscard]] watchers finish(task_outcome how) noexcept {
    // Only the owner changes the phase, so that the difference is known; others may set bits meanwhile.
    const auto from = static_cast<std::uint32_t>(phase_in(word_.load(memory_order_relaxed)));
    const std::uint32_t to =
        static_cast<std::uint32_t>(phase::done) | (static_cast<std::uint32_t>(how) << outcome_shift);
    const std::uint32_t before = word_.fetch_add(to - from, memory_order_acq_rel);  // (1)
    return {.threads = (before & (threads_bit | inside_bit)) != 0, .workers = (before & workers_bit) != 0};
  }

  /// Says that somebody waits. Returns whether it is not needed since the task is done.
  enum class watcher : std::uint8_t { thread, worker };
  [[nodiscard]] bool watch(watcher who) noexcept {
    const std::uint32_t bit = who == watcher::thread ? threads_bit : workers_bit;
    return phase_in(word_.fetch_or(bit, memory_order_acq_rel)) == phase::done;  // (1)
  }

  /// Says that somebody sleeps on the word who can run what it waits for, and is told of that, too. Returns the word as
  /// it is from then on: to sleep on, if it is not done.
  [[nodiscard]] std::uint32_t watch_inside() noexcept {
    return word_.fetch_or(inside_bit, memory_order_acq_rel) | inside_bit;  // (1)
  }
  /// After there was something to run, and a full fence. True: who sleeps inside is to be woken, and the word has
  /// changed, so that one that is just going to sleep does not, also if another one says that it sleeps meanwhile.
  [[nodiscard]] bool take_inside_watcher() noexcept {
    std::uint32_t now = word_.load(memory_order_relaxed);  // (5)
    while ((now & inside_bit) != 0) {
      const std::uint32_t taken = now - inside_bit + one_take;
      if (word_.compare_exchange_weak(now, taken, memory_order_relaxed, memory_order_relaxed)) return true;
    }
    return false;
  }

  [[nodiscard]] bool is_done() const noexcept {
    return phase_in(word_.load(memory_order_acquire)) == phase::done;
  }                                                                                                          // (1)
  [[nodiscard]] phase current_phase() const noexcept { return phase_in(word_.load(memory_order_acquire)); }  // (1)
  /// Only when done.
  [[nodiscard]] task_outcome outcome() const noexcept {
    return static_cast<task_outcome>((word_.load(memory_order_acquire) >> outcome_shift) & 7u);  // (1)
  }
  [[nodiscard]] stop_cause cause() const noexcept { return cause_in(word_.load(memory_order_acquire)); }  // (2)

  /// For a thread that sleeps on the word: its value, to be read before `is_done` is asked for the last time.
  [[nodiscard]] const atomic<std::uint32_t>& word() const noexcept { return word_; }
  [[nodiscard]] static bool is_done(std::uint32_t value) noexcept { return phase_in(value) == phase::done; }

 private:
  // Bits, from the lowest: phase (3), outcome once done (3), stop cause (3), callbacks, threads wait, workers wait,
  // groups, timed, inside, and how often that was taken (17, round and round).
  static constexpr int outcome_shift = 3;
  static constexpr int cause_shift = 6;
  static constexpr std::uint32_t phase_mask = 7u;
  static constexpr std::uint32_t callbacks_bit = 1u << 9;
  static constexpr std::uint32_t threads_bit = 1u << 10;
  static constexpr std::uint32_t workers_bit = 1u << 11;
  static constexpr std::uint32_t groups_bit = 1u << 12;
  static constexpr std::uint32_t timed_bit = 1u << 13;
  static constexpr std::uint32_t inside_bit = 1u << 14;
  static constexpr std::uint32_t one_take = 1u << 15;

  static constexpr phase phase_in(std::uint32_t w) noexcept { return static_cast<phase>(w & phase_mask); }
  static constexpr stop_cause cause_in(std::uint32_t w) noexcept {
    return static_cast<stop_cause>((w >> cause_shift) & 7u);
  }
  static constexpr std::uint32_t with_phase(std::uint32_t w, phase p) noexcept {
    return (w & ~phase_mask) | static_cast<std::uint32_t>(p);
  }

  // Writers: the owner of the task (phase, outcome); whoever asks it to stop, waits for it or registers a callback
  // (bits, each set once and never cleared, but for `inside`, which who has something to run takes, and counts).
  // Readers: all who hold the frame.
  // (1) done: acq_rel addition by the finisher -> acquire load, or acq_rel watch, by a waiter; publishes the result and
  //     what the task did. Watch and finish are both read-modify-writes: either watch sees `done`, or finish sees the
  //     watcher.
  // (2) owned: acq_rel exchange by the one who queued or stopped it -> by the one who takes it over; publishes the
  //     frame.
  // (3) stop against callbacks: both read-modify-writes: either the stop sees the callbacks, or their registration sees
  //     the stop.
  // (4) groups: relaxed; a stop that does not see them comes before their children, which then see it (a fence on
  //     either side; scheduler/groups.md).
  // (5) relaxed: a full fence stands between what is to be run and this load, and another one between `watch_inside`
  //     and the waiter's last look: one of the two sees the other. The count is for a waiter between that look and its
  //     sleep, where another one has said meanwhile that it sleeps.
  atomic<std::uint32_t> word_;
};

static_assert(sizeof(task_state) == 4);

/// Of a task that never started, or left, because it was asked to stop.
[[nodiscard]] constexpr task_outcome unrun_outcome(stop_cause why) noexcept {
  return why == stop_cause::deadline ? task_outcome::expired : task_outcome::cancelled;
}

}  // namespace detail
}  // namespace weir
