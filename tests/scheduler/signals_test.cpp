// Signals: weir's threads block all asynchronous ones, so that the host's handlers run on the host's threads.
#include <csignal>
#include <cstring>
#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>
#include <weir/weir.hpp>

#include "support/event.hpp"
#include "support/pools.hpp"
#include "support/watched_clock.hpp"

namespace {

using namespace std::chrono_literals;

sigset_t mask_of_this_thread() {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return mask;
}

void expect_asynchronous_blocked(const sigset_t& mask, const char* where) {
  for (const int signal :
       {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCHLD, SIGPIPE, SIGPROF, SIGRTMIN}) {
    EXPECT_EQ(sigismember(&mask, signal), 1) << where << ": " << strsignal(signal);
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT}) {
    EXPECT_EQ(sigismember(&mask, signal), 0) << where << ": " << strsignal(signal);
  }
}

TEST(PoolSignals, WorkersBlockTheAsynchronousOnes) {
  weir::pool pool({.workers = 1});
  expect_asynchronous_blocked(*pool.run({}, mask_of_this_thread), "worker");
}

TEST(PoolSignals, SoDoesTheClockThread) {
  weir::testing::watched_clock clock;
  weir::pool pool({.workers = 1, .clock = &clock});
  sigset_t mask{};
  weir::testing::event running, called;
  auto job = pool.try_submit({.deadline = weir::within(1ms, clock)}, [&](weir::stop_token stop) {
    const weir::stop_callback on_stop(stop, [&] {
      mask = mask_of_this_thread();
      called.set();
    });
    running.set();
    called.await("the callback on the clock thread");
  });
  running.await("the task");
  clock.await_sleepers(1);
  clock.advance(1ms);
  job->get();
  expect_asynchronous_blocked(mask, "clock thread");
}

TEST(PoolSignals, TheCallersMaskIsAsItWas) {
  sigset_t before = mask_of_this_thread();
  sigset_t own = before;
  sigaddset(&own, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &own, nullptr);
  {
    weir::pool pool({.workers = 2});
    const sigset_t now = mask_of_this_thread();
    for (int signal = 1; signal < SIGRTMIN; ++signal)
      EXPECT_EQ(sigismember(&now, signal), sigismember(&own, signal)) << signal;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

TEST(PoolSignals, AHandlerOfTheHostRunsOnTheHostsThread) {
  static pthread_t handled_on;
  static volatile std::sig_atomic_t handled;
  handled = 0;
  struct sigaction action {};
  struct sigaction before {};
  action.sa_handler = [](int) {
    handled_on = pthread_self();
    handled = 1;
  };
  ASSERT_EQ(sigaction(SIGUSR1, &action, &before), 0);
  weir::pool pool({.workers = 4});
  ASSERT_EQ(kill(getpid(), SIGUSR1), 0);
  weir::testing::eventually("the handler", [&] { return handled == 1; });
  EXPECT_NE(pthread_equal(handled_on, pthread_self()), 0);
  ASSERT_EQ(sigaction(SIGUSR1, &before, nullptr), 0);
}

}  // namespace
