#include "interrupt.hpp"

#include <unistd.h>

#include <weir/queues/sync.hpp>

namespace weir::tools {

namespace {

// Interrupts so far. Writers: the signal handler, on any thread. Readers: all.
// (1) request: relaxed, since a request publishes nothing but itself; lock-free, which a handler needs.
detail::atomic<int> requests{0};
static_assert(detail::atomic<int>::is_always_lock_free);

void on_signal(int) {
  if (requests.fetch_add(1, detail::memory_order_relaxed) == 0) return;  // (1)
  constexpr char message[] = "\nweir: interrupted twice, ended without a report\n";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, message, sizeof message - 1);
  ::_exit(130);
}

}  // namespace

interrupt_watch::interrupt_watch() {
  requests.store(0, detail::memory_order_relaxed);  // (1)
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGINT, &action, &before_int_);  // no SA_RESTART: the submitter's sleep ends
  ::sigaction(SIGTERM, &action, &before_term_);
}

interrupt_watch::~interrupt_watch() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
}

bool interrupt_watch::interrupted() noexcept { return requests.load(detail::memory_order_relaxed) > 0; }  // (1)

}  // namespace weir::tools
