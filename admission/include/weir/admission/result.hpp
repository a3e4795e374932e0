// A value or a refusal: the member names of std::expected (C++23), of which C++20 has none.
#pragma once

#include <cassert>
#include <concepts>
#include <optional>
#include <utility>
#include <variant>

#include <weir/admission/refusal.hpp>

namespace weir {
namespace detail {

template <typename Why>
concept tells_why = requires(const Why& why) {
  { why.operator refusal() }
  noexcept->std::same_as<refusal>;
};

}  // namespace detail

/// Holds a T, or the refusal that stands in its place. `*` and `->` of a refusal, and `error` of a value, are misuse:
/// an assertion where assertions are on, else undefined. `value` throws instead, in every build.
template <typename T>
class [[nodiscard]] result {
 public:
  result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: converts, as std::expected does
  result(const refusal& why) noexcept : state_(std::in_place_index<1>, why) {}  // NOLINT
  /// What can tell why: it does so into this result, without a copy.
  template <detail::tells_why Why>
  result(const Why& why) noexcept : state_(std::in_place_index<1>, why) {}  // NOLINT

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& operator*() & noexcept { return *operator->(); }
  [[nodiscard]] const T& operator*() const& noexcept { return *operator->(); }
  [[nodiscard]] T&& operator*() && noexcept { return std::move(*operator->()); }
  [[nodiscard]] T* operator->() noexcept {
    assert(has_value() && "weir: the value of a refused result");
    return std::get_if<0>(&state_);
  }
  [[nodiscard]] const T* operator->() const noexcept {
    assert(has_value() && "weir: the value of a refused result");
    return std::get_if<0>(&state_);
  }

  /// The value. @throws weir::refused if there is none.
  [[nodiscard]] T& value() & {
    throw_if_refused();
    return **this;
  }
  [[nodiscard]] T&& value() && {
    throw_if_refused();
    return std::move(**this);
  }

  [[nodiscard]] const refusal& error() const noexcept {
    assert(state_.index() == 1 && "weir: the refusal of a result with a value");
    return *std::get_if<1>(&state_);
  }

 private:
  void throw_if_refused() const {
    if (!has_value()) throw refused(error());
  }

  std::variant<T, refusal> state_;
};

/// Success without a value, or a refusal. `*` of a refusal and `error` of a success are misuse, as above.
template <>
class [[nodiscard]] result<void> {
 public:
  result() noexcept = default;
  result(const refusal& why) noexcept : why_(why) {}  // NOLINT

  [[nodiscard]] bool has_value() const noexcept { return !why_.has_value(); }
  [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }
  void operator*() const noexcept { assert(has_value() && "weir: the value of a refused result"); }

  /// @throws weir::refused if it was refused.
  void value() const {
    if (why_) throw refused(*why_);
  }

  [[nodiscard]] const refusal& error() const noexcept {
    assert(!has_value() && "weir: the refusal of a result with a value");
    return *why_;
  }

 private:
  std::optional<refusal> why_;
};

}  // namespace weir
