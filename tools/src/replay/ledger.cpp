#include "ledger.hpp"

#include <algorithm>

namespace weir::tools {

namespace {

std::chrono::nanoseconds quantile_of(const time_histogram& histogram, double q) noexcept {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(histogram.quantile(q)));
}

}  // namespace

times times_of(const time_histogram& histogram) noexcept {
  return {.p50 = quantile_of(histogram, 0.5),
          .p99 = quantile_of(histogram, 0.99),
          .p999 = quantile_of(histogram, 0.999),
          .max = std::chrono::nanoseconds(static_cast<std::int64_t>(histogram.max()))};
}

ledger::ledger(const settings& with)
    : settings_(with), latency_(std::make_unique<time_histogram>()), queue_(std::make_unique<time_histogram>()) {
  for (auto& third : latency_by_third_) third = std::make_unique<time_histogram>();
  if (with.stamps > 0) stamps_ = std::make_unique<stamp_log>(with.stamps);
}

void ledger::add_and_track(shared<std::int64_t>& value, std::int64_t by, shared<std::int64_t>& most) noexcept {
  const std::int64_t now = value.fetch_add(by, detail::memory_order_relaxed) + by;  // (1)
  std::int64_t seen = most.load(detail::memory_order_relaxed);                      // (1)
  while (seen < now &&
         !most.compare_exchange_weak(seen, now, detail::memory_order_relaxed, detail::memory_order_relaxed)) {  // (1)
  }
}

void ledger::submitted(const entry& who) noexcept {
  count(submitted_);
  if (who.heavy) count(heavy_submitted_);
}

void ledger::refused_on_return(refusal_reason why) noexcept { count(refused_[static_cast<std::size_t>(why)]); }

void ledger::admitted(const entry& who, time_point stamp, time_point now) noexcept {
  count(admitted_);
  if (who.heavy) count(heavy_admitted_);
  add_and_track(live_, 1, live_most_);
  add_and_track(weight_, who.weight, weight_most_);
  if (stamps_) stamps_->add(stamp - settings_.start, now - settings_.start);
}

void ledger::started(const entry& who, time_point now) noexcept { queue_->record(now - who.intended); }

void ledger::completed(const entry& who, time_point now, std::chrono::nanoseconds asked,
                       std::chrono::nanoseconds took) noexcept {
  work_asked_.fetch_add(asked.count(), detail::memory_order_relaxed);  // (1)
  work_took_.fetch_add(took.count(), detail::memory_order_relaxed);    // (1)
  const std::chrono::nanoseconds latency = now - who.intended;
  latency_->record(latency);
  const std::int64_t span = std::max<std::int64_t>(settings_.arrivals.count() / 3 + 1, 1);
  const std::int64_t third = std::clamp<std::int64_t>((who.intended - settings_.start).count() / span, 0, 2);
  latency_by_third_[static_cast<std::size_t>(third)]->record(latency);
  if (settings_.deadline && latency > *settings_.deadline) return;
  count(in_time_);
  in_time_weight_.fetch_add(who.weight, detail::memory_order_relaxed);  // (1)
}

void ledger::ended(const entry& who, ending how) noexcept {
  count(endings_[static_cast<std::size_t>(how)]);
  if (how == ending::dropped) return;
  weight_.fetch_sub(who.weight, detail::memory_order_relaxed);  // (1)
  live_.fetch_sub(1, detail::memory_order_relaxed);             // (1)
}

std::uint64_t ledger::refusals_on_return() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& counter : refused_) sum += read(counter);
  return sum;
}

std::uint64_t ledger::refusals_on_return(refusal_reason why) const noexcept {
  return read(refused_[static_cast<std::size_t>(why)]);
}

std::uint64_t ledger::open() const noexcept {
  std::uint64_t over = refusals_on_return();
  for (const auto& counter : endings_) over += read(counter);
  return submitted() - over;
}

std::chrono::nanoseconds ledger::queue_p99() const noexcept { return quantile_of(*queue_, 0.99); }

outcome ledger::summary() const {
  outcome all;
  all.submitted = submitted();
  all.admitted = admitted();
  for (std::size_t i = 0; i < refusal_reason_count; ++i) all.refused[i] = read(refused_[i]);
  all.completed = ended(ending::completed);
  all.failed = ended(ending::failed);
  all.in_time = read(in_time_);
  all.in_time_weight = read(in_time_weight_);
  all.tasks_seen = live_most_.load(detail::memory_order_relaxed);                             // (1)
  all.weight_seen = weight_most_.load(detail::memory_order_relaxed);                          // (1)
  all.work_asked = std::chrono::nanoseconds(work_asked_.load(detail::memory_order_relaxed));  // (1)
  all.work_took = std::chrono::nanoseconds(work_took_.load(detail::memory_order_relaxed));    // (1)
  all.heavy_submitted = read(heavy_submitted_);
  all.heavy_admitted = read(heavy_admitted_);
  all.latency = times_of(*latency_);
  all.queue = times_of(*queue_);
  for (std::size_t i = 0; i < latency_by_third_.size(); ++i)
    all.latency_by_third[i] = quantile_of(*latency_by_third_[i], 0.5);
  return all;
}

}  // namespace weir::tools
