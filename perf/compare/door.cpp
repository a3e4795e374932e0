// What a pool's door does: one thread acquires, others give back. It hands permits of weight 3 to two rings in turn,
// which a thread each drains. The room is for more than the rings hold, so that nothing is refused. "bare" hands over
// without a semaphore: what the rings take.
#include <weir/admission/weighted_semaphore.hpp>

#include <array>

#include "peer_semaphores.hpp"
#include "question.hpp"
#include "ring.hpp"

namespace weir::perf {
namespace {

constexpr std::int64_t holders = 200'000;

struct bare_door {
  using held = std::int64_t;
  held enter() { return weight; }
  bool leave(held back) { return back == weight; }
};

struct weir_permits {
  using held = permit;
  held enter() { return semaphore.try_acquire(weight).value(); }
  bool leave(held back) { return static_cast<bool>(back); }  // its destructor gives it back
  weighted_semaphore semaphore{holders * weight};
};

struct mutex_permits {
  using held = std::int64_t;
  held enter() { return semaphore.try_acquire(weight) ? weight : 0; }
  bool leave(held back) {
    semaphore.release(back);
    return back == weight;
  }
  mutex_semaphore semaphore{holders * weight};
};

struct std_permits {
  using held = std::int64_t;
  held enter() { return try_acquire_surely(semaphore) ? weight : 0; }
  bool leave(held back) {
    semaphore.release();
    return back == weight;
  }
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
        right += door.leave(rings[static_cast<std::size_t>(thread - 1)].take()) ? 1 : 0;
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
                       {"door", "mutex", 3, pass_on<mutex_permits>},
                       {"door", "std", 3, pass_on<std_permits>},
                       {"door", "bare", 3, pass_on<bare_door>}});
}

}  // namespace weir::perf
