// One exploration: the threads of a scenario, who of them goes on at each point, and the loop over the schedules.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "checked.hpp"
#include "choices.hpp"
#include "explorer.hpp"
#include "fibre.hpp"
#include "seam.hpp"
#include "store_buffers.hpp"
#include "trace.hpp"
#include "views.hpp"

namespace model {

using mask = std::uint32_t;  // of threads
using time_point = std::chrono::steady_clock::time_point;

/// A thread of the scenario.
struct strand {
  enum class state : std::uint8_t { ready, sleeping, finished };

  explicit strand(std::size_t index);
  [[nodiscard]] mask bit() const { return mask{1} << index; }

  std::size_t index;
  std::string name;
  std::function<void()> body;
  fibre stack;

  state now = state::ready;
  bool fresh = true;             // chosen to start, and has not met a point yet
  operation next{};              // the one it stands before, or sleeps in
  bool is_vacant = false;        // for a thread that the source starts
  bool is_under_way = false;     // not over, and not vacant
  const bool* wanted = nullptr;  // what `next` waits for the end of: that a lock is held, or a thread under way
  const void* word = nullptr;    // sleeping on
  std::optional<time_point> due;

  // Fairness. Who pauses waits until another thread has moved, and if it pauses twice while some thread could run all
  // the time and did not, until that one has: otherwise two spinning threads starve the third, on which they wait.
  bool paused = false;
  mask could_run = 0;  // at the last pause
  mask moved = 0;      // since the last pause
  mask waits_for = 0;  // to move
};

class engine {
 public:
  explicit engine(const options& chosen);

  result explore(const std::function<void(scenario&)>& setup, choices source);

  // For the scenario.
  void add(std::string name, std::function<void()> body);
  void add_room(std::string name);
  void finally(std::function<void()> check) { finally_ = std::move(check); }
  void label(std::string name, const void* object, std::size_t size) { trace_.label(std::move(name), object, size); }
  void advance(std::chrono::nanoseconds by) { clock_ += by; }

  /// Ends the execution with this failure: first say it, then stop. Apart, since what is alive on a fibre's stack at
  /// the stop is never destroyed.
  void say(std::string failure) { failure_ = std::move(failure); }
  [[noreturn]] void stop();

  // For the seam.
  void point(const operation& next);
  void fence(const operation& now);
  void note(std::uint64_t before, std::uint64_t after) { trace_.note(before, after); }
  void acquire(bool& held, const operation& next);
  void sleep(const void* word, std::chrono::nanoseconds timeout);
  void wake(const void* word, int count);
  std::uint32_t begin_thread(std::function<void()> body);
  void join_thread(std::uint32_t number, const std::source_location& where);
  [[nodiscard]] std::uint32_t this_thread() const {
    return running_ != nullptr ? static_cast<std::uint32_t>(running_->index + 1) : 0;
  }
  int choose(int count);
  bool weak_failure();
  const pending_write* before_load(const void* object);
  bool before_update(const operation& next);
  void delay(const pending_write& w);
  void flush() { buffers_.flush(running_->index); }
  void forget(const void* object);

  // For the seam, with views.
  std::uint64_t load(const operation& now, std::uint64_t bits);
  void store(const operation& now, std::uint64_t bits, std::uint64_t after);
  void update(const operation& now, std::uint64_t bits, std::uint64_t after);
  bool compare_exchange(const operation& now, memory_order failure, std::uint64_t bits, std::uint64_t& expected,
                        std::uint64_t desired, bool weak);
  void look(const void* word, std::uint64_t bits) { views_.look(running_->index, word, bits); }
  void locked(const void* mutex) { views_.lock(running_->index, mutex); }
  void unlocking(const void* mutex) { views_.unlock(running_->index, mutex); }
  void made(const void* object, std::uint64_t bits) { views_.made(running_->index, object, bits); }
  void check_use(uses& of, use_kind how, const std::source_location& where);

  [[nodiscard]] bool in_a_thread() const { return running_ != nullptr; }
  [[nodiscard]] time_point now() const { return clock_; }

  static void run(void* self);

 private:
  /// A way to go on: a thread, which may have to be woken for it.
  struct step {
    enum class by : std::uint8_t { itself, spurious_wake, timeout, timeout_for_free };
    strand* who;
    by how;
  };

  void execute(const std::function<void(scenario&)>& setup);
  void abandon();
  void finish();
  [[nodiscard]] bool must_go_on() const;
  strand* decide();
  void list_steps(bool going_on, mask runnable, mask eligible);
  void list_timeouts();
  strand* start(const step& chosen);
  void resume(strand* next);
  void pause(strand& self, mask runnable);
  [[nodiscard]] mask runnable() const;
  [[nodiscard]] mask eligible(mask runnable) const;
  [[nodiscard]] std::string who_waits();
  void describe(result& r);
  [[nodiscard]] bool is_weakened(const operation& what) const;
  int choose_missed(int most);
  void fence_by_view(const operation& now);
  operation as_weakened(const operation& now);
  std::vector<std::size_t> readable(const operation& load, std::uint64_t bits);
  std::size_t choose_store(const std::vector<std::size_t>& readable);
  void must_be_made(const operation& now);
  [[noreturn]] void race(const std::string& what);

  const options& options_;
  std::optional<choices> choices_;
  fibre main_;
  std::vector<std::unique_ptr<strand>> strands_;  // re-used from schedule to schedule
  std::size_t threads_ = 0;                       // the first of them are in this one
  std::function<void()> finally_;
  std::string failure_;
  trace trace_;
  store_buffers buffers_;
  views views_;
  std::vector<operation> ordered_;  // one for each place in the source
  time_point clock_;

  strand* running_ = nullptr;
  std::vector<step> steps_;  // of one decision
  int operations_ = 0;
  int preemptions_ = 0;
  int spurious_wakes_ = 0;
  int timeouts_ = 0;
  int weak_failures_ = 0;
  int missed_stores_ = 0;
  int old_reads_ = 0;
};

/// The exploration under way, if any.
extern engine* active;

}  // namespace model
