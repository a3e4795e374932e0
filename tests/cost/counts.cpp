// Whose line a read-modify-write is on, by the place in weir's source that does it; and the program's operator new.
#include "counts.hpp"

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <string_view>

#include <weir/queues/sync.hpp>

namespace weir::cost {
namespace {

// Writers: all threads. Readers: tests, while nothing moves. Relaxed: numbers alone.
constinit std::array<detail::uncounted_atomic<std::uint64_t>, kinds> totals{};

std::string_view file_of(const std::source_location& at) noexcept {
  const std::string_view path = at.file_name();
  return path.substr(path.rfind('/') + 1);
}

struct owner {
  std::string_view file;
  std::string_view function;  // part of its name; empty: all of the file
  kind whose;
};

// The first line that fits.
constexpr owner owners[] = {
    {"life.cpp", "was_last_owner", kind::task_rmw},  // owners of a frame
    {"frame.hpp", "", kind::task_rmw},               // the same
    {"task_state.hpp", "", kind::task_rmw},
    {"fork_state.hpp", "", kind::task_rmw},
    {"run_context.cpp", "", kind::task_rmw},
    {"stop_token.hpp", "", kind::task_rmw},
    {"group_state.hpp", "", kind::task_rmw},           // a group's word: of the task that it is part of
    {"children.cpp", "launch_child", kind::pool_rmw},  // children of threads that are no workers
    {"children.cpp", "", kind::task_rmw},
    {"groups.cpp", "", kind::task_rmw},
    {"group.hpp", "", kind::task_rmw},
    {"group_wait.cpp", "", kind::task_rmw},
    {"steal_deque.hpp", "", kind::worker_rmw},  // the owner's barrier; the two ends of the deque
    {"fork_stack.hpp", "", kind::worker_rmw},   // the word of the stack
    {"stop_flag.hpp", "", kind::worker_rmw},
    {"word_lock.hpp", "keyed_queue", kind::worker_rmw},  // a worker's queue of children
    {"word_lock.hpp", "", kind::pool_rmw},               // the frames' memory, which the process has one of
    {"stop_count.hpp", "", kind::pool_rmw},
    {"striped_counter.hpp", "", kind::worker_rmw},
    {"latency_counts.hpp", "", kind::pool_rmw},  // of threads that are no workers
    {"task_timing.cpp", "", kind::pool_rmw},     // ids of pools
    {"core.cpp", "", kind::pool_rmw},            // counts of submissions and refusals
    {"core.hpp", "", kind::pool_rmw},            // users
    {"life.cpp", "", kind::pool_rmw},            // husks, ends outside of the workers
    {"idle.hpp", "", kind::pool_rmw},
    {"idle.cpp", "", kind::pool_rmw},
    {"clock_thread.cpp", "", kind::pool_rmw},
    {"stop_registry.cpp", "", kind::pool_rmw},
    {"thread_waiter.cpp", "", kind::task_rmw},
    {"async_wait.cpp", "", kind::task_rmw},
    {"timer_thread.cpp", "", kind::pool_rmw},
    {"injector.hpp", "", kind::pool_rmw},  // pending
    {"resume_list.hpp", "", kind::pool_rmw},
    {"concurrentqueue.h", "", kind::pool_rmw},
    {"capacity_word.hpp", "", kind::pool_rmw},
    {"task_word.hpp", "give_back_as", kind::worker_rmw},  // the returns of a giver
    {"task_word.hpp", "", kind::pool_rmw},
    {"child_stock.hpp", "::ask", kind::pool_rmw},  // who wants what is spare; all else is a giver's
    {"child_stock.hpp", "", kind::worker_rmw},
    {"credits.hpp", "", kind::worker_rmw},  // a CPU's
    {"gate.cpp", "", kind::pool_rmw},
    {"gate_line.cpp", "", kind::pool_rmw},
    {"counter_clock.hpp", "", kind::pool_rmw},
    {"token_bucket.hpp", "", kind::pool_rmw},
    {"token_bucket.cpp", "", kind::pool_rmw},
};

}  // namespace

void add(kind k) noexcept { totals[static_cast<std::size_t>(k)].fetch_add(1, detail::memory_order_relaxed); }

counts so_far() noexcept {
  counts c;
  for (std::size_t i = 0; i < kinds; ++i) c.*fields[i] = totals[i].load(detail::memory_order_relaxed);
  return c;
}

bool is_of_the_test(const std::source_location& at) noexcept {
  const std::string_view file = file_of(at);
  return file == "event.hpp" || file.ends_with("_cost.cpp");
}

void note_rmw(const std::source_location& at) noexcept {
  const std::string_view file = file_of(at);
  for (const owner& o : owners) {
    if (o.file != file || std::string_view(at.function_name()).find(o.function) == std::string_view::npos) continue;
    add(o.whose);
    return;
  }
  if (is_of_the_test(at)) return;
  std::fprintf(stderr, "%s:%u: whose line is this read-modify-write on? Say so in tests/cost/counts.cpp\n",
               at.file_name(), at.line());
  std::abort();
}

void* allocate(std::size_t size, std::size_t alignment) noexcept {
  add(kind::allocation);
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

}  // namespace weir::cost

namespace {

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
  void* const memory = weir::cost::allocate(size, alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The forms for arrays and the ones that do not throw come here by the standard library's own definitions.
void* operator new(std::size_t size) { return allocate_or_throw(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
