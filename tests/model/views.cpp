#include "views.hpp"

#include <algorithm>
#include <utility>

namespace model {
namespace {

bool acquires(memory_order o) { return o == memory_order_acquire || o >= memory_order_acq_rel; }
bool releases(memory_order o) { return o >= memory_order_release; }

events only(std::size_t event) { return events().set(event); }

}  // namespace

void view::raise(std::size_t i, std::uint32_t to) {
  if (i >= at_.size()) at_.resize(i + 1);
  at_[i] = std::max(at_[i], to);
}

void view::join(const view& other) {
  if (other.at_.size() > at_.size()) at_.resize(other.at_.size());
  for (std::size_t i = 0; i < other.at_.size(); ++i) at_[i] = std::max(at_[i], other.at_[i]);
}

void knowledge::join(const knowledge& other) {
  seen.join(other.seen);
  past |= other.past;
  fences |= other.fences;
  heads |= other.heads;
}

void views::reset(std::size_t threads) {
  threads_.assign(threads, {});
  for (std::size_t t = 0; t < threads; ++t) next_step(t);
  objects_.clear();
  places_ = threads;
  order_.clear();
  fences_.clear();
}

/// What an object holds when it is met first is a store that everybody has seen.
views::history& views::of(const void* object, std::uint64_t bits) {
  const auto [at, is_new] = objects_.try_emplace(object);
  if (is_new) {
    at->second.place = places_++;
    at->second.stores.push_back({.bits = bits});
  }
  return at->second;
}

views::history& views::used(std::size_t thread, const void* object, std::uint64_t bits) {
  history& h = of(object, bits);
  h.users.raise(thread, step(thread));
  return h;
}

// ---- the one order: who comes before an operation that reads or writes store `at`, and who after

events views::before_use(const history& h, std::size_t at) {
  events out;
  for (std::size_t i = 0; i < h.stores.size() && i <= at; ++i) {
    out |= h.stores[i].writer | h.stores[i].before_writer;
    if (i != at) out |= h.stores[i].readers | h.stores[i].before_readers;
  }
  return out;
}

events views::after_read(const history& h, std::size_t at) const {
  events out;
  for (std::size_t i = at + 1; i < h.stores.size(); ++i) out |= h.stores[i].writer | h.stores[i].readers;
  for (const fence_event& f : fences_) {
    if (f.seen[h.place] > at) out |= f.self;
  }
  return out;
}

/// Before a sequentially consistent load itself; nothing before another one, which has no place.
events views::before_load(std::size_t thread, const history& h, std::size_t at, memory_order order) const {
  if (order != memory_order_seq_cst) return {};
  return threads_[thread].now.past | h.stores[at].carried.heads | before_use(h, at);
}

// ---- operations on a value

std::vector<std::size_t> views::readable(std::size_t thread, const operation& load, std::uint64_t bits) {
  const history& h = of(load.object, bits);
  const knowledge& now = threads_[thread].now;
  std::vector<std::size_t> out = {0};
  for (std::size_t at = h.newest(); at-- > now.seen[h.place];) {
    const events first = now.fences | before_load(thread, h, at, load.order);
    if (order_.allows(first, after_read(h, at))) out.push_back(h.newest() - at);
  }
  return out;
}

std::uint64_t views::bits_of(const void* object, std::size_t back) const {
  const history& h = objects_.at(object);
  return h.stores[h.newest() - back].bits;
}

std::uint64_t views::load(std::size_t thread, const operation& load, std::uint64_t bits, std::size_t back) {
  history& h = used(thread, load.object, bits);
  knowledge& now = threads_[thread].now;
  const std::size_t at = h.newest() - back;
  stored& read = h.stores[at];
  const events after = back == 0 ? events() : after_read(h, at);
  order_.put(now.fences, after);
  read.before_readers |= now.fences;
  if (load.order == memory_order_seq_cst) {
    const events self = only(order_.add(before_load(thread, h, at, load.order)));
    order_.put(self, after);
    read.readers |= self;
    now.past |= self;
  }
  now.seen.raise(h.place, static_cast<std::uint32_t>(at));
  take_over(thread, read.carried, load.order);
  return read.bits;
}

void views::store(std::size_t thread, const operation& store, std::uint64_t bits, std::uint64_t after) {
  append(thread, used(thread, store.object, bits), store, after, threads_[thread].now.past, nullptr);
}

void views::update(std::size_t thread, const operation& update, std::uint64_t bits, std::uint64_t after) {
  history& h = used(thread, update.object, bits);
  const knowledge read = h.stores.back().carried;
  const events earlier = threads_[thread].now.past | read.heads;  // what is taken over comes before the next one only
  take_over(thread, read, update.order);
  append(thread, h, update, after, earlier, &read);
}

void views::take_over(std::size_t thread, const knowledge& carried, memory_order order) {
  thread_state& s = threads_[thread];
  if (!acquires(order)) return s.fence_would_add.join(carried);
  s.now.join(carried);
  s.now.heads.reset();
}

void views::append(std::size_t thread, history& h, const operation& from, std::uint64_t bits, const events& earlier,
                   const knowledge* continued) {
  thread_state& s = threads_[thread];
  s.now.seen.raise(h.place, static_cast<std::uint32_t>(h.stores.size()));
  stored made{.bits = bits, .before_writer = s.now.fences};
  if (from.order == memory_order_seq_cst) {
    made.writer = only(order_.add(earlier | before_use(h, h.stores.size())));
  }
  made.carried = s.at_fence;
  if (releases(from.order)) {
    made.carried.join(s.now);
    made.carried.heads |= made.writer;
  }
  if (continued != nullptr) made.carried.join(*continued);
  s.now.past |= made.writer;
  h.stores.push_back(std::move(made));
  if (releases(from.order)) next_step(thread);
}

void views::fence(std::size_t thread, memory_order order) {
  thread_state& s = threads_[thread];
  const events earlier = s.now.past | s.fence_would_add.heads;
  s.now.join(s.fence_would_add);
  s.now.heads.reset();
  events self;
  if (order == memory_order_seq_cst) {
    events before = earlier;
    for (const auto& [object, h] : objects_) {
      if (s.now.seen[h.place] != 0) before |= before_use(h, s.now.seen[h.place]);
    }
    self = only(order_.add(before));
    fences_.push_back({self, s.now.seen});
    s.now.fences |= self;
  }
  s.at_fence = s.now;
  s.at_fence.heads = self;
  s.now.past |= self;
  next_step(thread);
}

// ---- threads, locks and the kernel

void views::hand_on(std::size_t first, std::size_t then) {
  threads_[then].now.join(threads_[first].now);
  threads_[then].now.heads.reset();
  next_step(first);
}

void views::lock(std::size_t thread, const void* mutex) {
  if (is_over(mutex)) objects_.erase(mutex);  // a new one in its place: the making of a mutex is not told
  take_over(thread, of(mutex, 0).stores.back().carried, memory_order_acquire);
}

void views::unlock(std::size_t thread, const void* mutex) {
  of(mutex, 0).stores.back().carried = threads_[thread].now;
  next_step(thread);
}

void views::look(std::size_t thread, const void* object, std::uint64_t bits) {
  const history& h = used(thread, object, bits);
  threads_[thread].now.seen.raise(h.place, static_cast<std::uint32_t>(h.newest()));
}

void views::wake(std::size_t waker, std::size_t sleeper, const void* object) {
  const auto at = objects_.find(object);
  if (at == objects_.end()) return;
  const std::size_t place = at->second.place;
  threads_[sleeper].now.seen.raise(place, threads_[waker].now.seen[place]);
}

// ---- life of an object

void views::made(std::size_t thread, const void* object, std::uint64_t bits) {
  objects_.erase(object);  // plain memory was given back with it
  history& h = of(object, bits);
  h.maker = thread;
  h.made_at = step(thread);
}

bool views::sees_made(std::size_t thread, const void* object) const {
  const auto at = objects_.find(object);
  return at == objects_.end() || has_seen(thread, at->second.maker, at->second.made_at);
}

bool views::forget(std::size_t thread, const void* object) {
  const auto at = objects_.find(object);
  if (at == objects_.end()) return true;
  const view users = std::move(at->second.users);
  at->second.is_over = true;
  for (std::size_t other = 0; other < threads_.size(); ++other) {
    if (!has_seen(thread, other, users[other])) return false;
  }
  return true;
}

bool views::is_over(const void* object) const {
  const auto at = objects_.find(object);
  return at != objects_.end() && at->second.is_over;
}

}  // namespace model
