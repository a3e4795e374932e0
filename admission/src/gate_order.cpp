// The order of the gate's line: who passes whom, who is overtaken, who is dropped. Read it beside admission/line.md.
#include <algorithm>
#include <array>
#include <limits>

#include <weir/admission/detail/gate.hpp>

namespace weir::detail {
namespace {

void count(std::uint32_t& times) noexcept {
  if (times != std::numeric_limits<std::uint32_t>::max()) ++times;
}

}  // namespace

// Those who have a place, as long as they wait: by one cursor for each priority, within which the line is in the order
// of arrival, or one for all. All cursors together walk the line once for each of them.
class gate::oldest_first {
 public:
  oldest_first(waiter* head, bool is_in_order) noexcept : classes_(is_in_order ? 1 : levels) {
    at_.fill({.here = head, .index = 0});
  }

  [[nodiscard]] waiter* next() noexcept {
    cursor* oldest = nullptr;
    for (std::uint8_t level = 0; level < classes_; ++level) {
      cursor& c = at_[level];
      while (c.here != nullptr && !(c.here->counted_ && is_of(*c.here, level))) c.step();
      if (c.here != nullptr && (oldest == nullptr || c.is_before(*oldest))) oldest = &c;
    }
    if (oldest == nullptr) return nullptr;
    waiter* const found = oldest->here;
    oldest->step();
    return found;
  }

 private:
  static constexpr std::uint8_t levels = 4;

  struct cursor {
    waiter* here;
    std::int64_t index;
    void step() noexcept {
      here = waiter_list::after(here);
      ++index;
    }
    [[nodiscard]] bool is_before(const cursor& other) const noexcept {
      return here->stamp_ != other.here->stamp_ ? here->stamp_ < other.here->stamp_ : index < other.index;
    }
  };

  [[nodiscard]] bool is_of(const waiter& w, std::uint8_t level) const noexcept {
    return classes_ == 1 || w.request_.priority % levels == level;
  }

  std::uint8_t classes_;
  std::array<cursor, levels> at_;
};

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
  std::uint32_t lightest = heavy.request_.weight;
  bool may_go_on = last->overtaken_ < most;
  while (may_go_on && capacity_.load().weight_free > 0) {
    waiter* const next = waiter_list::after(last);
    if (next == nullptr) break;
    const std::int64_t granted = decided.granted.size();
    // A return may come during the walk: one for whom there was no room may have it by now, before one behind it.
    const bool is_lighter = next->request_.weight < lightest;
    const lack lacks = is_lighter ? let_in(*next, now, when, decided) : refusal_reason::weight_full;
    if (lacks && lacks != refusal_reason::weight_full) return lacks;
    if (lacks) {
      last = next;
      lightest = std::min(lightest, last->request_.weight);
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

// How many take a token before it, at the least: of those who stay in line, the ones that it neither passes when it
// comes nor may overtake later.
std::int64_t gate::least_ahead(const door_request& newcomer) noexcept {
  std::int64_t ahead = queue_.size();
  const waiter* w = queue_.tail();
  for (; w != nullptr && (w->is_dropped_ || may_pass(newcomer, *w)); w = waiter_list::before(w)) --ahead;
  const bool is_strict = marked_ == 0 && max_bypass_.load(memory_order_relaxed) == 0;
  for (; w != nullptr && !is_strict; w = waiter_list::before(w)) {
    if (w->is_dropped_ || may_overtake(newcomer, *w)) --ahead;
  }
  return ahead;
}

// Marks all who make place for a newcomer that lacks it, by the policy; nobody if all that may be dropped would not do.
void gate::mark_dropped(const door_request& newcomer) noexcept {
  if (waiting() > max_waiters()) return;  // since a change: one that is dropped makes no place
  const std::int64_t excess = waiting_weight() - max_waiting_weight_.load(memory_order_relaxed) + newcomer.weight;
  std::int64_t marked = 0;
  std::int64_t freed = 0;
  const auto needs_more = [&] { return marked == 0 || freed < excess; };
  const auto mark = [&](waiter& w) {
    w.is_dropped_ = true;
    ++marked;
    freed += w.request_.weight;
  };
  if (overflow() == weir::overflow::drop_oldest) {
    for (oldest_first all(queue_.head(), is_in_order_); needs_more();) {
      waiter* const next = all.next();
      if (next == nullptr) break;
      mark(*next);
    }
  } else if (overflow() == weir::overflow::drop_lowest) {
    for (std::uint8_t level = 0; level < newcomer.priority; ++level) {
      for (waiter* w = queue_.tail(); w != nullptr && needs_more(); w = waiter_list::before(w)) {
        if (w->counted_ && w->request_.priority == level) mark(*w);
      }
    }
  }
  marked_ = marked;
  if (needs_more()) settle_marked(nullptr);
}

// Drops who is marked, or lets all of them stay.
void gate::settle_marked(outcomes* dropped) noexcept {
  for (waiter* w = queue_.head(); marked_ != 0;) {
    waiter* const next = waiter_list::after(w);
    if (w->is_dropped_) {
      w->is_dropped_ = false;
      --marked_;
      if (dropped != nullptr) refuse(*w, refusal_reason::shed, *dropped);
    }
    w = next;
  }
}

}  // namespace weir::detail
