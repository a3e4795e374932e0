#include <weir/admission/detail/resumption.hpp>

#include <utility>

namespace weir::detail {
namespace {

struct resumptions {
  resumption* first = nullptr;
  resumption* last = nullptr;
  bool has_scope = false;
};

constinit thread_local resumptions of_this_thread;

}  // namespace

resumption_scope::resumption_scope() noexcept : is_outermost_(!std::exchange(of_this_thread.has_scope, true)) {}

resumption_scope::~resumption_scope() {
  if (!is_outermost_) return;
  resumptions& mine = of_this_thread;
  while (resumption* const one = mine.first) {
    mine.first = one->next_;
    if (mine.first == nullptr) mine.last = nullptr;
    one->resume();
  }
  mine.has_scope = false;
}

bool resumption_scope::is_here() noexcept { return of_this_thread.has_scope; }

void resume_in_turn(resumption& one) noexcept {
  resumptions& mine = of_this_thread;
  if (!mine.has_scope) return one.resume();
  one.next_ = nullptr;
  (mine.last != nullptr ? mine.last->next_ : mine.first) = &one;
  mine.last = &one;
}

}  // namespace weir::detail
