// The member of a request's callable that keeps the books about it: dormant as it is built, live from its grant to the
// destructor, and moved along with the callable without being counted twice.
#pragma once

#include <utility>

#include <weir/admission/clock.hpp>

#include "ledger.hpp"

namespace weir::tools {

class probe {
 public:
  /// The ledger must outlive the probe and all that it is moved to.
  probe(ledger& books, const entry& who) noexcept : books_(&books), who_(who) {}
  probe(probe&& other) noexcept : books_(std::exchange(other.books_, nullptr)), who_(other.who_), how_(other.how_) {}
  probe& operator=(probe&&) = delete;
  ~probe() {
    if (books_ != nullptr) books_->ended(who_, how_);
  }

  /// Granted: counts as live from now on. `stamp` is the limiter's time; the own clock is read here.
  void admit(time_point stamp) noexcept {
    if (how_ != ending::dropped) return books_->violation();
    how_ = ending::unstarted;
    books_->admitted(who_, stamp, std::chrono::steady_clock::now());
  }

  /// The work begins, at the time returned; unless `complete` or `stop` follows, it has thrown.
  time_point start() noexcept {
    if (how_ != ending::unstarted) books_->violation();
    how_ = ending::failed;
    const time_point now = std::chrono::steady_clock::now();
    books_->started(who_, now);
    return now;
  }
  /// The work is done: `asked` of CPU time, begun at `started`.
  void complete(std::chrono::nanoseconds asked, time_point started) noexcept {
    how_ = ending::completed;
    const time_point now = std::chrono::steady_clock::now();
    books_->completed(who_, now, asked, now - started);
  }
  void stop() noexcept { how_ = ending::stopped; }

  /// Its submission was refused on return for this reason: the callable must be untouched, and its end is no end of a
  /// request.
  void take_back(ledger& books, refusal_reason why) noexcept {
    if (books_ == nullptr || how_ != ending::dropped) books.violation();
    books_ = nullptr;
    books.refused_on_return(why);
  }

  [[nodiscard]] const entry& who() const noexcept { return who_; }

 private:
  ledger* books_;  // null once moved from or taken back
  entry who_;
  ending how_ = ending::dropped;
};

}  // namespace weir::tools
