// What the hot operations cost. The tests hold each row exactly; perf/README.md shows them, and a test compares.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "counts.hpp"

namespace weir::cost {

/// What `times` operations cost together.
struct row {
  std::string_view operation;
  std::uint64_t times;
  counts whole;
};

// Of 61 looks for a task one starts at the injector, and one takes the oldest of the deque, without the owner's
// barrier. A worker takes 24 at a time from the injector; moodycamel's queue gives a consumer's turn on after 256
// items, and a block back after 32; a cache of frames is filled and emptied by 32. So the longer stretches are of as
// many tasks as all of these go into.
inline constexpr std::uint64_t look_period = 61;
inline constexpr std::uint64_t entry_period = 20 * 24 * 32;

// ---- forks, un-stolen: one worker

// Taking down the flag that says "a stop may be near", which each start of a task raises.
inline constexpr row first_fork{"first fork of a task, besides", 1, {.worker_rmws = 1}};

// The push finds nothing public, and makes the fork so: an addition, which needs no fence before the look for
// sleepers. The pop takes it back by a compare-and-swap.
inline constexpr row lone_fork{"fork and join, no other fork there", 1'000, 1'000 * counts{.worker_rmws = 2}};

// Something is public already: both ends stay private.
inline constexpr row nested_fork{"fork and join within a fork", 1'000, {}};

// Along the right spine, where the one public fork has just been joined: ten times what lone_fork costs.
inline constexpr row fib{"fib(20): 10,945 forks, in all", 1, {.worker_rmws = 20}};

// A 16th of a range is a leaf; before each block of it what is private is made public. The clock is read until the
// first 5 us are over, which are six readings by the clock of these tests.
inline constexpr row short_loop{"parallel_for of 65,536, in all", 1, {.worker_rmws = 55, .clock_reads = 6}};
inline constexpr row long_loop{"parallel_for of 1,048,576, in all", 1, {.worker_rmws = 63, .clock_reads = 6}};

// Of 256 parts: along the right spine eight times what lone_fork costs.
inline constexpr row reduction{"parallel_reduce of 65,536, in all", 1, {.worker_rmws = 16}};

// What run_in_task and short_loop cost; and of the worker's, the flag that first_fork takes down, raised again at the
// end, and that its forks are over.
inline constexpr row bulk_in_task{"bulk of 65,536 in a task, in all",
                                  1,
                                  {.pool_rmws = 2, .worker_rmws = 58, .task_rmws = 6, .locks = 2, .clock_reads = 6}};

// ---- forks, stolen: two workers, a thief that sleeps before and after, an owner that sleeps until the end

// The pool's: six changes of the word of idle: thief taken from the list, searching no more, owner asleep, owner taken
// from the list, thief searching, thief asleep. Workers': one fork made public, taken; the thief's flag raised and
// taken down; two looks into its own empty deque. The fork's: taken, awaited, done. Fences: of both
// who go to sleep. The clock: on both sides of each sleep, and six times in the 5 us that the owner looks
// first.
inline constexpr row stolen_fork{"stolen fork, both workers asleep and woken", 200,
                                 200 * counts{.pool_rmws = 6,
                                              .worker_rmws = 6,
                                              .task_rmws = 3,
                                              .fences = 2,
                                              .futex_waits = 2,
                                              .futex_wakes = 2,
                                              .locks = 4,
                                              .clock_reads = 10}};

// ---- tasks of tasks

// The pool's: the door's word. The worker's: its returns, its stripe of the count of submissions, the owner's barrier,
// and the exchange that decides about the last one; at the look for the oldest that one, and two that say that the ring
// is read. The task's: queued to running.
inline constexpr row post_in_task{
    "post in a task, and its run", look_period,
    look_period* counts{.pool_rmws = 1, .worker_rmws = 4, .task_rmws = 1, .fences = 1} + counts{.worker_rmws = 1}};

// Besides: the job keeps the pool (up and down), and the frame has two owners; the end is a transition that
// waiters see.
inline constexpr row get_in_task{
    "try_submit in a task, its run, and get", 100,
    100 * counts{.pool_rmws = 3, .worker_rmws = 4, .task_rmws = 5, .fences = 1, .clock_reads = 1}};

// No door. The two locks are those of the parent's stop, which is forwarded.
inline constexpr row run_in_task{"run in a task", 100, 100 * counts{.pool_rmws = 2, .task_rmws = 6, .locks = 2}};

// ---- groups

// The pool's: nothing, for as many as a stock holds; two for each 16 beyond, while they are queued. The worker's: its
// stock of units, down and up; the lock of its queue of children, to push and to take. The task's: the group's word, up
// and down; for all, that somebody waits.
inline constexpr row spawn_and_wait{
    "spawn in a task, and its run in wait", 30,
    30 * counts{.worker_rmws = 4, .task_rmws = 2, .fences = 1} + counts{.task_rmws = 1}};

// The task's: how many groups it has, up and down; that somebody waits.
inline constexpr row group_in_task{"task_group in a task, and its wait", 100, 100 * counts{.task_rmws = 3}};

// The pool's: the thief searches, and no more. The workers': the victim's lock, and the thief's own, to push the seven
// others at once and to take each; where its units go; its own empty deque. The tasks': the group's word, down. The
// fence: what was moved may be waited for.
inline constexpr row stolen_children{"steal of 8 children at once and their runs, each",
                                     8,
                                     {.pool_rmws = 2, .worker_rmws = 18, .task_rmws = 8, .fences = 1}};

// ---- tasks from outside

// The pool's: the door's word, pending; for every 32nd three more, to take a block of moodycamel's from its free list,
// and one for the lock to take frames; and one for each slab of them. The worker's: a stripe, here the submitter's.
inline constexpr row post{"post from outside, worker busy", entry_period,
                          entry_period* counts{.pool_rmws = 2, .worker_rmws = 1} +
                              entry_period / 32 * counts{.pool_rmws = 4} + counts{.pool_rmws = 18}};

// By 24. The pool's: for each batch two of moodycamel's queue, and pending; for each of its blocks of 32 that a batch
// takes from one, and two to give it back; for eleven batches one, for the next producer's turn; for every 32nd one for
// the lock to give frames back, and one for each slab of them. The worker's: its returns; the owner's barrier for each
// that comes out of its deque, and when that is empty; and the exchange that decides about the last one.
inline constexpr row run_posted{"run of what was posted from outside", entry_period,
                                entry_period* counts{.worker_rmws = 2, .task_rmws = 1} +
                                    entry_period / 24 * counts{.pool_rmws = 3, .worker_rmws = 1} +
                                    entry_period / 32 * counts{.pool_rmws = 3} + counts{.pool_rmws = 1'120 + 58 + 18}};

// One in so many of them, by pool_options::time_one_in. Its frame is one that keeps the pool, up and down, has owners,
// and says when it is done. The clock: the stamp; on both sides of the run. A job has all that but the latter anyway.
inline constexpr row timed_post{"post that is timed, besides", entry_period,
                                entry_period* counts{.pool_rmws = 1, .clock_reads = 1} + counts{.pool_rmws = 13}};
inline constexpr row run_timed{
    "run of a post that is timed, besides", entry_period,
    entry_period* counts{.pool_rmws = 1, .task_rmws = 2, .clock_reads = 2} + counts{.pool_rmws = 14}};
inline constexpr row timed_job{"try_submit that is timed, besides", 100, 100 * counts{.clock_reads = 2}};

// The pool's: the thief searches, and no more; once its cache is full, it gives frames back by 32. The workers': its
// returns, its own empty deque, the victim's top, and twice that the thief reads the ring.
inline constexpr row stolen_task{
    "steal of a task, and its run", 1'000,
    1'000 * counts{.pool_rmws = 2, .worker_rmws = 5, .task_rmws = 1} + counts{.pool_rmws = 30}};

// The post, of always the same frame, and the run one at a time: three of moodycamel's queue, pending; for every 32nd
// two, to give its block back, one to give frames back, and for every 256th one. And: the sleeper taken from the list,
// searching no more, searching, asleep again. The worker's: its returns, twice its empty deque. The fence of who goes
// to sleep, and the clock on both sides of the sleep.
inline constexpr row wake_up{"post to a worker that sleeps, its run, asleep again", entry_period,
                             post.whole - counts{.pool_rmws = 18} +
                                 entry_period* counts{.pool_rmws = 8,
                                                      .worker_rmws = 3,
                                                      .task_rmws = 1,
                                                      .fences = 1,
                                                      .futex_waits = 1,
                                                      .futex_wakes = 1,
                                                      .locks = 2,
                                                      .clock_reads = 2} +
                                 entry_period / 32 * counts{.pool_rmws = 3} +
                                 entry_period / 256 * counts{.pool_rmws = 1}};

// What stands between a worker that finds nothing and its sleep, by the clock of these tests, which moves on by a
// microsecond with each reading: every eighth look is one.
inline constexpr row search{"search for 20 us before a sleep", 1, {.clock_reads = 21}};

// The count of submissions, and that of refusals.
inline constexpr row pool_refusal{"try_submit, refused tasks_full", 100,
                                  100 * counts{.pool_rmws = 2, .clock_reads = 1}};
inline constexpr row post_refusal{"post, refused waiters_full", 100, 100 * counts{.pool_rmws = 2}};

// The count of submissions, the place, the line's lock twice, and the clock each time. The first one also draws the
// attention of the givers, and sets the bit. The memory is that of frames: six times 32 of them.
inline constexpr row post_wait{
    "post that begins to wait at the door", 96,
    96 * counts{.pool_rmws = 2, .locks = 2, .clock_reads = 2} + counts{.pool_rmws = 7, .fences = 1}};

// The pool's: husks, the door's word, the end that no worker counts. The task's: stopped, done.
inline constexpr row stop_queued{"request_stop of a queued task", 100, 100 * counts{.pool_rmws = 3, .task_rmws = 2}};

// And the flag of the forks of each worker, of which there is one.
inline constexpr row stop_running{
    "request_stop of a running task", 1, {.pool_rmws = 1, .worker_rmws = 1, .task_rmws = 1}};

// ---- the door alone, nobody else there

inline constexpr row limiter_grant{"limiter: grant", 1, {.pool_rmws = 1, .clock_reads = 1}};
inline constexpr row limiter_refusal{"limiter: refusal", 1, {.clock_reads = 1}};
inline constexpr row limiter_release{"limiter: release", 1, {.pool_rmws = 1}};
// The room as an attempt, the token, the attempt settled.
inline constexpr row rate_grant{"limiter with a rate: grant", 1, {.pool_rmws = 3, .clock_reads = 1}};
inline constexpr row rate_refusal{"limiter with a rate: refusal", 1, {.clock_reads = 1}};
// In the lock, with a time of its own.
inline constexpr row recorded_grant{
    "limiter with a flight recorder: grant", 1, {.pool_rmws = 1, .locks = 1, .clock_reads = 2}};
inline constexpr row recorded_refusal{"limiter with a flight recorder: refusal", 1, {.locks = 1, .clock_reads = 2}};
inline constexpr row recorded_release{
    "limiter with a flight recorder: release", 1, {.pool_rmws = 1, .locks = 1, .clock_reads = 1}};
inline constexpr row semaphore_grant{"weighted_semaphore: try_acquire", 1, {.pool_rmws = 1}};
inline constexpr row semaphore_wait{"weighted_semaphore: acquire, room there", 1, {.pool_rmws = 1}};
inline constexpr row semaphore_refusal{"weighted_semaphore: refusal", 1, {}};
inline constexpr row semaphore_release{"weighted_semaphore: release", 1, {.pool_rmws = 1}};
inline constexpr row far_grant{"weighted_semaphore far from its capacity: try_acquire", 1, {.worker_rmws = 1}};
inline constexpr row far_release{"weighted_semaphore far from its capacity: release", 1, {.worker_rmws = 1}};
// The place, and the state; the locks of the timer's heap and twice of the line; the clock for the look, the place and
// the line. The first one sets the bit.
inline constexpr row async_wait{
    "coroutine that begins to wait at a limiter", 32,
    32 * counts{.pool_rmws = 1, .task_rmws = 1, .locks = 3, .clock_reads = 3} + counts{.pool_rmws = 1}};
// What is given back, the grant, the place, and the state; the locks of the line and of the timer. Each goes on after
// the one before it has given back; at the end the bit is taken away, and the last one gives back.
inline constexpr row async_resumption{
    "release that lets a coroutine go on", 32,
    32 * counts{.pool_rmws = 3, .task_rmws = 1, .locks = 2, .clock_reads = 1} + counts{.pool_rmws = 2}};
inline constexpr row bucket_grant{"token_bucket: grant", 1, {.pool_rmws = 1, .clock_reads = 1}};
inline constexpr row bucket_refusal{"token_bucket: refusal", 1, {.clock_reads = 1}};
// It has to be known how far ahead callers are.
inline constexpr row bucket_first_grant_at{
    "token_bucket: grant at a caller's time, once a millisecond", 1, {.pool_rmws = 2}};
inline constexpr row bucket_grant_at{"token_bucket: grant at a caller's time", 1, {.pool_rmws = 1}};
inline constexpr row bucket_refusal_at{"token_bucket: refusal at a caller's time", 1, {}};

// ---- the clock by the time-stamp counter, whose reading counts as one of the clock

inline constexpr row tsc_now{"tsc_clock: now", 1, {.clock_reads = 1}};
// The lock, and the line. The steady clock, the counter, the steady clock.
inline constexpr row tsc_renewal{"tsc_clock: now, once in 0.8 ms, besides", 1, {.pool_rmws = 2, .clock_reads = 3}};
inline constexpr row tsc_sparse{"tsc_clock: now, where readings are sparse", 1, {.pool_rmws = 1, .clock_reads = 1}};
// The time told, the lock, and the line. The steady clock, and what a renewal reads.
inline constexpr row tsc_line{"tsc_clock: now, the second after a pause", 1, {.pool_rmws = 3, .clock_reads = 4}};

// ---- the door of a pool, by its workers

// Out of the worker's stock of units, and back.
inline constexpr row child{"child at the door: start and end", 1'000, 1'000 * counts{.worker_rmws = 2}};
// For every 16th a block, and its mark taken away. The other one's stock is full, so that it gives each one back as a
// return.
inline constexpr row child_of_another{"child at the door: start, and end by another worker", 16 * 64,
                                      16 * 64 * counts{.worker_rmws = 2} + 64 * counts{.pool_rmws = 2}};
inline constexpr row child_outside{"child at the door: start and end, by no worker", 1, {.pool_rmws = 2}};

inline constexpr std::array table = {&nested_fork,
                                     &lone_fork,
                                     &first_fork,
                                     &fib,
                                     &short_loop,
                                     &long_loop,
                                     &reduction,
                                     &bulk_in_task,
                                     &stolen_fork,
                                     &post_in_task,
                                     &get_in_task,
                                     &run_in_task,
                                     &spawn_and_wait,
                                     &group_in_task,
                                     &stolen_children,
                                     &post,
                                     &run_posted,
                                     &timed_post,
                                     &run_timed,
                                     &timed_job,
                                     &stolen_task,
                                     &wake_up,
                                     &search,
                                     &pool_refusal,
                                     &post_refusal,
                                     &post_wait,
                                     &stop_queued,
                                     &stop_running,
                                     &limiter_grant,
                                     &limiter_refusal,
                                     &limiter_release,
                                     &rate_grant,
                                     &rate_refusal,
                                     &recorded_grant,
                                     &recorded_refusal,
                                     &recorded_release,
                                     &semaphore_grant,
                                     &semaphore_wait,
                                     &semaphore_refusal,
                                     &semaphore_release,
                                     &far_grant,
                                     &far_release,
                                     &async_wait,
                                     &async_resumption,
                                     &bucket_grant,
                                     &bucket_refusal,
                                     &bucket_first_grant_at,
                                     &bucket_grant_at,
                                     &bucket_refusal_at,
                                     &tsc_now,
                                     &tsc_renewal,
                                     &tsc_sparse,
                                     &tsc_line,
                                     &child,
                                     &child_of_another,
                                     &child_outside};

}  // namespace weir::cost
