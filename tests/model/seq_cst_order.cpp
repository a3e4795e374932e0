#include "seq_cst_order.hpp"

namespace model {

std::size_t seq_cst_order::add(const events& earlier) {
  before_.push_back(up_to(earlier));
  return before_.size() - 1;
}

bool seq_cst_order::allows(const events& first, const events& then) const { return (up_to(first) & then).none(); }

void seq_cst_order::put(const events& first, const events& then) {
  if (first.none() || then.none()) return;
  const events earlier = up_to(first);
  for (std::size_t e = 0; e < before_.size(); ++e) {
    if (then.test(e) || (before_[e] & then).any()) before_[e] |= earlier;
  }
}

events seq_cst_order::up_to(const events& last) const {
  events out = last;
  for (std::size_t e = 0; e < before_.size(); ++e) {
    if (last.test(e)) out |= before_[e];
  }
  return out;
}

}  // namespace model
