// The order of the gate's line: who passes whom, who is overtaken, who is dropped. Read it beside admission/line.md.
#include <limits>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {
namespace {

void count(std::uint32_t& times) noexcept {
  if (times != std::numeric_limits<std::uint32_t>::max()) ++times;
}

}  // namespace

// Whether one that comes now goes before this one, as far as that goes: each level gains on it by as many passings.
bool gate::may_pass(const door_request& newcomer, const waiter& in_line) const noexcept {
  if (newcomer.priority <= in_line.request_.priority) return false;
  const std::uint32_t levels = newcomer.priority - std::uint32_t{in_line.request_.priority};
  return in_line.passed_ / levels < priority_ageing_.load(memory_order_relaxed);
}

void gate::insert(waiter& w) noexcept {
  if (queue_.empty()) is_in_order_ = true;
  waiter* ahead = queue_.tail();
  for (; ahead != nullptr && may_pass(w.request_, *ahead); ahead = waiter_list::before(ahead)) {
    count(ahead->passed_);
    is_in_order_ = false;
  }
  queue_.insert_after(ahead, w);
  in_line_.store(queue_.size(), memory_order_relaxed);
}

bool gate::may_overtake(const door_request& light, const waiter& heavy) const noexcept {
  return light.weight < heavy.request_.weight && heavy.overtaken_ < max_bypass_.load(memory_order_relaxed);
}

// Behind a head that lacks weight: lets in those for whom there is room, past all who have not been overtaken often
// enough. What the next one lacks whom that would let in, as if it were the head; the weight, if nobody else can come.
gate::lack gate::let_past(waiter& heavy, time_point& now, bell when, outcomes& decided) noexcept {
  const std::int64_t most = max_bypass_.load(memory_order_relaxed);
  waiter* last = &heavy;  // of those who stay
  bool may_go_on = last->overtaken_ < most;
  while (may_go_on && capacity_.load().weight_free > 0) {
    waiter* const next = waiter_list::after(last);
    if (next == nullptr) break;
    const std::int64_t granted = decided.granted.size();
    const lack lacks = let_in(*next, now, when, decided);
    if (lacks && lacks != refusal_reason::weight_full) return lacks;
    if (lacks) {
      last = next;
      may_go_on = last->overtaken_ < most;
    } else if (decided.granted.size() != granted) {
      for (waiter* w = last; w != nullptr; w = waiter_list::before(w)) {
        count(w->overtaken_);
        may_go_on = may_go_on && w->overtaken_ < most;
      }
    }
  }
  return refusal_reason::weight_full;
}

// How many take a token before it, at the least: of those in line but `dropped`, the ones that it neither passes when
// it comes nor may overtake later.
std::int64_t gate::least_ahead(const door_request& newcomer, const waiter* dropped) noexcept {
  std::int64_t ahead = queue_.size() - (dropped != nullptr ? 1 : 0);
  for (const waiter* w = queue_.tail(); w != nullptr; w = waiter_list::before(w)) {
    if (w == dropped) continue;
    if (!may_pass(newcomer, *w) && !may_overtake(newcomer, *w)) break;
    --ahead;
  }
  return ahead;
}

// Who makes place for a newcomer that lacks it, of those who have one; null if the policy is another, or if all that
// may be dropped would not do.
waiter* gate::victim(const door_request& newcomer) noexcept {
  const weir::overflow policy = overflow();
  const bool drops_oldest = policy == weir::overflow::drop_oldest;
  if (!drops_oldest && policy != weir::overflow::drop_lowest) return nullptr;
  if (waiting() > max_waiters()) return nullptr;  // since a change: one that is dropped makes no place
  const std::int64_t excess = waiting_weight() - max_waiting_weight_.load(memory_order_relaxed) + newcomer.weight;
  waiter* chosen = nullptr;
  std::int64_t droppable = 0;
  for (waiter* w = queue_.head(); w != nullptr; w = waiter_list::after(w)) {
    if (!w->counted_ || (!drops_oldest && w->request_.priority >= newcomer.priority)) continue;
    droppable += w->request_.weight;
    const bool is_better = chosen == nullptr || (drops_oldest ? w->stamp_ < chosen->stamp_
                                                              : w->request_.priority <= chosen->request_.priority);
    if (is_better) chosen = w;
    if (drops_oldest && is_in_order_ && droppable >= excess) break;
  }
  return droppable >= excess ? chosen : nullptr;
}

}  // namespace weir::detail
