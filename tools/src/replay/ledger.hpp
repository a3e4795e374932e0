// The books of one run, kept by the requests themselves and by the submitter, never by the pool: who was handed over,
// admitted, refused and ended, how many lived at once, and how long all took. Progress: lock-free.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include <weir/admission/clock.hpp>
#include <weir/admission/refusal.hpp>
#include <weir/queues/sync.hpp>

#include "histogram.hpp"
#include "outcome.hpp"
#include "stamp_log.hpp"

namespace weir::tools {

/// How the life of a request's callable ended, as its probe saw it.
enum class ending : std::uint8_t {
  dropped,    ///< refused while it waited at the door
  unstarted,  ///< admitted, and destroyed before its work began
  completed,  ///< ran to its end
  failed,     ///< threw
  stopped,    ///< began, was asked to stop, and left
};
inline constexpr std::size_t ending_count = 5;

/// A request as the books know it.
struct entry {
  time_point intended;  ///< when it should arrive
  std::uint32_t weight = 0;
  bool heavy = false;  ///< above the ninth decile of the weights
};

class ledger {
 public:
  struct settings {
    time_point start;                                       ///< when the first arrival is due
    std::chrono::nanoseconds arrivals{};                    ///< the span of all arrivals, as they will be played
    std::optional<std::chrono::nanoseconds> deadline = {};  ///< from the intended arrival
    std::size_t stamps = 0;                                 ///< admissions whose times are kept; 0: none are
  };

  explicit ledger(const settings& with);

  // By the submitter.
  void submitted(const entry& who) noexcept;
  void refused_on_return(refusal_reason why) noexcept;

  // By the probe and the work, on any thread.
  void admitted(const entry& who, time_point stamp, time_point now) noexcept;
  void started(const entry& who, time_point now) noexcept;
  /// @param asked  the CPU time that its work was to take. @param took  how long it ran.
  void completed(const entry& who, time_point now, std::chrono::nanoseconds asked,
                 std::chrono::nanoseconds took) noexcept;
  void ended(const entry& who, ending how) noexcept;  ///< the callable is being destroyed
  void violation() noexcept {
    count(violations_);
  }  ///< what may never happen: granted or begun twice, touched when refused

  // Readable at any time; exact once all is over.
  [[nodiscard]] std::uint64_t submitted() const noexcept { return read(submitted_); }
  [[nodiscard]] std::uint64_t admitted() const noexcept { return read(admitted_); }
  [[nodiscard]] std::uint64_t refusals_on_return() const noexcept;
  [[nodiscard]] std::uint64_t refusals_on_return(refusal_reason why) const noexcept;
  [[nodiscard]] std::uint64_t ended(ending how) const noexcept { return read(endings_[static_cast<std::size_t>(how)]); }
  [[nodiscard]] std::int64_t live_tasks() const noexcept { return live_.load(detail::memory_order_relaxed); }     // (1)
  [[nodiscard]] std::int64_t live_weight() const noexcept { return weight_.load(detail::memory_order_relaxed); }  // (1)
  /// Requests handed over whose end has not come. For the submitter's thread: 0 means that all is over.
  [[nodiscard]] std::uint64_t open() const noexcept;
  [[nodiscard]] std::uint64_t violations() const noexcept { return read(violations_); }
  [[nodiscard]] std::chrono::nanoseconds queue_p99() const noexcept;

  /// Null where no stamps are kept.
  [[nodiscard]] stamp_log* stamps() noexcept { return stamps_.get(); }

  /// All that the books know of an outcome: not the name, the waiters, the reasons of those refused while waiting, why
  /// one was stopped, the lag, and the times of the whole run.
  [[nodiscard]] outcome summary() const;

 private:
  template <typename Number>
  using shared = detail::atomic<Number>;

  static std::uint64_t read(const shared<std::uint64_t>& counter) noexcept {
    return counter.load(detail::memory_order_relaxed);
  }  // (1)
  static void count(shared<std::uint64_t>& counter) noexcept {
    counter.fetch_add(1, detail::memory_order_relaxed);
  }  // (1)
  static void add_and_track(shared<std::int64_t>& value, std::int64_t by, shared<std::int64_t>& most) noexcept;

  settings settings_;

  // Counters of events, and sums of what lives, with the largest value that each addition gave.
  // Writers: the submitter, the threads that admit, run and destroy. Readers: the live line; the report, after all is
  // over.
  // (1) count: relaxed. A largest value is exact without an order: each addition returns its own place in the one order
  //     of the additions to that word. That no true maximum is overstated rests on what is counted: a callable adds
  //     itself after its grant and takes itself off before its permit goes back.
  shared<std::uint64_t> submitted_{0}, admitted_{0}, in_time_{0}, in_time_weight_{0}, heavy_submitted_{0},
      heavy_admitted_{0}, violations_{0};
  std::array<shared<std::uint64_t>, refusal_reason_count> refused_{};
  std::array<shared<std::uint64_t>, ending_count> endings_{};
  shared<std::int64_t> live_{0}, live_most_{0}, weight_{0}, weight_most_{0};
  shared<std::int64_t> work_asked_{0}, work_took_{0};  // nanoseconds, of what completed

  std::unique_ptr<time_histogram> latency_, queue_;
  std::array<std::unique_ptr<time_histogram>, 3> latency_by_third_;
  std::unique_ptr<stamp_log> stamps_;
};

/// The quantiles of a histogram of nanoseconds.
[[nodiscard]] times times_of(const time_histogram& histogram) noexcept;

}  // namespace weir::tools
