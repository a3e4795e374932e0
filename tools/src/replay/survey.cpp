#include "survey.hpp"

#include <memory>

#include "histogram.hpp"

namespace weir::tools {

survey survey_of(request_source& source) {
  const auto weights = std::make_unique<histogram<11>>();
  survey all;
  request one;
  while (source.next(one)) {
    ++all.requests;
    all.span = one.arrival;
    if (one.weight == 0 && all.weightless++ == 0) all.first_weightless = one;
    weights->record(one.weight);
  }
  all.median_weight = static_cast<std::uint32_t>(weights->quantile(0.5));
  all.heavy_decile = static_cast<std::uint32_t>(weights->quantile(0.9));
  all.heaviest = static_cast<std::uint32_t>(weights->max());
  source.rewind();
  return all;
}

}  // namespace weir::tools
