// What an exploration does with stores that are delayed: when they wait, and which of them a look misses.
#include <cstddef>
#include <string_view>

#include "engine.hpp"

namespace model {

void engine::fence(const operation& now) {
  if (viewing) return fence_by_view(now);
  if (!delaying || buffers_.is_empty(running_->index)) {
    trace_.add(running_->name, now);
    return;
  }
  point(now);
  if (!is_weakened(now)) flush();
}

const pending_write* engine::before_load(const void* object) {
  if (const pending_write* const own = buffers_.newest(running_->index, object)) return own;
  buffers_.look(running_->index, object, [this](int most) { return choose_missed(most); });
  return nullptr;
}

bool engine::before_update(const operation& next) {
  const std::size_t self = running_->index;
  const bool is_barrier = next.order == memory_order_seq_cst && !is_weakened(next);
  if (is_barrier) {
    buffers_.flush(self);
  } else {
    buffers_.flush_to(self, next.object);
  }
  if (!buffers_.look_to_update(self, next.object, [this](int most) { return choose_missed(most); })) return !is_barrier;
  buffers_.flush(self);  // it stands before a store that waits already: for the writes to be in one order, now
  return false;
}

void engine::delay(const pending_write& w) {
  buffers_.add(running_->index, w);
  if (!w.is_update && w.from.order == memory_order_seq_cst && !is_weakened(w.from)) flush();
}

int engine::choose_missed(int most) {
  const int taken = missed_stores_ == options_.missed_stores ? 0 : choose(most + 1);
  if (taken != 0) ++missed_stores_;
  return taken;
}

bool engine::is_weakened(const operation& what) const {
  const weakening& w = options_.weakened;
  return !w.function.empty() && (w.line == 0 || w.line == what.where.line()) && name_of(what.what) == w.operation &&
         std::string_view(what.where.function_name()).find(w.function + '(') != std::string_view::npos;
}

}  // namespace model
