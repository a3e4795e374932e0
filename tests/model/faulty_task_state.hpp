// The real state word of a task with one of its transitions done wrongly: mistakes that a model must notice.
#pragma once

#include <cstdint>
#include <type_traits>

#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/task_state.hpp>

namespace model {

enum class state_mistake {
  none,
  // The transition as a load and a store.
  finish_in_two_steps,
  watch_in_two_steps,
  start_in_two_steps,
  stop_in_two_steps,
  grant_in_two_steps,
  announcement_in_two_steps,
  // The cause is noted first, and only then is the task taken.
  stop_noted_and_then_taken,
  grant_that_ignores_a_stop,
};

class faulty_task_state : public weir::detail::task_state {
 public:
  using phase = task_state::phase;

  faulty_task_state(phase first, state_mistake made) noexcept : task_state(first), made_(made) {}

  watchers finish(weir::task_outcome how) noexcept {
    return done_as(state_mistake::finish_in_two_steps, [how](task_state& s) { return s.finish(how); });
  }
  bool watch(watcher who) noexcept {
    return done_as(state_mistake::watch_in_two_steps, [who](task_state& s) { return s.watch(who); });
  }
  bool try_start() noexcept {
    return done_as(state_mistake::start_in_two_steps, [](task_state& s) { return s.try_start(); });
  }
  stopped request_stop(weir::stop_cause why) noexcept {
    if (made_ == state_mistake::stop_noted_and_then_taken) return note_and_then_take(why);
    return done_as(state_mistake::stop_in_two_steps, [why](task_state& s) { return s.request_stop(why); });
  }
  weir::stop_cause announce_callbacks() noexcept {
    return done_as(state_mistake::announcement_in_two_steps, [](task_state& s) { return s.announce_callbacks(); });
  }
  granted grant() noexcept {
    if (made_ == state_mistake::grant_that_ignores_a_stop) {
      bits().fetch_add(between(phase::waiting, phase::queued), weir::detail::memory_order_acq_rel);
      return granted::queued;
    }
    return done_as(state_mistake::grant_in_two_steps, [](task_state& s) { return s.grant(); });
  }

  /// Whether it was asked to stop by now. No scheduling point.
  [[nodiscard]] bool has_cause() const noexcept { return (word().peek() & cause_bits) != 0; }

 private:
  using word_type = weir::detail::atomic<std::uint32_t>;

  word_type& bits() noexcept { return const_cast<word_type&>(word()); }

  static constexpr std::uint32_t between(phase from, phase to) noexcept {
    return static_cast<std::uint32_t>(to) - static_cast<std::uint32_t>(from);
  }

  template <typename Transition>
  std::invoke_result_t<Transition, task_state&> done_as(state_mistake mine, Transition&& transition) noexcept {
    task_state& real = *this;
    if (made_ != mine) return transition(real);
    // The real transition, on a copy between the load and the store.
    faulty_task_state copy(phase::waiting, state_mistake::none);
    copy.bits().store(bits().load(weir::detail::memory_order_acquire), weir::detail::memory_order_relaxed);
    const auto outcome = transition(copy);
    bits().store(copy.word().peek(), weir::detail::memory_order_release);
    return outcome;
  }

  stopped note_and_then_take(weir::stop_cause why) noexcept {
    const std::uint32_t before = bits().fetch_or(bits_of(why), weir::detail::memory_order_acq_rel);
    if ((before & cause_bits) != 0 || is_done(before)) return stopped::was_stopped_or_over;
    if (!task_state::try_start()) return stopped::running;
    bits().fetch_add(between(phase::running, phase::ending), weir::detail::memory_order_acq_rel);
    return stopped::taken;
  }

  // Where the word keeps a cause: as it says itself.
  static std::uint32_t bits_of(weir::stop_cause why) noexcept {
    faulty_task_state probe(phase::running, state_mistake::none);
    (void)probe.request_stop(why);
    return probe.word().peek() - static_cast<std::uint32_t>(phase::running);
  }
  static inline const std::uint32_t cause_bits =
      bits_of(weir::stop_cause::requested) | bits_of(weir::stop_cause::deadline);

  state_mistake made_;
};

}  // namespace model
