#include "choices.hpp"

#include <algorithm>
#include <string_view>

namespace model {
namespace {

constexpr std::string_view digits = "0123456789abcdefghijklmnopqrstuvwxyz";

}  // namespace

choices choices::all() { return choices(kind::all); }

choices choices::random(std::uint64_t seed, int changes) {
  choices made(kind::random);
  made.engine_.seed(seed);
  made.changes_ = changes;
  return made;
}

choices choices::given(const std::string& text) {
  choices made(kind::given);
  // A character that is no digit becomes a choice that no point offers: it diverges.
  for (const char digit : text)
    made.path_.push_back({static_cast<int>(std::min(digits.find(digit), digits.size())), 0});
  return made;
}

int choices::take(int count, bool going_on) {
  if (count == 1) return 0;
  if (count > static_cast<int>(digits.size())) diverged_ = true;
  if (depth_ == path_.size()) path_.push_back({draw(count, going_on), count});
  choice& now = path_[depth_++];
  if (now.count == 0) now.count = count;
  if (now.count != count || now.taken >= count) {
    diverged_ = true;
    return 0;
  }
  return now.taken;
}

int choices::draw(int count, bool going_on) {
  if (kind_ != kind::random) return 0;
  const auto below = [this](int bound) { return std::uniform_int_distribution<int>(0, bound - 1)(engine_); };
  if (!going_on) return below(count);
  if (std::find(change_at_.begin(), change_at_.end(), depth_) == change_at_.end()) return 0;
  return 1 + below(count - 1);
}

bool choices::next() {
  longest_ = std::max(longest_, depth_);
  depth_ = 0;
  switch (kind_) {
    case kind::given:
      return false;
    case kind::random:
      path_.clear();
      place_changes();
      return true;
    case kind::all:
      while (!path_.empty() && path_.back().taken + 1 >= path_.back().count) path_.pop_back();
      if (path_.empty()) return false;
      ++path_.back().taken;
      return true;
  }
  return false;
}

void choices::place_changes() {
  change_at_.clear();
  if (longest_ == 0) return;
  std::uniform_int_distribution<std::size_t> anywhere(0, longest_ - 1);
  for (int i = 0; i < changes_; ++i) change_at_.push_back(anywhere(engine_));
}

std::string choices::text() const {
  std::string out;
  for (std::size_t i = 0; i < depth_; ++i) out += digits[static_cast<std::size_t>(path_[i].taken)];
  out.erase(out.find_last_not_of('0') + 1);
  return out;
}

}  // namespace model
