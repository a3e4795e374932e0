// A permit of weight 3, taken and given back: far from the limit, and where the room is just for one a thread; with the
// call that may wait, and does not; and the refusal, where nothing is free.
#include <weir/admission/weighted_semaphore.hpp>

#include "peer_semaphores.hpp"
#include "question.hpp"

namespace weir::perf {
namespace {

constexpr std::int64_t far_away = 1'000;

template <int threads, std::int64_t holders>
timed try_weir(std::int64_t each) {
  weighted_semaphore semaphore(holders * weight);
  return time_steps<threads>(each, [&] { return semaphore.try_acquire(weight).has_value(); });
}

template <int threads, std::int64_t holders>
timed try_mutex(std::int64_t each) {
  mutex_semaphore semaphore(holders * weight);
  return time_steps<threads>(each, [&] {
    const bool granted = semaphore.try_acquire(weight);
    if (granted) semaphore.release(weight);
    return granted;
  });
}

template <int threads, std::int64_t holders>
timed try_std(std::int64_t each) {
  std_semaphore semaphore(holders);
  return time_steps<threads>(each, [&] {
    const bool granted = try_acquire_surely(semaphore);
    semaphore.release();
    return granted;
  });
}

template <int threads>
timed acquire_weir(std::int64_t each) {
  weighted_semaphore semaphore(far_away * weight);
  return time_steps<threads>(each, [&] { return semaphore.acquire(weight).has_value(); });
}

template <int threads>
timed acquire_mutex(std::int64_t each) {
  mutex_semaphore semaphore(far_away * weight);
  return time_steps<threads>(each, [&] {
    semaphore.acquire(weight);
    semaphore.release(weight);
    return true;
  });
}

template <int threads>
timed acquire_std(std::int64_t each) {
  std_semaphore semaphore(far_away);
  return time_steps<threads>(each, [&] {
    semaphore.acquire();
    semaphore.release();
    return true;
  });
}

template <int threads>
timed refuse_weir(std::int64_t each) {
  weighted_semaphore semaphore(weight);
  const auto held = semaphore.try_acquire(weight);
  return time_steps<threads>(each, [&] { return !semaphore.try_acquire(weight).has_value(); });
}

template <int threads>
timed refuse_mutex(std::int64_t each) {
  mutex_semaphore semaphore(weight);
  require(semaphore.try_acquire(weight), "the first permit");
  return time_steps<threads>(each, [&] { return !semaphore.try_acquire(weight); });
}

template <int threads>
timed refuse_std(std::int64_t each) {
  std_semaphore semaphore(0);
  return time_steps<threads>(each, [&] { return !semaphore.try_acquire(); });
}

}  // namespace

void add_permits(rows& to) {
  to.insert(to.end(),
            {{"permit", "weir", 1, try_weir<1, far_away>},     {"permit", "mutex", 1, try_mutex<1, far_away>},
             {"permit", "std", 1, try_std<1, far_away>},       {"permit", "weir", 2, try_weir<2, far_away>},
             {"permit", "mutex", 2, try_mutex<2, far_away>},   {"permit", "std", 2, try_std<2, far_away>},
             {"permit_near", "weir", 2, try_weir<2, 2>},       {"permit_near", "mutex", 2, try_mutex<2, 2>},
             {"permit_near", "std", 2, try_std<2, 2>},         {"permit_acquire", "weir", 1, acquire_weir<1>},
             {"permit_acquire", "mutex", 1, acquire_mutex<1>}, {"permit_acquire", "std", 1, acquire_std<1>},
             {"permit_acquire", "weir", 2, acquire_weir<2>},   {"permit_acquire", "mutex", 2, acquire_mutex<2>},
             {"permit_acquire", "std", 2, acquire_std<2>},     {"permit_refused", "weir", 1, refuse_weir<1>},
             {"permit_refused", "mutex", 1, refuse_mutex<1>},  {"permit_refused", "std", 1, refuse_std<1>},
             {"permit_refused", "weir", 2, refuse_weir<2>},    {"permit_refused", "mutex", 2, refuse_mutex<2>},
             {"permit_refused", "std", 2, refuse_std<2>}});
}

}  // namespace weir::perf
