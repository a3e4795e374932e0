// A value or a refusal: the member names of std::expected (C++23), of which C++20 has none.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include <weir/admission/refusal.hpp>

namespace weir {

/// Holds a T, or the refusal that stands in its place. Reading the one that is not there is misuse: `*` and `error`
/// have no check beyond the standard library's assertions; `value` throws.
template <typename T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: converts, as std::expected does
  result(const refusal& why) noexcept : state_(std::in_place_index<1>, why) {}  // NOLINT

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  [[nodiscard]] T* operator->() noexcept { return std::get_if<0>(&state_); }
  [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&state_); }

  /// The value. @throws weir::refused if there is none.
  [[nodiscard]] T& value() & {
    throw_if_refused();
    return **this;
  }
  [[nodiscard]] T&& value() && {
    throw_if_refused();
    return std::move(**this);
  }

  [[nodiscard]] const refusal& error() const noexcept { return *std::get_if<1>(&state_); }

 private:
  void throw_if_refused() const {
    if (!has_value()) throw refused(error());
  }

  std::variant<T, refusal> state_;
};

/// Success without a value, or a refusal.
template <>
class [[nodiscard]] result<void> {
 public:
  result() noexcept = default;
  result(const refusal& why) noexcept : why_(why) {}  // NOLINT

  [[nodiscard]] bool has_value() const noexcept { return !why_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
  void operator*() const noexcept {}

  /// @throws weir::refused if it was refused.
  void value() const {
    if (why_) throw refused(*why_);
  }

  [[nodiscard]] const refusal& error() const noexcept { return *why_; }

 private:
  std::optional<refusal> why_;
};

}  // namespace weir
