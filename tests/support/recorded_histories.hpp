// Threads that call one object a few times each, again and again with a fresh object: the histories that
// linearizable.hpp explains. The threads meet before each round by spinning, so that the rounds begin together; a yield
// now and then lets more threads than there are CPUs mix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <iostream>
#include <memory>
#include <random>
#include <sched.h>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/admission/clock.hpp>
#include <weir/queues/sync.hpp>

#include "support/eventually.hpp"
#include "support/linearizable.hpp"

namespace weir::testing {

/// Keeps the calling thread on one of the CPUs that it may use: threads of other numbers have others, as far as there
/// are some. Threads that meet by spinning and yield are else left on one CPU, and never meet in a call. If it fails
/// they are where they are.
inline void stay_on_a_cpu(std::size_t number) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  std::size_t left = number % static_cast<std::size_t>(CPU_COUNT(&allowed));
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- != 0) continue;
    cpu_set_t mine;
    CPU_ZERO(&mine);
    CPU_SET(cpu, &mine);
    (void)::sched_setaffinity(0, sizeof mine, &mine);
    return;
  }
}

/// Where threads wait for each other, spinning. It can be used any number of times.
class meeting_point {
 public:
  explicit meeting_point(std::uint32_t people) : people_(people) {}

  void meet() {
    const std::uint32_t round = rounds_.load(detail::memory_order_acquire);  // (1)
    if (arrived_.fetch_add(1, detail::memory_order_acq_rel) + 1 == people_) {
      arrived_.store(0, detail::memory_order_relaxed);  // the round publishes it
      rounds_.store(round + 1, detail::memory_order_release);
      return;
    }
    const auto is_over = [&] { return rounds_.load(detail::memory_order_acquire) != round; };  // (1)
    for (int spins = 0; spins < 64; ++spins) {
      if (is_over()) return;
      detail::cpu_pause();
    }
    eventually("the others at the meeting point", is_over);
  }

 private:
  const std::uint32_t people_;
  detail::atomic<std::uint32_t> arrived_{0};
  // (1) met: release by the last to come, who acquired what the others did, -> acquire by the others.
  detail::atomic<std::uint32_t> rounds_{0};
};

/// A clock that notes, for each thread, what it told it: the first and the last reading since `forget`. It lets others
/// run now and then before it answers, in the middle of whatever asks.
class noting_clock final : public clock_source {
 public:
  struct readings {
    time_point first{};
    time_point last{};
    std::uint32_t count = 0;
  };

  explicit noting_clock(const clock_source& of) : of_(&of) {}

  static readings& of_this_thread() {
    thread_local readings mine;
    return mine;
  }
  static void forget() { of_this_thread().count = 0; }

  [[nodiscard]] time_point now() const noexcept override {
    thread_local std::uint32_t turns = 0;
    if (++turns % 8 == 0) detail::thread_yield();
    readings& mine = of_this_thread();
    mine.last = of_->now();
    if (mine.count++ == 0) mine.first = mine.last;
    return mine.last;
  }
  void wait_until(const detail::atomic<std::uint32_t>& word, std::uint32_t expected,
                  time_point until) const noexcept override {
    of_->wait_until(word, expected, until);
  }

 private:
  const clock_source* of_;
};

/// What one thread writes down. One of a round, for one thread.
template <typename Call>
class diary_of_calls {
 public:
  diary_of_calls(std::vector<recorded<Call>>& page, detail::atomic<std::uint64_t>& stamps)
      : page_(&page), stamps_(&stamps) {}

  /// Calls `act`, which returns the Call with its outcome, or a vector of its steps.
  template <typename Act>
  void write(Act&& act) {
    noting_clock::forget();
    // Sequentially consistent: what the call does is between the two, for all.
    const std::uint64_t called = stamps_->fetch_add(1, detail::memory_order_seq_cst);
    auto done = act();
    const std::uint64_t returned = stamps_->fetch_add(1, detail::memory_order_seq_cst);
    if constexpr (std::is_same_v<decltype(done), Call>) {
      page_->push_back({std::move(done), called, returned});
    } else {
      for (Call& step : done) page_->push_back({std::move(step), called, returned});
    }
  }

 private:
  std::vector<recorded<Call>>* page_;
  detail::atomic<std::uint64_t>* stamps_;
};

struct histories {
  int rounds = 0;
  int threads = 0;
  std::uint64_t seed = 0;
};

/// How many were recorded, how many of their calls met another one, and the first one that could not be explained.
template <typename Call>
struct histories_told {
  std::int64_t recorded = 0;
  std::int64_t calls = 0;
  std::int64_t met_another = 0;
  history<Call> inexplicable;
};

/// `Room` is made anew for each round, with (a random engine); `turn(thread, diary, random)` is what one thread does in
/// it, and `explains(history)` is asked afterwards, when all are done. Ends at the first history that it does not.
template <typename Room, typename Call>
histories_told<Call> record_histories(const histories& asked) {
  const auto threads = static_cast<std::size_t>(asked.threads);
  std::mt19937_64 random(asked.seed);
  histories_told<Call> told;
  // Written by thread 0 between two meetings, and else only read; each thread writes its own page.
  std::unique_ptr<Room> room;
  history<Call> pages(threads);
  bool last = false;
  detail::atomic<std::uint64_t> stamps{0};
  meeting_point meeting(static_cast<std::uint32_t>(threads));

  const auto tell = [&] {
    ++told.recorded;
    for (std::size_t t = 0; t < threads; ++t) {
      for (const recorded<Call>& call : pages[t]) {
        bool met = false;
        for (std::size_t other = 0; other < threads && !met; ++other) {
          for (const recorded<Call>& of_other : pages[other]) met = met || (other != t && call.overlaps(of_other));
        }
        ++told.calls;
        told.met_another += met ? 1 : 0;
      }
    }
    if (!room->explains(pages)) told.inexplicable = pages;
  };
  const auto visit = [&](std::size_t thread, std::uint64_t seed) {
    stay_on_a_cpu(thread);
    std::mt19937_64 own(seed);
    for (int round = 0;; ++round) {
      if (thread == 0) {
        if (round != 0) tell();
        last = round == asked.rounds || !told.inexplicable.empty();
        for (auto& page : pages) page.clear();
        room.reset();
        if (!last) room = std::make_unique<Room>(own);
      }
      meeting.meet();
      if (last) return;
      diary_of_calls<Call> mine(pages[thread], stamps);
      room->turn(thread, mine, own);
      meeting.meet();
    }
  };
  std::vector<std::future<void>> visitors;
  for (std::size_t t = 0; t < threads; ++t) {
    visitors.push_back(in_background([&, t, seed = random()] { visit(t, seed); }));
  }
  for (auto& v : visitors) get(v, "a thread that is recorded");
  std::cout << told.recorded << " histories, " << told.calls << " steps, of which " << told.met_another
            << " met one of another thread\n";
  return told;
}

/// For the message of a failure: each call in the order of its first stamp.
template <typename Call>
std::string to_string(const history<Call>& of) {
  std::vector<std::pair<recorded<Call>, std::size_t>> all;
  for (std::size_t t = 0; t < of.size(); ++t) {
    for (const auto& call : of[t]) all.emplace_back(call, t);
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first.called < b.first.called; });
  std::string text;
  for (const auto& [call, thread] : all) {
    text += '[' + std::to_string(call.called) + ", " + std::to_string(call.returned) + "] thread " +
            std::to_string(thread) + ": " + to_string(call.what) + '\n';
  }
  return text;
}

}  // namespace weir::testing
