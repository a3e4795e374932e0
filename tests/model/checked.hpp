// Plain data of a scenario that must be handed from thread to thread: with views, a use that does not happen before the
// next one is a data race, and a failure. Otherwise it is the data and nothing else. A use is no scheduling point:
// whether two uses race does not depend on when exactly they take place.
#pragma once

#include <cstddef>
#include <cstdint>
#include <source_location>
#include <utility>
#include <vector>

#include "seam.hpp"

namespace model {

enum class use_kind : std::uint8_t { read, write };

/// Who used a piece of plain data last.
struct uses {
  struct use {
    std::size_t thread = 0;
    std::uint32_t step = 0;  // of the thread; 0: before the threads
    std::source_location where;
  };
  use write;
  std::vector<use> reads;  // since the write, the last one of each thread
};

/// Fails if the use races with an earlier one. With views only.
void check_use(uses& of, use_kind how, std::source_location where) noexcept;

template <typename T>
class checked {
  using place = std::source_location;

 public:
  explicit checked(T value = T(), place at = place::current()) : value_(std::move(value)) { use(use_kind::write, at); }
  checked(const checked&) = delete;
  checked& operator=(const checked&) = delete;
  ~checked() { use(use_kind::write, place::current()); }

  [[nodiscard]] const T& get(place at = place::current()) const {
    use(use_kind::read, at);
    return value_;
  }
  void set(T value, place at = place::current()) {
    use(use_kind::write, at);
    value_ = std::move(value);
  }

 private:
  void use(use_kind how, const place& at) const {
    if (viewing) check_use(uses_, how, at);
  }

  T value_;
  mutable uses uses_;
};

}  // namespace model
