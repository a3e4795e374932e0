// The gate's units for children: taken and put back in a giver's own stock, recalled for who lacks a task. Read it
// beside the section "Units of children" of admission/README.md.
#include <weir/admission/detail/gate.hpp>

namespace weir::detail {
namespace {

using outcome = capacity::outcome;
using hold = capacity::hold;

constexpr demand one_child{.tasks = 1, .weight = 0};

}  // namespace

bool gate::try_add_child() noexcept {
  if (!counts_tasks_) return true;
  return is_observed_ ? try_add_child_observed() : take_child();
}

bool gate::take_child() noexcept {
  // Those who wait for weight or for a token are passed, since that may take hours.
  if (capacity_.load().waiters && head_lacks_.load(memory_order_relaxed) == refusal_reason::tasks_full) return false;
  capacity::view seen{};
  return capacity_.try_take(one_child, capacity::place::child, hold::final, seen) == outcome::taken;
}

// And a block for the stock, unless somebody asks for what is there.
bool gate::add_child_from_word(std::size_t giver) noexcept {
  const std::uint32_t block = stock_ != nullptr ? stock_->block() : 0;
  if (block == 0 || stock_->looks_asked()) return try_add_child();
  stock_->note_use();
  const std::uint32_t units = capacity_.try_take_block(block);
  if (units == 0) return try_add_child();  // none, or too many marks
  if (stock_->add(giver, units - 1)) {
    tell(capacity_.give_back({.tasks = stock_->take_all(giver), .weight = 0}, hold::attempt));
  } else {
    capacity_.settle();
  }
  if (pressure_ != nullptr) note_pressure();
  return true;
}

void gate::end_child_at_word(std::size_t giver) noexcept {
  if (flight_ != nullptr) return end_child();
  if (counts_tasks_) release(0, giver);
}

void gate::end_child() noexcept {
  if (!counts_tasks_) return;
  if (is_observed_) return give_back_observed(flight_op::child_end, 0, one_child);
  give_back(one_child, hold::final);
}

// take_room at a gate with givers. Where a newcomer finds no task, whether there was none is known after a look at the
// stocks, while nobody fills them. Apart from take_room, which keeps fewer registers without it.
bool gate::take_room_with_givers(demand wanted, capacity::place from, hold kind, verdict& v) noexcept {
  capacity::view seen{};
  outcome found = capacity_.try_take(wanted, from, kind, seen);
  if (found == outcome::taken) return true;
  if (found == outcome::tasks_full && from == capacity::place::newcomer && may_have_spare()) {
    stock_->ask();
    found = recall() ? capacity_.try_take(wanted, from, kind, seen) : outcome::contended;
    stock_->ask_no_more();
    if (found == outcome::taken) return true;
  }
  explain_room(found, seen, v);
  return false;
}

// Whether a unit was ever spare, as of the word that was read, which the look has acquired, or later.
bool gate::may_have_spare() const noexcept { return stock_->was_used(); }

// The mark comes before the units are in hand, so that who misses them is told `contended`. False: too many marks.
bool gate::recall() noexcept {
  if (stock_->is_empty()) return true;
  if (!capacity_.try_mark()) return false;
  tell(capacity_.give_back({.tasks = stock_->recall(), .weight = 0}, hold::attempt));
  return true;
}

// No mark and no look: newcomers are sent away, and the lock is held.
void gate::recall_under_lock() noexcept {
  const std::uint32_t units = stock_->recall();
  if (units != 0) (void)capacity_.give_back({.tasks = units, .weight = 0}, hold::final);
}

// True if the head has just begun to ask, and must look once more.
bool gate::recall_for_head() noexcept {
  if (stock_ == nullptr || !stock_->has_kept_units() || head_asks_) return false;
  head_asks_ = true;
  stock_->ask();
  recall_under_lock();
  return true;
}

}  // namespace weir::detail
