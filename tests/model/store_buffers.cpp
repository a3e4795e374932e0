#include "store_buffers.hpp"

#include <algorithm>

namespace model {
namespace {

/// One after the position of the last of `writes` for which `is_it` holds; 0 if there is none.
template <typename Writes, typename Predicate>
std::size_t end_of_last(const Writes& writes, Predicate is_it) {
  std::size_t i = writes.size();
  while (i != 0 && !is_it(writes[i - 1])) --i;
  return i;
}

auto on(const void* object) {
  return [object](const pending_write& w) { return w.object == object; };
}

auto updates_of(const void* object) {
  return [object](const pending_write& w) { return w.object == object && w.is_update; };
}

}  // namespace

void store_buffers::reset(std::size_t threads) {
  waiting_.resize(threads);
  for (buffer& b : waiting_) b.clear();
}

const pending_write* store_buffers::newest(std::size_t thread, const void* object) const {
  const buffer& own = waiting_[thread];
  const std::size_t end = end_of_last(own, on(object));
  return end == 0 ? nullptr : &own[end - 1];
}

void store_buffers::flush(std::size_t thread) { flush_first(thread, waiting_[thread].size()); }

void store_buffers::flush_all() {
  for (std::size_t t = 0; t < waiting_.size(); ++t) flush(t);
}

void store_buffers::flush_to(std::size_t thread, const void* object) {
  flush_first(thread, end_of_last(waiting_[thread], on(object)));
}

/// A read-modify-write of another thread on the same object is older, since it would have seen this one or flushed;
/// it becomes visible first. What it waits for is older again, so that this ends.
void store_buffers::flush_first(std::size_t thread, std::size_t count) {
  for (; count != 0; --count) {
    const pending_write next = waiting_[thread].front();
    for (std::size_t other = 0; other < waiting_.size(); ++other) {
      if (other != thread) flush_first(other, end_of_last(waiting_[other], updates_of(next.object)));
    }
    tell_(thread, next);
    next.commit(next.object, next.bits);
    waiting_[thread].erase(waiting_[thread].begin());
  }
}

void store_buffers::look(std::size_t thread, const void* object, const choice& missed) {
  for (std::size_t other = 0; other < waiting_.size(); ++other) {
    const buffer& theirs = waiting_[other];
    const auto count = static_cast<int>(std::count_if(theirs.begin(), theirs.end(), on(object)));
    if (other == thread || count == 0) continue;
    int seen = count - missed(count);
    std::size_t end = 0;
    for (std::size_t i = 0; seen != 0; ++i) {
      if (theirs[i].object == object && --seen == 0) end = i + 1;
    }
    flush_first(other, end);
  }
}

bool store_buffers::look_to_update(std::size_t thread, const void* object, const choice& missed) {
  for (std::size_t other = 0; other < waiting_.size(); ++other) {
    if (other != thread) flush_first(other, end_of_last(waiting_[other], updates_of(object)));
  }
  bool misses = false;
  look(thread, object, [&](int most) {
    const int n = missed(most);
    misses |= n != 0;
    return n;
  });
  return misses;
}

void store_buffers::forget(const void* object) {
  for (buffer& b : waiting_) std::erase_if(b, on(object));
}

}  // namespace model
