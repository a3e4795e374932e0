// Everything of weir, for users in a hurry.
#pragma once

#include <weir/admission/limiter.hpp>
#include <weir/admission/token_bucket.hpp>
#include <weir/admission/token_reservations.hpp>
#include <weir/admission/tsc_clock.hpp>
#include <weir/admission/weighted_semaphore.hpp>
#include <weir/scheduler/fork_join.hpp>
#include <weir/scheduler/isolate.hpp>
#include <weir/scheduler/latency_histogram.hpp>
#include <weir/scheduler/parallel_for.hpp>
#include <weir/scheduler/parallel_reduce.hpp>
#include <weir/scheduler/pool.hpp>
#include <weir/scheduler/stop_token.hpp>
#include <weir/scheduler/task_group.hpp>
#include <weir/scheduler/this_task.hpp>
