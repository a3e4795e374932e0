// The parts of a permit.
#include <weir/admission/permit.hpp>

#include <stdexcept>
#include <string>

namespace weir {

void permit::check_part(const char* what, std::int64_t weight, std::int64_t most) const {
  if (weight >= 1 && weight <= most) return;
  std::string text = std::string("weir: a permit of weight ") + std::to_string(this->weight()) + " cannot be " + what +
                     ' ' + std::to_string(weight) + ": ";
  text += most < 1 ? "there is no part of it" : "it must be 1 to " + std::to_string(most);
  throw std::invalid_argument(text);
}

void permit::shrink_to(std::int64_t weight) {
  check_part("shrunk to", weight, this->weight());
  const auto less = static_cast<std::uint32_t>(weight);
  const std::uint32_t given = std::exchange(weight_, less) - less;
  if (given != 0) gate_->release_part(given);
}

permit permit::split(std::int64_t weight) {
  check_part("split by", weight, this->weight() - 1);
  permit part(*gate_, static_cast<std::uint32_t>(weight), {admitted_at_, false});
  part.is_part_ = true;
  weight_ -= part.weight_;
  return part;
}

}  // namespace weir
