// What is seen while a run goes on: one live line on a terminal, a plain line every two seconds elsewhere.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <weir/admission/refusal.hpp>
#include <weir/queues/mutex.hpp>

namespace weir::tools {

/// The run at one moment.
struct progress_sample {
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds arrivals_end{};  ///< when the last arrival is due
  std::uint64_t submitted = 0;
  std::uint64_t admitted = 0;
  std::array<std::uint64_t, refusal_reason_count> refused{};
  std::int64_t live_tasks = 0;
  std::int64_t max_tasks = 0;
  std::chrono::nanoseconds queue_p99{};
};

struct progress_style {
  std::string name = {};   ///< what runs
  std::size_t width = 80;  ///< columns of the terminal; the line stays below
  bool colour = false;
};

/// The line for a terminal: a bar, the time to go, and rates since `before`. What does not fit is left out from the
/// end, never cut in the middle. Without escape sequences but those of colour.
[[nodiscard]] std::string live_line(const progress_sample& now, const progress_sample& before,
                                    const progress_style& style);

/// The line for a file or a pipe.
[[nodiscard]] std::string plain_line(const progress_sample& now, const progress_sample& before,
                                     const progress_style& style);

/// Prints lines on standard error from a thread of its own, from construction to destruction. A live line is erased at
/// the end.
class progress {
 public:
  /// @param sample  asked for the present, on that thread.
  progress(std::string name, std::function<progress_sample()> sample);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

 private:
  void print_until_done();

  std::string name_;
  std::function<progress_sample()> sample_;
  bool terminal_;

  // 1 once the printing is to end. Writer: the destructor. Reader: the printing thread, which sleeps on it.
  // (1) done: relaxed, since the join that follows is what orders the two threads.
  detail::atomic<std::uint32_t> done_{0};
  std::thread thread_;
};

}  // namespace weir::tools
