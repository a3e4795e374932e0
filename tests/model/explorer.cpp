#include "explorer.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <random>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "checked.hpp"
#include "choices.hpp"
#include "engine.hpp"
#include "seam.hpp"

namespace model {
namespace {

result explore_with(const options& chosen, const std::function<void(scenario&)>& setup, choices source) {
  if (active != nullptr) throw std::logic_error("model: explore inside explore");
  if (chosen.memory == memory_model::views && chosen.missed_stores != 0) {
    throw std::invalid_argument("model: with views stores are not delayed, too: old reads show the same");
  }
  engine e(chosen);
  active = &e;
  result r = e.explore(setup, std::move(source));
  active = nullptr;
  return r;
}

/// The choices that WEIR_REPLAY asks for, if it names this scenario.
std::optional<std::string> replay_of(const options& chosen) {
  if (!chosen.replay.empty()) return chosen.replay;
  const char* const asked = std::getenv("WEIR_REPLAY");
  const std::string start = chosen.name + ':';
  if (asked == nullptr || !std::string_view(asked).starts_with(start)) return std::nullopt;
  return std::string(asked).substr(start.size());
}

std::uint64_t seed() {
  const char* const asked = std::getenv("WEIR_SEED");
  return asked != nullptr ? std::strtoull(asked, nullptr, 0) : std::random_device{}();
}

/// A failure with as few preemptions as possible is the easiest to read. Looks no longer than the failure took to find.
result with_fewest_preemptions(const options& chosen, const std::function<void(scenario&)>& setup, result found) {
  options smaller = chosen;
  smaller.max_schedules = 1000 + found.schedules;
  for (smaller.preemptions = 0; smaller.preemptions < chosen.preemptions; ++smaller.preemptions) {
    result r = explore_with(smaller, setup, choices::all());
    if (!r.passed()) return r;
  }
  return found;
}

}  // namespace

// ---- for tests

result explore(const options& chosen, const std::function<void(scenario&)>& setup) {
  const auto begin = std::chrono::steady_clock::now();
  result r;
  std::string how;
  if (const auto replay = replay_of(chosen)) {
    r = explore_with(chosen, setup, choices::given(*replay));
    r.complete = false;
    how = "replayed";
  } else if (chosen.random > 0) {
    const std::uint64_t used = seed();
    r = explore_with(chosen, setup, choices::random(used, chosen.preemptions));
    r.seed = used;
    how = "random, WEIR_SEED=" + std::to_string(used);
  } else {
    r = explore_with(chosen, setup, choices::all());
    how = r.complete ? "all" : r.passed() ? "stopped at the limit" : "stopped at the failure";
    if (!r.passed()) {
      const long schedules = r.schedules;
      r = with_fewest_preemptions(chosen, setup, std::move(r));
      r.schedules = schedules;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("[ model    ] %s: %ld schedules, at most %d preemptions and %d operations, %s, %.2f s%s%s\n",
              chosen.name.c_str(), r.schedules, chosen.preemptions, r.longest, how.c_str(), took.count(),
              r.passed() ? "" : "; failed: ", r.failure.c_str());
  return r;
}

void scenario::thread(std::string name, std::function<void()> body) { active->add(std::move(name), std::move(body)); }
void scenario::room_for_a_thread(std::string name) { active->add_room(std::move(name)); }
void scenario::finally(std::function<void()> check) { active->finally(std::move(check)); }
void scenario::label(std::string name, const void* object, std::size_t size) {
  active->label(std::move(name), object, size);
}

void check(bool condition, const char* text, std::source_location where) {
  if (condition) return;
  active->say(std::string(text) + " (" + place(where) + ')');
  active->stop();
}

int choose(int count) noexcept { return active->choose(count); }

void advance_clock(std::chrono::nanoseconds by, std::source_location where) noexcept {
  point({action::clock, memory_order_relaxed, nullptr, where});
  active->advance(by);
}

// ---- for the seam; outside the threads of a scenario everything happens at once

void point(const operation& next) noexcept {
  if (active != nullptr && active->in_a_thread()) active->point(next);
}

void note(std::uint64_t before, std::uint64_t after) noexcept {
  if (active != nullptr && active->in_a_thread()) active->note(before, after);
}

void fence(const operation& now) noexcept {
  if (active != nullptr && active->in_a_thread()) active->fence(now);
}

void acquire(bool& held, const operation& next) noexcept {
  if (active != nullptr) {
    active->acquire(held, next);
  } else {
    held = true;
  }
}

void sleep(const void* word, std::chrono::nanoseconds timeout) noexcept {
  if (active != nullptr) active->sleep(word, timeout);
}

void wake(const void* word, int count) noexcept {
  if (active != nullptr) active->wake(word, count);
}

bool weak_failure() noexcept { return active != nullptr && active->in_a_thread() && active->weak_failure(); }

const pending_write* before_load(const void* object) noexcept { return active->before_load(object); }

bool before_update(const operation& next) noexcept { return active->before_update(next); }

void delay(const pending_write& w) noexcept { active->delay(w); }

void flush() noexcept { active->flush(); }

void forget(const void* object) noexcept { active->forget(object); }

std::uint64_t load_by_view(const operation& now, std::uint64_t bits) noexcept { return active->load(now, bits); }

void store_by_view(const operation& now, std::uint64_t bits, std::uint64_t after) noexcept {
  active->store(now, bits, after);
}

void update_by_view(const operation& now, std::uint64_t bits, std::uint64_t after) noexcept {
  active->update(now, bits, after);
}

bool compare_exchange_by_view(const operation& now, memory_order failure, std::uint64_t bits, std::uint64_t& expected,
                              std::uint64_t desired, bool weak) noexcept {
  return active->compare_exchange(now, failure, bits, expected, desired, weak);
}

void look_by_view(const void* word, std::uint64_t bits) noexcept { active->look(word, bits); }

void lock_by_view(const void* mutex) noexcept { active->locked(mutex); }

void unlock_by_view(const void* mutex) noexcept { active->unlocking(mutex); }

void made(const void* object, std::uint64_t bits) noexcept { active->made(object, bits); }

void check_use(uses& of, use_kind how, std::source_location where) noexcept { active->check_use(of, how, where); }

std::uint32_t begin_thread(std::function<void()> body) {
  return active != nullptr ? active->begin_thread(std::move(body)) : 0;
}

void join_thread(std::uint32_t number, const std::source_location& where) noexcept {
  if (active != nullptr && number != 0) active->join_thread(number, where);
}

std::uint32_t this_thread() noexcept { return active != nullptr ? active->this_thread() : 0; }

std::chrono::steady_clock::time_point now() noexcept {
  return active != nullptr ? active->now() : std::chrono::steady_clock::time_point{};
}

}  // namespace model
