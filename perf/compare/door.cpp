// What a pool's door does: one thread acquires, others give back. It hands permits of weight 3 to two rings in turn,
// which a thread each drains. The room is for more than the rings hold, so that nothing is refused. "bare" hands over
// without a semaphore: what the rings and the guards take.
#include <weir/admission/weighted_semaphore.hpp>

#include <array>
#include <utility>

#include "peer_semaphores.hpp"
#include "question.hpp"
#include "ring.hpp"

namespace weir::perf {
namespace {

constexpr std::int64_t holders = 200'000;

// What a careful user of a peer hands on: who gave it, how much and when, given back once. As long as weir's permit,
// since the lines that the rings move are most of what is measured.
template <typename Semaphore>
class guard {
 public:
  guard() = default;
  explicit guard(Semaphore& of) : of_(&of) {}
  guard(guard&& other) noexcept
      : of_(std::exchange(other.of_, nullptr)), weight_(other.weight_), admitted_at_(other.admitted_at_) {}
  guard& operator=(guard&& other) noexcept {
    give_back();
    of_ = std::exchange(other.of_, nullptr);
    weight_ = other.weight_;
    admitted_at_ = other.admitted_at_;
    return *this;
  }
  ~guard() { give_back(); }

  explicit operator bool() const { return of_ != nullptr; }

 private:
  void give_back() {
    if (of_ != nullptr) std::exchange(of_, nullptr)->give_back(weight_);
  }

  Semaphore* of_ = nullptr;
  std::int64_t weight_ = weight;
  time_point admitted_at_{};
};

template <typename Permits>
struct guarded {
  using held = guard<Permits>;
  held enter() { return permits.take() ? held(permits) : held(); }
  Permits permits;
};

struct weir_permits {
  using held = permit;
  held enter() { return semaphore.try_acquire(weight).value(); }
  weighted_semaphore semaphore{holders * weight};
};

struct no_permits {
  static bool take() { return true; }
  static void give_back(std::int64_t) {}
};

struct mutex_permits {
  bool take() { return semaphore.try_acquire(weight); }
  void give_back(std::int64_t held) { semaphore.release(held); }
  mutex_semaphore semaphore{holders * weight};
};

struct std_permits {
  bool take() { return try_acquire_surely(semaphore); }
  void give_back(std::int64_t) { semaphore.release(); }
  std_semaphore semaphore{holders};
};

// `each` permits for each of the two that drain.
template <typename Door>
timed pass_on(std::int64_t each) {
  Door door;
  std::array<ring<typename Door::held>, 2> rings;
  timed taken = time_of(3, each, [&](int thread) {
    std::int64_t right = 0;
    for (std::int64_t k = 0; k < each; ++k) {
      if (thread == 0) {
        for (auto& ring : rings) ring.put(door.enter());
        ++right;
      } else {
        right += rings[static_cast<std::size_t>(thread - 1)].take() ? 1 : 0;  // and its destructor gives it back
      }
    }
    return right;
  });
  taken.operations = 2 * each;
  return taken;
}

}  // namespace

void add_door(rows& to) {
  to.insert(to.end(), {{"door", "weir", 3, pass_on<weir_permits>},
                       {"door", "mutex", 3, pass_on<guarded<mutex_permits>>},
                       {"door", "std", 3, pass_on<guarded<std_permits>>},
                       {"door", "bare", 3, pass_on<guarded<no_permits>>}});
}

}  // namespace weir::perf
