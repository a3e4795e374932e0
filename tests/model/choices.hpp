// Where the choices of a schedule come from: all of them depth first, random ones, or a given string.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace model {

class choices {
 public:
  /// Every combination, the first alternative of each choice first.
  static choices all();
  /// Random ones, with at most `changes` choices in a schedule of another than the thread that could go on.
  static choices random(std::uint64_t seed, int changes);
  /// Those of `text`, then the first alternative for ever.
  static choices given(const std::string& text);

  /// The next choice among `count`, 1 to 36. `going_on`: 0 means that the running thread goes on.
  int take(int count, bool going_on);

  /// Starts the next schedule; false if none is left.
  bool next();

  /// The choices of this schedule so far. Those with one alternative are left out, and zeros at the end.
  [[nodiscard]] std::string text() const;

  /// A schedule was repeated and offered other alternatives than before: the scenario is not deterministic.
  [[nodiscard]] bool diverged() const { return diverged_; }

 private:
  enum class kind : std::uint8_t { all, random, given };
  struct choice {
    int taken;
    int count;  // 0: not known yet, from a string
  };

  explicit choices(kind k) : kind_(k) {}
  int draw(int count, bool going_on);
  void place_changes();

  kind kind_;
  std::vector<choice> path_;
  std::size_t depth_ = 0;
  bool diverged_ = false;

  std::mt19937_64 engine_;
  int changes_ = 0;
  std::size_t longest_ = 0;             // of the schedules so far: where changes can be placed
  std::vector<std::size_t> change_at_;  // depths
};

}  // namespace model
