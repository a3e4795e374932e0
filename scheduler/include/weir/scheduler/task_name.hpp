// The name of a task: a literal, so that it costs 8 bytes, can be read at any time, and is gone never.
#pragma once

#include <cstddef>
#include <string_view>

namespace weir {

/// Points to a string literal; empty by default. Trivially destructible; thread-safe to read.
class task_name {
 public:
  constexpr task_name() noexcept = default;
  /// Only at compile time: a text with another lifetime than the program's does not compile.
  template <std::size_t Size>
  consteval task_name(const char (&literal)[Size]) noexcept
      : text_(literal) {}  // NOLINT: `.name = "scan"` is how it is written

  [[nodiscard]] constexpr std::string_view view() const noexcept { return text_; }
  [[nodiscard]] constexpr const char* c_str() const noexcept { return text_; }
  [[nodiscard]] constexpr bool empty() const noexcept { return *text_ == '\0'; }

 private:
  const char* text_ = "";
};

static_assert(sizeof(task_name) == 8);

}  // namespace weir
