// What an exploration does with views: which store a load reads, which orders are weakened, and what is a data race.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "engine.hpp"

namespace model {
namespace {

constexpr std::size_t most_alternatives = 36;  // of a choice

std::string said(use_kind how) { return how == use_kind::read ? "a read at " : "a write at "; }

}  // namespace

/// The operation with the order that it is to have. Each that has one is listed.
operation engine::as_weakened(const operation& now) {
  if (now.order == memory_order_relaxed) return now;
  const auto is_listed = [&now](const operation& o) {
    return o.what == now.what && o.where.line() == now.where.line() && o.where.file_name() == now.where.file_name();
  };
  if (std::none_of(ordered_.begin(), ordered_.end(), is_listed)) ordered_.push_back(now);
  operation out = now;
  if (is_weakened(now)) out.order = options_.weakened.to;
  return out;
}

void engine::must_be_made(const operation& now) {
  if (views_.is_over(now.object)) {
    race("the object is used at " + place(now.where) + " by " + running_->name + " after its end");
  }
  if (!views_.sees_made(running_->index, now.object)) {
    race("the object is used at " + place(now.where) + " by " + running_->name +
         ", and its making did not happen before");
  }
}

/// What a load may read, newest first, as how many stores before the newest; that one only if old reads are used up.
std::vector<std::size_t> engine::readable(const operation& load, std::uint64_t bits) {
  if (old_reads_ == options_.old_reads) return {0};
  std::vector<std::size_t> out = views_.readable(running_->index, load, bits);
  if (out.size() > most_alternatives) out.resize(most_alternatives);
  return out;
}

std::size_t engine::choose_store(const std::vector<std::size_t>& readable) {
  const int taken = readable.size() == 1 ? 0 : choose(static_cast<int>(readable.size()));
  if (taken != 0) ++old_reads_;
  return readable[static_cast<std::size_t>(taken)];
}

std::uint64_t engine::load(const operation& now, std::uint64_t bits) {
  must_be_made(now);
  const operation load = as_weakened(now);
  const std::uint64_t seen = views_.load(running_->index, load, bits, choose_store(readable(load, bits)));
  note(seen, bits);
  return seen;
}

void engine::store(const operation& now, std::uint64_t bits, std::uint64_t after) {
  must_be_made(now);
  views_.store(running_->index, as_weakened(now), bits, after);
}

void engine::update(const operation& now, std::uint64_t bits, std::uint64_t after) {
  must_be_made(now);
  views_.update(running_->index, as_weakened(now), bits, after);
}

/// One that fails is a load, and may read an old store: not one that holds what is expected, for then it looks on.
bool engine::compare_exchange(const operation& now, memory_order failure, std::uint64_t bits, std::uint64_t& expected,
                              std::uint64_t desired, bool weak) {
  must_be_made(now);
  const operation exchange = as_weakened(now);
  operation load = now;
  load.order = failure;
  std::vector<std::size_t> stores = readable(load, bits);
  std::erase_if(stores, [&](std::size_t back) { return back != 0 && views_.bits_of(now.object, back) == expected; });
  const std::size_t back = choose_store(stores);
  if (back == 0 && bits == expected && !(weak && weak_failure())) {
    note(bits, desired);
    views_.update(running_->index, exchange, bits, desired);
    return true;
  }
  expected = views_.load(running_->index, load, bits, back);
  note(expected, expected);
  return false;
}

void engine::fence_by_view(const operation& now) {
  point(now);
  const memory_order order = as_weakened(now).order;
  if (order >= memory_order_acq_rel) views_.fence(running_->index, order);
}

void engine::forget(const void* object) {
  buffers_.forget(object);
  if (viewing && !views_.forget(running_->index, object)) {
    race("an object ends by " + running_->name + ", and a use of it by another thread did not happen before");
  }
}

// ---- plain data

void engine::check_use(uses& of, use_kind how, const std::source_location& where) {
  const std::size_t self = running_->index;
  const auto must_have_seen = [&](const uses::use& earlier, use_kind kind) {
    if (views_.has_seen(self, earlier.thread, earlier.step)) return;
    race(said(kind) + place(earlier.where) + " by " + strands_[earlier.thread]->name + " and " + said(how) +
         place(where) + " by " + running_->name + " are in no order");
  };
  must_have_seen(of.write, use_kind::write);
  const uses::use now{self, views_.step(self), where};
  if (how == use_kind::write) {
    for (const uses::use& read : of.reads) must_have_seen(read, use_kind::read);
    of.reads.clear();
    of.write = now;
    return;
  }
  const auto mine = std::find_if(of.reads.begin(), of.reads.end(), [=](const auto& r) { return r.thread == self; });
  if (mine == of.reads.end()) {
    of.reads.push_back(now);
  } else {
    *mine = now;
  }
}

void engine::race(const std::string& what) {
  say("data race: " + what);
  stop();
}

}  // namespace model
