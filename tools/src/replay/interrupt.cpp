#include "interrupt.hpp"

#include <unistd.h>
#include <utility>

namespace weir::tools {

namespace {

// When the first interrupt came, in nanoseconds of the steady clock; 0: none has. Writers: the signal handler, on any
// thread; the construction of a watch. Readers: all.
// (1) request: relaxed, since a request publishes nothing but itself.
detail::atomic<std::int64_t> first_at{0};

// Counts what those who sleep here must look at. Writers: the signal handler, the destructor of on_interrupt. Readers:
// the threads of on_interrupt, which sleep on it.
// (2) change: release addition -> acquire load by a sleeper; publishes first_at and over_.
detail::atomic<std::uint32_t> changes{0};

static_assert(detail::atomic<std::int64_t>::is_always_lock_free && detail::atomic<std::uint32_t>::is_always_lock_free,
              "a signal handler may not wait for a lock");

void wake_sleepers() noexcept {
  changes.fetch_add(1, detail::memory_order_release);  // (2)
  detail::futex_wake(&changes, detail::wake_all);
}

void on_signal(int) {
  const std::int64_t now = std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  std::int64_t first = 0;
  if (first_at.compare_exchange_strong(first, now, detail::memory_order_relaxed,
                                       detail::memory_order_relaxed)) {  // (1)
    wake_sleepers();
    return;
  }
  if (now - first < std::chrono::nanoseconds(same_interrupt).count()) return;
  constexpr char message[] = "\nweir: interrupted twice, ended without a report\n";
  [[maybe_unused]] const auto ignored = ::write(STDERR_FILENO, message, sizeof message - 1);
  ::_exit(130);
}

void take_over(int signal, struct sigaction& before) {
  ::sigaction(signal, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(signal, &action, nullptr);  // no SA_RESTART: the submitter's sleep ends
}

}  // namespace

interrupt_watch::interrupt_watch() {
  first_at.store(0, detail::memory_order_relaxed);  // (1)
  take_over(SIGINT, before_int_);
  take_over(SIGTERM, before_term_);
}

interrupt_watch::~interrupt_watch() {
  ::sigaction(SIGINT, &before_int_, nullptr);
  ::sigaction(SIGTERM, &before_term_, nullptr);
}

bool interrupt_watch::interrupted() noexcept { return first_at.load(detail::memory_order_relaxed) != 0; }  // (1)

on_interrupt::on_interrupt(std::function<void()> what) : what_(std::move(what)), thread_([this] { sleep_and_do(); }) {}

on_interrupt::~on_interrupt() {
  over_.store(1, detail::memory_order_relaxed);  // (1)
  wake_sleepers();
  thread_.join();
}

void on_interrupt::sleep_and_do() {
  for (;;) {
    const std::uint32_t seen = changes.load(detail::memory_order_acquire);  // (2)
    if (over_.load(detail::memory_order_relaxed) != 0) return;              // (1)
    if (interrupt_watch::interrupted()) return what_();
    detail::futex_wait(changes, seen, std::chrono::nanoseconds(-1));
  }
}

}  // namespace weir::tools
