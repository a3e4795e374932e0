// What runs code of the user's because something was decided at a door: a coroutine, a callable. Each runs when the
// operation that decided it is over, on the same thread, and one after the other: what a resumed one lets in comes
// after it instead of on top of it, so that a chain of any length needs the stack of one.
#pragma once

namespace weir::detail {

/// Something that is to be resumed, once. The node lies in it, so that nothing is allocated.
class resumption {
 public:
  resumption() noexcept = default;
  resumption(const resumption&) = delete;
  resumption& operator=(const resumption&) = delete;

 protected:
  ~resumption() = default;

 private:
  friend class resumption_scope;
  friend void resume_in_turn(resumption& one) noexcept;

  /// From here on it may be gone.
  virtual void resume() noexcept = 0;

  resumption* next_ = nullptr;  // a thread's alone, like the list that it is in
};

/// As long as one is there on a thread, what is to be resumed waits; the end of the outermost one resumes it, in order,
/// and what these make in turn. Holds no lock, and touches nothing but the thread's own list.
class resumption_scope {
 public:
  resumption_scope() noexcept;
  resumption_scope(const resumption_scope&) = delete;
  resumption_scope& operator=(const resumption_scope&) = delete;
  ~resumption_scope();

  /// Whether one is there on this thread.
  [[nodiscard]] static bool is_here() noexcept;

 private:
  const bool is_outermost_;
};

/// Resumes it at the end of the outermost scope; at once where there is none.
void resume_in_turn(resumption& one) noexcept;

}  // namespace weir::detail
