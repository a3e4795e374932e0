#include <weir/scheduler/latency_histogram.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

namespace weir {

void latency_histogram::make_room() {
  if (counts_.empty()) counts_.resize(buckets);
}

void latency_histogram::record(duration time) {
  make_room();
  ++counts_[index_of(time)];
  sum_ = added(sum_, std::max(time, duration::zero()));
}

latency_histogram& latency_histogram::operator+=(const latency_histogram& other) {
  if (other.is_empty()) return *this;
  make_room();
  for (std::size_t i = 0; i < buckets; ++i) counts_[i] += other.counts_[i];
  sum_ = added(sum_, other.sum_);
  return *this;
}

std::uint64_t latency_histogram::count() const noexcept {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

duration latency_histogram::mean() const noexcept {
  if (is_empty()) return {};
  return duration(static_cast<duration::rep>(static_cast<std::uint64_t>(sum_.count()) / count()));
}

duration latency_histogram::max() const noexcept {
  std::size_t i = counts_.size();
  while (i != 0 && counts_[i - 1] == 0) --i;
  return i != 0 ? last_of(i - 1) : duration{};
}

duration latency_histogram::quantile(double p) const {
  if (!(p >= 0 && p <= 1)) {
    throw std::invalid_argument("weir: the quantile of " + std::to_string(p) + ": it must be 0 to 1");
  }
  const auto rank = std::max(std::ceil(p * static_cast<double>(count())), 1.0);
  std::uint64_t so_far = 0;
  for (const bucket each : *this) {
    so_far += each.count;
    if (static_cast<double>(so_far) >= rank) return each.last;
  }
  return max();
}

}  // namespace weir
