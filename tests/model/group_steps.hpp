// The steps of a group as scheduler/groups.md has them, over the real word, queues of children, place to sleep and
// limit of turns; with one of them left out or misplaced, if a model asks for it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>

#include <weir/queues/keyed_queue.hpp>
#include <weir/queues/sync.hpp>
#include <weir/scheduler/detail/frame.hpp>
#include <weir/scheduler/detail/group_state.hpp>
#include <weir/scheduler/detail/running_limit.hpp>

#include "checked.hpp"
#include "explorer.hpp"
#include "idle.hpp"

namespace group_model {

using weir::detail::atomic;
using weir::detail::frame;
using weir::detail::full_fence;
using weir::detail::group_state;
using weir::detail::idle;
using weir::detail::memory_order_acquire;
using weir::detail::memory_order_relaxed;
using weir::detail::running_limit;
using weir::detail::sleeper;
using watcher = group_state::watcher;

inline constexpr std::chrono::nanoseconds for_ever(-1);
inline constexpr std::size_t in_a_round = 3;

enum class mistake {
  none,
  // of who spawns
  child_is_pushed_before_it_is_counted,
  watcher_is_looked_for_before_the_push,
  watcher_is_looked_for_before_the_fence,
  watcher_is_woken_and_its_bit_stays,
  watcher_is_not_woken,
  // of who ends a child
  group_is_read_after_the_end,
  bits_are_read_before_the_end,
  turn_is_handed_on_after_the_end,
  callable_is_gone_after_the_end,
  workers_are_not_told_of_the_end,
  // of who waits
  no_second_look,
  second_look_before_the_announcement,
  no_fence_before_the_second_look,
  sleeps_on_the_word_of_a_later_look,
  looks_at_its_own_queue_only,
  waits_without_an_announcement,
};

enum class place { inside, outside, worker };

struct setting {
  place waits = place::inside;
  std::uint32_t limit = running_limit::no_limit;
  int workers = 1;         // beside the maker, for one that waits outside
  std::size_t rounds = 1;  // of spawning and waiting, with one group
  mistake made = mistake::none;
};

struct family {
  explicit family(std::uint32_t limit) : turns(limit) {}

  group_state state;
  running_limit turns;
};

inline constexpr weir::detail::frame_ops no_ops{};

struct child : frame {
  child()
      : frame(no_ops, weir::detail::task_state::phase::running, 0, weir::task_name{}, std::source_location::current()) {
  }

  family* of = nullptr;
  child* next = nullptr;
  int ran = 0;
  model::checked<int> wrote;  // by its body, for who waits
};

struct worker {
  weir::detail::keyed_queue<child, family, &child::of, &child::next> children;
  sleeper bed;
};

class machine {
 public:
  explicit machine(const setting& s) : chosen(s), group(std::in_place, s.limit) {}

  const setting chosen;
  idle resting{2};
  std::array<worker, 2> workers;
  std::optional<family> group;
  std::array<child, 2 * in_a_round> children;
  atomic<bool> stop{false};

  [[nodiscard]] bool with(mistake m) const { return chosen.made == m; }

  /// The group, by who may touch it now.
  family& open_group() {
    model::check(is_open, "nobody touches the group after its end");
    return *group;
  }

  // ---- who spawns; the numbers are those of the table

  void spawn(std::size_t index, std::size_t by) {
    child& c = children[index];
    c.of = &open_group();
    if (!with(mistake::child_is_pushed_before_it_is_counted)) c.of->state.begin_one();  // 4
    if (open_group().turns.take_or_hold_back(c)) push(c, by);
    if (with(mistake::child_is_pushed_before_it_is_counted)) open_group().state.begin_one();
  }

  void push(child& c, std::size_t by) {
    group_state& state = c.of->state;
    if (with(mistake::watcher_is_looked_for_before_the_push)) tell_watcher(state);
    workers[by].children.push(&c);  // 5
    if (with(mistake::watcher_is_looked_for_before_the_fence)) tell_watcher(state);
    resting.notify();  // 6
    if (!with(mistake::watcher_is_looked_for_before_the_push) && !with(mistake::watcher_is_not_woken) &&
        !with(mistake::watcher_is_looked_for_before_the_fence)) {
      tell_watcher(state);  // 7
    }
  }

  void tell_watcher(group_state& state) {
    if (with(mistake::watcher_is_woken_and_its_bit_stays)) {
      const bool watches = (state.word().load(memory_order_relaxed) & static_cast<std::uint32_t>(watcher::inside)) != 0;
      if (watches) weir::detail::futex_wake(&state.word(), weir::detail::wake_all);
      return;
    }
    if (state.take_inside_watcher()) weir::detail::futex_wake(&state.word(), weir::detail::wake_all);
  }

  // ---- who runs and ends a child

  void run(child& c, std::size_t by) {
    model::check(++c.ran == 1, "a child runs once");
    const bool is_late = with(mistake::callable_is_gone_after_the_end);
    if (!is_late) c.wrote.set(1);
    const auto index = static_cast<std::size_t>(&c - children.data());
    if (index % in_a_round == 0) spawn(index + 2, by);
    end(by);
    if (is_late) c.wrote.set(1);
  }

  void end(std::size_t by) {
    const bool is_late = with(mistake::turn_is_handed_on_after_the_end);
    if (!is_late) hand_turn_on(by);  // 3
    group_state& state = open_group().state;
    const atomic<std::uint32_t>* const word = &state.word();
    const bool had_bits = !with(mistake::bits_are_read_before_the_end) || word->load(memory_order_acquire) >> 28 != 0;
    group_state::watchers waked = state.end_one();  // 6
    if (with(mistake::group_is_read_after_the_end)) waked.threads = waked.workers = state.is_over();
    if (waked.threads && had_bits) weir::detail::futex_wake(word, weir::detail::wake_all);  // 7
    if (waked.workers && had_bits && !with(mistake::workers_are_not_told_of_the_end)) resting.wake_for_jobs();
    if (is_late) hand_turn_on(by);
  }

  void hand_turn_on(std::size_t by) {
    if (frame* const next = open_group().turns.pass_on()) push(static_cast<child&>(*next), by);
  }

  // ---- who waits, as worker 0 if it is one

  child* take_one_of_the_group() {
    for (worker& w : workers) {
      weir::detail::keyed_queue<child, family, &child::of, &child::next>::cursor from;
      if (child* const c = w.children.take_of(*group, from)) return c;
      if (with(mistake::looks_at_its_own_queue_only)) break;
    }
    return nullptr;
  }
  bool any_of_the_group() {
    return workers[0].children.holds(*group) ||
           (!with(mistake::looks_at_its_own_queue_only) && workers[1].children.holds(*group));
  }

  void wait_inside() {
    while (!group->state.is_over()) {
      if (child* const c = take_one_of_the_group()) {
        run(*c, 0);
      } else {
        sleep_until_changed();
      }
    }
  }

  void sleep_until_changed() {
    group_state& state = group->state;
    if (with(mistake::second_look_before_the_announcement) && any_of_the_group()) return;
    std::uint32_t seen = with(mistake::waits_without_an_announcement) ? state.word().load(memory_order_acquire)
                                                                      : state.watch(watcher::inside);
    if (!with(mistake::no_fence_before_the_second_look)) full_fence();
    const bool looks = !with(mistake::no_second_look) && !with(mistake::second_look_before_the_announcement);
    const bool is_needless = group_state::is_over(seen) || (looks && any_of_the_group());
    if (with(mistake::sleeps_on_the_word_of_a_later_look)) seen = state.word().load(memory_order_acquire);
    if (!is_needless) weir::detail::futex_wait(state.word(), seen, for_ever);
    if (state.is_over()) state.unwatch();
  }

  void wait_outside() {
    group_state& state = group->state;
    for (;;) {
      const std::uint32_t seen = with(mistake::waits_without_an_announcement) ? state.word().load(memory_order_acquire)
                                                                              : state.watch(watcher::outside);
      if (group_state::is_over(seen)) break;
      weir::detail::futex_wait(state.word(), seen, for_ever);
    }
    state.unwatch();
  }

  void wait_as_worker() {
    bool is_searching = false;
    while (!group->state.is_over()) {
      if (child* const c = take_one_of_the_group()) {
        end_search(is_searching);
        run(*c, 0);
        continue;
      }
      if (is_searching && sees_work()) {
        weir::detail::thread_yield();  // it is being pushed
        continue;
      }
      resting.sleep(workers[0].bed, {.job = true}, std::exchange(is_searching, true), [&] {
        const bool is_over = with(mistake::waits_without_an_announcement)
                                 ? group->state.is_over()
                                 : group_state::is_over(group->state.watch(watcher::worker));
        return is_over || (!with(mistake::no_second_look) && sees_work());
      });
    }
    end_search(is_searching);
  }

  // ---- the threads

  void make_and_wait() {
    for (std::size_t round = 0; round < chosen.rounds; ++round) {
      spawn(round * in_a_round, 0);
      spawn(round * in_a_round + 1, 0);
      if (chosen.waits == place::inside) wait_inside();
      if (chosen.waits == place::outside) wait_outside();
      if (chosen.waits == place::worker) wait_as_worker();
      for (std::size_t i = 0; i < in_a_round; ++i) {
        model::check(children[round * in_a_round + i].wrote.get() == 1, "the wait comes after what the children did");
      }
    }
    is_open = false;
    group.reset();
    stop.store(true, memory_order_relaxed);
    resting.notify();
  }

  /// One that takes a child, and then leaves the rest to who waits.
  void help_once() {
    if (child* const c = workers[0].children.try_take_oldest()) run(*c, 1);
  }

  void work(std::size_t self) {
    bool is_searching = false;
    for (;;) {
      if (child* const c = take_any(self)) {
        end_search(is_searching);
        run(*c, self);
        continue;
      }
      if (!is_searching && (is_searching = resting.begin_search())) continue;
      if (stop.load(memory_order_relaxed)) return end_search(is_searching);
      resting.sleep(workers[self].bed, {}, std::exchange(is_searching, true), [&] { return sees_work(); });
    }
  }

  void all_is_over() {
    for (std::size_t i = 0; i < chosen.rounds * in_a_round; ++i) {
      model::check(children[i].ran == 1, "each child has run");
    }
    for (const worker& w : workers) model::check(w.children.looks_empty(), "nothing is queued");
    model::check(resting.approx_asleep() == 0, "nobody is left asleep");
  }

 private:
  child* take_any(std::size_t self) {
    if (child* const c = workers[self].children.take_newest()) return c;
    return workers[1 - self].children.take_oldest();
  }
  bool sees_work() {
    return !workers[0].children.looks_empty() || !workers[1].children.looks_empty() || stop.load(memory_order_relaxed);
  }
  void end_search(bool& is_searching) {
    if (std::exchange(is_searching, false)) resting.end_search([&] { return sees_work(); });
  }

  bool is_open = true;
};

}  // namespace group_model
