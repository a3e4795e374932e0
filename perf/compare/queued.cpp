// A grant to a task that is queued at a limit of one, when the one before it ends, and the task's run: from the first
// to the last of tasks that all wait when it begins. One thread runs them, so that none has to be woken for a grant.
#include <weir/scheduler/pool.hpp>

#include <oneapi/tbb/flow_graph.h>
#include <oneapi/tbb/task_arena.h>

#include "question.hpp"

namespace weir::perf {
namespace {

timed queued_weir(std::int64_t each) {
  // (1) open: release store by who asks -> acquire load by the task that holds the door.
  detail::atomic<bool> open{false};
  // (2) ended: release store by the last task -> acquire load by who asks; publishes what the tasks counted.
  detail::atomic<bool> ended{false};
  std::int64_t ran = 0;
  double from = 0;
  double to = 0;
  pool pool({.workers = 1, .limits = {.max_tasks = 1, .max_waiters = each}});
  require(pool.post({},
                    [&open] {
                      while (!open.load(detail::memory_order_acquire)) std::this_thread::yield();  // (1)
                    })
              .has_value(),
          "the first task");
  const auto body = [&] {
    if (++ran == 1) from = cpu_seconds();
    if (ran < each) return;
    to = cpu_seconds();
    ended.store(true, detail::memory_order_release);  // (2)
  };
  for (std::int64_t k = 0; k < each; ++k) require(pool.post({}, body).has_value(), "a place in the line");
  open.store(true, detail::memory_order_release);  // (1)
  await(
      "the queued tasks", [&] { return ended.load(detail::memory_order_acquire); }, nap);  // (2)
  require(ran == each, "each queued task once");
  return {to - from, each - 1};
}

timed queued_tbb(std::int64_t each) {
  namespace flow = oneapi::tbb::flow;
  oneapi::tbb::task_arena arena(1);  // this thread alone, which runs nothing before it waits
  double seconds = 0;
  std::int64_t ran = 0;
  arena.execute([&] {
    flow::graph graph;
    flow::queue_node<int> queue(graph);
    flow::limiter_node<int> limit(graph, 1);
    flow::function_node<int, flow::continue_msg> task(graph, flow::unlimited, [&ran](int) {
      ++ran;
      return flow::continue_msg();
    });
    flow::make_edge(queue, limit);
    flow::make_edge(limit, task);
    flow::make_edge(task, limit.decrementer());
    for (std::int64_t k = 0; k < each; ++k) require(queue.try_put(1), "a place in the line");
    require(ran == 0, "nothing before the start");
    const double begin = cpu_seconds();
    graph.wait_for_all();
    seconds = cpu_seconds() - begin;
  });
  require(ran == each, "each queued task once");
  return {seconds, each};
}

}  // namespace

void add_queued(rows& to) {
  to.insert(to.end(), {{"queued", "weir", 1, queued_weir}, {"queued", "tbb", 1, queued_tbb}});
}

}  // namespace weir::perf
