// What happened in one schedule, for the reader of a failure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "seam.hpp"

namespace model {

class trace {
 public:
  struct event {
    const std::string* thread;
    operation what;
    std::uint64_t before;
    std::uint64_t after;
  };

  void clear();
  void label(std::string name, const void* object, std::size_t size);
  void add(const std::string& thread, const operation& what) { events_.push_back({&thread, what, 0, 0}); }
  void note(std::uint64_t before, std::uint64_t after);
  /// Something that happens for the sake of the last operation, whose result is not known yet.
  void add_before_last(const std::string& thread, const operation& what, std::uint64_t after);

  /// The last `count` operations, oldest first, one a line.
  [[nodiscard]] std::string last(std::size_t count);

  /// `load relaxed of pending at idle.hpp:40`.
  [[nodiscard]] std::string describe(const operation& what);

 private:
  struct labelled {
    std::string name;
    std::uintptr_t begin;
    std::size_t size;
  };

  std::string name_of(const void* object);

  std::vector<event> events_;
  std::vector<labelled> labels_;
};

/// `fetch_add`.
std::string_view name_of(action what);

/// `acquire`.
std::string_view name_of(memory_order order);

/// `idle.hpp:40`.
std::string place(const std::source_location& where);

}  // namespace model
