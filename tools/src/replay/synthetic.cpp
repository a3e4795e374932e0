#include "synthetic.hpp"

#include <cmath>

namespace weir::tools {

namespace {

constexpr double lightest = 600;
constexpr double heaviest = 14'000;
constexpr double fewest_tokens = 70;
constexpr double most_tokens = 2'000;

}  // namespace

synthetic::synthetic(const settings& with) noexcept
    : settings_(with), arrivals_(with.seed, 0), weights_(with.seed, 1), services_(with.seed, 2) {}

bool synthetic::next(request& out) {
  constexpr double length = std::chrono::duration<double>(phase_length).count();
  while (phase_ < phase_load.size()) {
    const double end = length * static_cast<double>(phase_ + 1);
    now_s_ += arrivals_.exponential() / (settings_.capacity_per_s * phase_load[phase_]);
    if (now_s_ >= end) {
      // The wait for the next arrival has no memory, so that it may start anew where the load changes.
      now_s_ = end;
      ++phase_;
      continue;
    }
    out.arrival = std::chrono::nanoseconds(std::llround(now_s_ * 1e9));
    out.weight = static_cast<std::uint32_t>(weights_.bounded_pareto(lightest, heaviest));
    out.service =
        settings_.token_cost * static_cast<std::int64_t>(services_.bounded_pareto(fewest_tokens, most_tokens));
    out.line = 0;
    return true;
  }
  return false;
}

void synthetic::rewind() {
  arrivals_ = random_stream(settings_.seed, 0);
  weights_ = random_stream(settings_.seed, 1);
  services_ = random_stream(settings_.seed, 2);
  phase_ = 0;
  now_s_ = 0;
}

double synthetic::mean_tokens() noexcept {
  return bounded_pareto_mean(fewest_tokens, most_tokens) - 0.5;
}  // rounded down

}  // namespace weir::tools
