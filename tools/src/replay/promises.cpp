#include "promises.hpp"

#include <string>

namespace weir::tools {

namespace {

std::uint64_t difference(std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; }

promise at_most(std::string name, std::int64_t bound, std::int64_t seen, std::string text) {
  return {.name = std::move(name),
          .bound = static_cast<double>(bound),
          .seen = static_cast<double>(seen),
          .held = seen <= bound,
          .text = std::move(text)};
}

promise exactly(std::string name, std::uint64_t bound, std::uint64_t seen, std::string text) {
  return {.name = std::move(name),
          .bound = static_cast<double>(bound),
          .seen = static_cast<double>(seen),
          .held = seen == bound,
          .text = std::move(text)};
}

promise full_window(std::string name, const window& worst, std::string text) {
  return {.name = std::move(name), .bound = 1, .seen = worst.ratio, .held = !worst.broken, .text = std::move(text)};
}

// How often the books of the requests and those of the pool disagree.
std::uint64_t disagreements(const pool_result& seen) {
  const outcome& books = seen.books;
  return difference(books.submitted, seen.pool.submitted) + difference(books.admitted, seen.pool.admitted) +
         difference(seen.refused_on_return + seen.dropped, seen.pool.refused_in_all()) +
         difference(books.completed, seen.pool.completed) + difference(books.failed, seen.pool.failed) +
         difference(seen.stopped + seen.unstarted, seen.pool.cancelled + seen.pool.expired);
}

}  // namespace

std::vector<promise> judge(const run_plan& plan, const pool_result& seen) {
  const outcome& books = seen.books;
  std::vector<promise> all;
  if (plan.limits.max_tasks <= largest_max_tasks) {
    all.push_back(at_most("max_tasks", plan.limits.max_tasks, books.tasks_seen, "most live tasks"));
  }
  if (plan.limits.max_weight <= largest_max_weight) {
    all.push_back(at_most("max_weight", plan.limits.max_weight, books.weight_seen, "most admitted weight"));
  }
  if (plan.door != door_verb::try_submit) {
    all.push_back(at_most("max_waiters", plan.limits.max_waiters, books.waiters_seen, "most waiting at the door"));
  }
  if (seen.by_limiter) all.push_back(full_window("rate", *seen.by_limiter, "worst window, by the limiter's stamps"));
  if (seen.by_own_clock)
    all.push_back(full_window("rate_observed", *seen.by_own_clock, "worst window, by an own clock"));
  all.push_back(exactly("conservation", books.submitted, seen.refused_on_return + seen.dropped + books.admitted,
                        "submitted = admitted + refused"));
  all.push_back(exactly("outcomes", books.admitted, books.completed + books.failed + books.cancelled + books.expired,
                        "admitted = completed, failed, stopped"));
  all.push_back(exactly("exactly_once", 0, seen.violations + disagreements(seen), "second ends, lost ends, miscounts"));
  all.push_back(exactly("drained", 0, seen.left_open + static_cast<std::uint64_t>(seen.shutdown.live),
                        "left after the shutdown"));
  return all;
}

}  // namespace weir::tools
