// What an exploration does with threads that the source starts by itself.
#include <functional>
#include <string>
#include <utility>

#include "engine.hpp"
#include "trace.hpp"

namespace model {

void engine::add_room(std::string name) {
  add(std::move(name), nullptr);
  strand& s = *strands_[threads_ - 1];
  s.now = strand::state::finished;
  s.is_vacant = true;
  s.is_under_way = false;
}

std::uint32_t engine::begin_thread(std::function<void()> body) {
  for (std::size_t i = 0; i < threads_; ++i) {
    strand& s = *strands_[i];
    if (!s.is_vacant) continue;
    s.is_vacant = false;
    s.is_under_way = true;
    s.body = std::move(body);
    s.now = strand::state::ready;
    if (viewing) views_.hand_on(running_->index, i);
    return static_cast<std::uint32_t>(i + 1);
  }
  return 0;
}

void engine::join_thread(std::uint32_t number, const std::source_location& where) {
  const std::size_t index = number - 1;
  const strand& s = *strands_[index];
  if (running_ == nullptr) {
    if (!s.is_under_way) return;
    say("a thread is not over that is waited for at " + place(where));
    stop();
  }
  running_->wanted = &s.is_under_way;
  point({action::join, memory_order_acquire, &s, where});
  running_->wanted = nullptr;
  if (viewing) views_.hand_on(index, running_->index);
}

}  // namespace model
