// The engine of every limiter: the capacity word, the bucket and one queue, and the order in which they are asked.
//
// Fast path, while nobody waits: weight and deadline, a look at the bucket, the capacity and the token, a
// compare-and-swap each. Slow path: a queue, under a short lock; who releases hands on to the head and to those behind
// it for whom there is room, and wakes exactly those. admission/README.md tells the protocol. Progress: try_admit and a
// release with nobody waiting are lock-free, the observers wait-free; all else may take the lock, under which no
// wake-up, no allocation and no user code runs but the clock's `now`, where there is a rate. What was decided there is
// told after it, to each waiter in order.
// What a holder did before its release happens before what a later grant that needed it returns to, or tells.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include <weir/admission/detail/breaker.hpp>
#include <weir/admission/detail/capacity.hpp>
#include <weir/admission/detail/child_stock.hpp>
#include <weir/admission/detail/credits.hpp>
#include <weir/admission/detail/door_alarm.hpp>
#include <weir/admission/detail/door_outcomes.hpp>
#include <weir/admission/detail/door_verdict.hpp>
#include <weir/admission/detail/pressure_watch.hpp>
#include <weir/admission/detail/waiter.hpp>
#include <weir/admission/flight.hpp>
#include <weir/admission/limits.hpp>
#include <weir/admission/result.hpp>
#include <weir/admission/token_bucket.hpp>
#include <weir/queues/cache_line.hpp>
#include <weir/queues/mutex.hpp>

namespace weir::detail {

class flight_ring;

class gate {
 public:
  using alarm = door_alarm;
  using verdict = door_verdict;

  /// A place among the waiters that was promised and is not taken yet, so that a callable is moved only when it may
  /// wait.
  enum class slot : std::uint8_t { reserved, caller_runs };

  /// The clock and the alarm must outlive the gate.
  /// @param givers  how many threads, the workers of a pool, give back most of what is admitted; see `release`.
  /// @param stocks  how large the givers' stocks of units for children are.
  /// @param purses  without givers: how many purses of credits there are, and for which limits.
  /// @throws std::invalid_argument as weir::check does; std::bad_alloc.
  gate(const limits& configured, const clock_source& clock, alarm* for_tokens = nullptr, std::size_t givers = 0,
       child_stock::rule stocks = {}, credits::rule purses = {}, pressure_handler on_pressure = {});
  /// A twin: as another gate was at the start of a part of its log. It notes the same entries if it is told the same
  /// and its clock says the same; it may end with anything held. A place of one that was refused in line is free when
  /// that is said, by `cancel_reservation`, and not before.
  struct as_twin {};
  gate(as_twin /*tag*/, const flight_start& from, const clock_source& clock);
  /// Who comes back with `pump`, where that is known later. Before anybody is here.
  void set_alarm(alarm& for_tokens) noexcept { alarm_ = &for_tokens; }
  gate(const gate&) = delete;
  gate& operator=(const gate&) = delete;
  /// Nothing is held and nobody is in the line any more: else it says so on stderr and terminates, in every build,
  /// since each of them would touch it later. What is not counted cannot be checked.
  ~gate();

  /// One attempt, at the time `now`. Refused with the reason that held at one instant of the call, or `contended`;
  /// behind those who wait, with what the head lacked when it was looked at last.
  /// @param whose  whether `now` is a reading of the gate's clock, just made, or a time that may be any.
  [[nodiscard]] verdict try_admit(const door_request& asked, time_point now,
                                  time_of whose = time_of::own_clock) noexcept;

  /// The same without a rate, a deadline and an explanation. False says nothing: ask try_admit. Lock-free.
  [[nodiscard]] bool try_admit_at_once(std::uint32_t weight) noexcept {
    if (breaker_.may_be_shut()) [[unlikely]]
      return false;
    const demand wanted = demand_of(weight);
    if (credits_.exist()) return credits_.take(wanted);
    return bucket_.is_unlimited() && capacity_.try_take_at_once(wanted);
  }

  /// True for the reasons that waiting can cure.
  [[nodiscard]] static bool is_worth_waiting(refusal_reason why) noexcept;

  /// Promises a place in the queue, making room as the overflow policy says; or says why not: `closed`, `waiters_full`,
  /// or `expired` and `timed_out` where the rate alone, after those ahead of it, takes longer. Takes the lock, unless
  /// it refuses one without a deadline under reject_new, which is wait-free; linear in those that it would pass, and in
  /// all in line where one is dropped, or with a rate and max_bypass. It may drop several, if others take the places
  /// before it, or if it is heavier.
  [[nodiscard]] result<slot> reserve(const door_request& asked);
  /// Before a join of one that comes back for no token itself. @throws what alarm::get_ready does.
  void prepare_alarm() {
    if (alarm_ != nullptr && has_rate()) alarm_->get_ready();
  }
  /// That there is no place in line, as a refusal.
  [[nodiscard]] refusal full_line(const door_request& asked) const noexcept;
  /// Gives the place up that this weight was promised. Wait-free.
  void cancel_reservation(std::uint32_t weight) noexcept;
  /// Takes the promised place in the queue, linear in those that it passes there. From here on the waiter hears once
  /// from the gate, maybe before this returns. `uncounted` is for the thread of caller_runs, which nobody promised a
  /// place.
  enum class place : std::uint8_t { reserved, uncounted };
  void join(waiter& w, place where) noexcept;

  /// Ends the wait of `w` if its outcome is open: on_refused is called, here, and who is behind it looked at.
  bool withdraw(waiter& w, refusal_reason why) noexcept;

  /// Gives back what an admission of this weight took, and hands it on.
  void release(std::uint32_t weight) noexcept {
    if (is_observed_) [[unlikely]]
      return give_back_observed(flight_op::release, weight, demand_of(weight));
    give_back_final(demand_of(weight));
  }
  /// And what it was for ended in time.
  void release_in_time(std::uint32_t weight) noexcept {
    if (is_watched_.load(memory_order_relaxed)) [[unlikely]]
      return release_watched(weight);
    give_back_final(demand_of(weight));
  }
  /// Gives back that much of the weight of an admission that stays.
  void release_part(std::uint32_t weight) noexcept;
  /// Gives back the token of an admission that was not used; before its release, which hands on both.
  void give_token_back(time_point stamp) noexcept {
    if (flight_ != nullptr) [[unlikely]]
      return give_token_back_recorded(stamp);
    if (has_rate()) (void)bucket_.refund(1, stamp);
  }
  /// As `release`, by one of the givers, each of which has its number, below `givers`. Where weights are not counted it
  /// then writes only what is its own.
  void release(std::uint32_t weight, std::size_t giver) noexcept;

  /// One more task under one that was admitted: counted in max_tasks; no weight, no token. Passes a closed door, and
  /// those who wait unless the head of the line lacks a task. False: none is free just now; it need not be exact, since
  /// other givers' stocks are not looked at. By a giver, on its own thread: then it writes, mostly, only what is its
  /// own. Lock-free, unless it gives back what somebody waits for.
  [[nodiscard]] bool try_add_child(std::size_t giver) noexcept {
    return (stock_ != nullptr && stock_->take(giver)) || add_child_from_word(giver);
  }
  /// The same by any thread, from the word.
  [[nodiscard]] bool try_add_child() noexcept;
  /// The end of a child, by a giver, on its own thread, maybe by another one than took it; and by any thread. What is
  /// given back where somebody waits is handed on.
  void end_child(std::size_t giver) noexcept {
    if (stock_ == nullptr || !stock_->put(giver)) end_child_at_word(giver);
  }
  void end_child() noexcept;

  /// Grants whom there is room and a token for. Called when the time of the head's token has come; sets the alarm, or
  /// wakes the head, again if it has not.
  void pump() noexcept { look(bell::always); }

  /// When `w` could get a token, if it is the head and that is all it lacks; time_point::max() otherwise. When that
  /// changes, the word of `w` does (waiter::on_head).
  [[nodiscard]] time_point ready_at(const waiter& w) noexcept;

  /// Refuses everything from now on, and all who wait, in order. What was granted stays valid. Idempotent.
  void close() noexcept;
  [[nodiscard]] bool is_closed() const noexcept { return capacity_.load().closed; }

  /// Sleeps until nothing is held and nobody is in the line, or `until`; true if so. For a closed gate whose tasks are
  /// counted.
  [[nodiscard]] bool wait_until_empty(time_point until) noexcept;

  /// Changes all limits, as `limiter::set_limits` says.
  /// @throws std::invalid_argument as it says there; what alarm::get_ready throws. Then nothing has changed.
  void set_limits(const limits& next);
  /// Ends are told it, where it is on.
  [[nodiscard]] weir::detail::breaker& breaker() noexcept { return breaker_; }

  /// Sleeps until no more is held than the limits are (true), the gate is closed, or `until`.
  [[nodiscard]] bool wait_until_within(time_point until) noexcept;
  /// The same for one without a thread, which hears once: granted, or refused `closed`. And the end of its wait.
  void join_until_within(waiter& w) noexcept;
  bool withdraw_until_within(waiter& w, refusal_reason why) noexcept;

  /// The refusal in full: the state is that of the decision.
  [[nodiscard]] refusal explain(const verdict& v, const door_request& asked) const noexcept;

  /// Free to be outdated at once. While limits move, what is in use may be off by the move; never below 0. With givers,
  /// tasks_in_use may be too much by what is admitted during the call; never above the largest limit there was; and
  /// with children, as long as it is open, off by the units that move between the word and a stock.
  [[nodiscard]] std::int64_t tasks_in_use() const noexcept;
  [[nodiscard]] std::int64_t weight_in_use() const noexcept;
  /// Places that are promised or taken, also by what was refused and is not destroyed yet.
  [[nodiscard]] std::int64_t waiting() const noexcept;
  /// The weight of those, if it is limited.
  [[nodiscard]] std::int64_t waiting_weight() const noexcept;
  /// The heaviest that can be admitted: the limit, or where weights are not counted the most that a weight can be.
  [[nodiscard]] std::int64_t max_weight() const noexcept {
    return counts_weight_ ? max_weight_.load(memory_order_relaxed) : largest_max_weight;
  }
  [[nodiscard]] std::int64_t max_tasks() const noexcept { return max_tasks_.load(memory_order_relaxed); }
  /// The largest max_tasks there was.
  [[nodiscard]] std::int64_t most_tasks() const noexcept { return most_tasks_.load(memory_order_relaxed); }
  [[nodiscard]] weir::overflow overflow() const noexcept { return overflow_.load(memory_order_relaxed); }
  [[nodiscard]] std::int64_t max_waiters() const noexcept { return max_waiters_.load(memory_order_relaxed); }
  [[nodiscard]] bool has_rate() const noexcept { return !bucket_.is_unlimited(); }
  /// The limits as they are in force, all of one moment. Takes the lock.
  [[nodiscard]] limits configured() const WEIR_EXCLUDES(mutex_);
  [[nodiscard]] const clock_source& clock() const noexcept { return *clock_; }
  [[nodiscard]] pressure pressure_now(bool is_high) const noexcept;
  /// What the first in line lacks, or those who hold more than the limits are; none if nobody waits.
  [[nodiscard]] flight_verdict binding() const noexcept {
    return capacity_.load().waiters ? verdict_of(head_lacks_.load(memory_order_relaxed)) : flight_verdict::none;
  }

  // ---- the flight recorder (gate_flight.cpp); of a gate without one there are no entries

  /// As limiter::flight says.
  [[nodiscard]] flight_log flight() const WEIR_EXCLUDES(mutex_);
  /// The entries from this ticket on that are there, and how many will have been: for a twin, whose caller knows that
  /// nobody else is at it.
  [[nodiscard]] const flight_entry* flight_entry_of(std::uint64_t ticket) const noexcept;
  [[nodiscard]] std::uint64_t next_ticket() const noexcept;
  /// Notes that somebody asked for a weight that cannot be admitted.
  void note_turned_away(std::int64_t weight, refusal_reason why) noexcept;

 private:
  // The protocol's steps one by one, for tests/model/, which shows that none of them can be left out.
  friend struct gate_steps;
  friend struct unit_steps;
  friend struct credit_steps;

  // One operation of a gate with a flight recorder, under the lock (gate_step.hpp).
  class step;

  using outcomes = door_outcomes;
  using bell = door_bell;

  gate(const limits& configured, const clock_source& clock, alarm* for_tokens, std::size_t givers,
       child_stock::rule stocks, credits::rule purses, pressure_handler on_pressure,
       std::unique_ptr<flight_ring> flight);

  // The time that an operation goes by; of one that is recorded it is read under the lock.
  [[nodiscard]] time_point early_now() const noexcept { return flight_ == nullptr ? clock_->now() : time_point{}; }
  // Later in it.
  [[nodiscard, gnu::cold]] time_point present() const noexcept;
  [[nodiscard, gnu::cold]] time_point time_again(time_point before) noexcept;
  [[nodiscard, gnu::cold]] verdict refuse_in_pause(const door_request& asked, time_point now, duration pause) noexcept;
  [[nodiscard]] inline verdict decide(const door_request& asked, time_point now, time_of whose) noexcept;
  [[nodiscard, gnu::cold]] verdict try_admit_recorded(const door_request& asked, time_point now, time_of) noexcept;
  [[nodiscard, gnu::cold]] verdict try_admit_observed(const door_request& asked, time_point now, time_of) noexcept;
  [[gnu::cold]] void release_watched(std::uint32_t weight) noexcept;
  [[gnu::cold]] void give_back_observed(flight_op what, std::uint32_t weight, demand held) noexcept;
  [[gnu::cold]] void give_back_recorded(flight_op what, std::uint32_t weight, demand held) noexcept;
  [[gnu::cold]] void give_token_back_recorded(time_point stamp) noexcept;
  [[gnu::cold]] void leave_place_recorded(std::uint32_t weight) noexcept;
  [[nodiscard, gnu::cold]] bool try_add_child_observed() noexcept;
  [[nodiscard, gnu::cold]] bool try_add_child_recorded() noexcept;
  [[nodiscard]] bool take_child() noexcept;
  [[gnu::cold]] void note_granted(const waiter& w) noexcept WEIR_REQUIRES(mutex_);
  [[gnu::cold]] void note_refused(const waiter& w) noexcept WEIR_REQUIRES(mutex_);
  [[gnu::cold]] void note_state(flight_entry& in) const noexcept;
  [[nodiscard]] bool is_twin() const noexcept;
  [[nodiscard]] std::int64_t entries_of_flight() const noexcept;

  [[nodiscard]] demand demand_of(std::uint32_t weight) const noexcept {
    return {.tasks = counts_tasks_ ? 1u : 0u, .weight = counts_weight_ ? weight : 0u};
  }
  [[nodiscard]] verdict take(demand wanted, capacity::place, time_point now, time_of = time_of::own_clock) noexcept;
  [[nodiscard]] bool take_room(demand wanted, capacity::place from, capacity::hold kind, verdict& v) noexcept;
  [[nodiscard]] bool take_room_and_token(demand wanted, capacity::place from, time_of whose, verdict& v) noexcept;
  [[nodiscard]] bool take_room_with_givers(demand wanted, capacity::place, capacity::hold, verdict& v) noexcept;
  [[nodiscard]] capacity::outcome take_room_or_credits(demand, capacity::place, capacity::hold,
                                                       capacity::view&) noexcept;
  [[nodiscard]] capacity::view with_credits(capacity::view seen) const noexcept;
  [[nodiscard]] bool has_room_for_credits(const capacity::view& seen) const noexcept;
  void top_up_if_useful(const capacity::view& seen) noexcept;
  void top_up() noexcept WEIR_EXCLUDES(mutex_);
  void bring_surplus() noexcept WEIR_EXCLUDES(mutex_);
  void sweep_credits() noexcept WEIR_REQUIRES(mutex_);
  void explain_room(capacity::outcome found, const capacity::view& seen, verdict& v) const noexcept;
  void explain_rate(bool newcomer, time_of whose, verdict& v) noexcept;
  void explain_line(const capacity::view& seen, verdict& v) const noexcept;
  [[nodiscard]] duration rate_wait(time_point now) const noexcept;
  [[nodiscard]] std::int64_t in_use(refusal_reason limit, const capacity::view& seen) const noexcept;
  [[nodiscard]] bool take_token(time_point& now, time_of whose) noexcept;
  void give_back_final(demand held) noexcept {
    if (credits_.exist()) {
      const credits::fate where = credits_.put(held);
      if (where == credits::fate::kept_too_much) [[unlikely]]
        bring_surplus();
      if (where != credits::fate::closed) return;
    }
    give_back(held, capacity::hold::final);
  }
  void give_back(demand held, capacity::hold kind) noexcept {
    const watchers wanted = capacity_.give_back(held, kind);
    if (wanted.waiters || wanted.closed) [[unlikely]]
      tell(wanted);
  }
  void tell(watchers wanted) noexcept;
  void look(bell when) noexcept WEIR_EXCLUDES(mutex_);
  void hand_on(time_point now, bell when, outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  // What one in line lacks; nothing if it has left it.
  using lack = std::optional<refusal_reason>;
  [[nodiscard]] lack let_in(waiter& w, time_point& now, bell when, outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  [[nodiscard]] lack let_past(waiter& heavy, time_point& now, bell, outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  void announce(waiter& w, time_point due, bell when, outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  void unlink(waiter& w) noexcept WEIR_REQUIRES(mutex_);
  void refuse(waiter& w, refusal_reason why, outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  void deliver(const outcomes& decided) noexcept WEIR_EXCLUDES(mutex_);
  [[nodiscard]] std::optional<refusal> lacks_place(const door_request& asked) const noexcept;
  [[nodiscard]] bool may_turn_away(const door_request& asked) const noexcept;
  class oldest_first;
  void mark_dropped(const door_request& newcomer) noexcept WEIR_REQUIRES(mutex_);
  void settle_marked(outcomes* dropped) noexcept WEIR_REQUIRES(mutex_);
  [[nodiscard]] bool may_pass(const door_request& newcomer, const waiter& in_line) const noexcept;
  [[nodiscard]] bool may_overtake(const door_request& light, const waiter& heavy) const noexcept;
  [[nodiscard]] std::int64_t least_ahead(const door_request& newcomer) noexcept WEIR_REQUIRES(mutex_);
  void insert(waiter& w) noexcept WEIR_REQUIRES(mutex_);
  [[nodiscard]] bool add_child_from_word(std::size_t giver) noexcept;
  void end_child_at_word(std::size_t giver) noexcept;
  [[nodiscard]] bool may_have_spare() const noexcept;
  [[nodiscard]] bool recall() noexcept;
  void recall_under_lock() noexcept WEIR_REQUIRES(mutex_);
  [[nodiscard]] bool recall_for_head() noexcept WEIR_REQUIRES(mutex_);
  // Spare units are out, too. Never too little, if no more is admitted.
  [[nodiscard]] bool is_nothing_out() const noexcept { return capacity_.tasks_held(max_tasks_) == 0; }
  void move_limits(const limits& next) noexcept WEIR_REQUIRES(mutex_);
  void refuse_the_too_heavy(outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  [[nodiscard]] std::optional<refusal_reason> lacks_to_fit() noexcept WEIR_REQUIRES(mutex_);
  void begin_being_over() noexcept WEIR_REQUIRES(mutex_);
  [[nodiscard]] bool is_still_over(outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  void end_being_over(outcomes& decided) noexcept WEIR_REQUIRES(mutex_);
  void leave_place(std::uint32_t weight) noexcept;
  void add_waiting_weight(std::int64_t weight) noexcept;
  void notify_emptied() noexcept;
  // What is told of pressure (gate_pressure.cpp).
  [[nodiscard]] pressure_watch::filling filled() const noexcept;
  [[gnu::cold]] void note_pressure() noexcept WEIR_EXCLUDES(mutex_);
  [[nodiscard]] bool follow_pressure(bool asks) noexcept WEIR_EXCLUDES(mutex_);
  void move_marks(double warn_at) noexcept WEIR_REQUIRES(mutex_);

  const clock_source* clock_;
  alarm* alarm_;
  // Null: nothing is recorded. Else each step that decides or changes anything is one hold of the lock, and in here.
  const std::unique_ptr<flight_ring> flight_;
  const std::unique_ptr<pressure_watch> pressure_;  // null: nobody is told
  const bool is_observed_;                          // one of the two is there
  weir::detail::breaker breaker_;
  const bool counts_tasks_;
  const bool counts_weight_;
  const bool counts_waiting_weight_;
  const child_stock::rule stock_rule_;
  const std::unique_ptr<child_stock> stock_;  // null: there are no givers, or tasks are not counted
  credits credits_;  // none: there are givers or a flight recorder, there was a rate, or limits are small
  token_bucket bucket_;

  // The limits in force: those that the word's free parts are counted from (0 if they are not counted), and those of
  // the line. Writer: set_limits, under the lock. Readers: all; relaxed, numbers alone, that may be of before the
  // change. At a closed gate they change no more, and who has seen the close by the word sees the last.
  atomic<std::int64_t> max_tasks_;
  atomic<std::int64_t> max_weight_;
  atomic<std::int64_t> max_waiters_;
  atomic<std::int64_t> max_waiting_weight_;
  atomic<weir::overflow> overflow_;
  atomic<std::int64_t> priority_ageing_;
  atomic<std::int64_t> max_bypass_;
  atomic<bool> strict_window_;
  atomic<bool> allow_slow_waiters_;
  atomic<bool> is_watched_;  // is_observed_, or there is a breaker
  // The largest max_tasks there was. Writers and readers as above.
  atomic<std::int64_t> most_tasks_;

  alignas(cache_line) capacity capacity_;

  // Bumped when a closed gate may have become empty.
  // Writers: who gives back the last that is held, who leaves the line, close. Readers: wait_until_empty.
  // (2) emptied: release addition by the writer -> acquire load by the reader; it only says "look again".
  atomic<std::uint32_t> emptied_{0};
  // Bumped when what is held fits the limits again. Writers: under the lock. Readers: wait_until_within, which looks
  // under the lock; relaxed, it only says "look again".
  atomic<std::uint32_t> within_{0};
  // Places taken and promised. Writers: who is promised one and who is granted, under the lock; who leaves, after it.
  // Readers: reserve under the lock, so that it never passes max_waiters; wait_until_empty; reports.
  // (1) left: release subtraction after what waited is destroyed -> acquire load by wait_until_empty.
  atomic<std::int64_t> waiting_{0};
  // The weight of those, if it is limited. Writers as above, each before it changes the number. Readers: reserve under
  // the lock, so that it never passes max_waiting_weight; reports; relaxed, a number alone.
  atomic<std::int64_t> waiting_weight_{0};
  // How many are in the line. Writers: under the lock. Readers: newcomers, for their wait; relaxed, a number alone.
  atomic<std::int64_t> in_line_{0};
  // What the head lacked at the last look. Writer: hand_on under the lock. Readers: newcomers behind it, to say why;
  // relaxed, a word alone: between the bit and the first look at a new line it is what the last head lacked.
  atomic<refusal_reason> head_lacks_;

  alignas(cache_line) mutable mutex mutex_;
  waiter_list queue_ WEIR_GUARDED_BY(mutex_);
  waiter_list until_within_ WEIR_GUARDED_BY(mutex_);           // those of join_until_within; none unless is_over_
  const waiter* announced_ WEIR_GUARDED_BY(mutex_) = nullptr;  // the one that was told to come back for its token
  time_point announced_at_ WEIR_GUARDED_BY(mutex_);            // and when
  std::int64_t marked_ WEIR_GUARDED_BY(mutex_) = 0;      // of those in line, to be dropped in this hold of the lock
  bool is_in_order_ WEIR_GUARDED_BY(mutex_) = true;      // of arrival: nobody in line was passed
  bool head_asks_ WEIR_GUARDED_BY(mutex_) = false;       // for spare units: it lacks a task, or who may pass it
  bool credits_open_ WEIR_GUARDED_BY(mutex_) = false;    // as the word says it
  bool credits_allowed_ WEIR_GUARDED_BY(mutex_) = true;  // until there is a rate, or an early mark
  bool is_over_ WEIR_GUARDED_BY(mutex_) = false;         // more is held than the limits are, or was a moment ago
};

}  // namespace weir::detail
