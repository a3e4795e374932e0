#include "flight_traffic.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <unordered_map>

#include <weir/admission/detail/gate.hpp>

namespace weir::tools {

namespace {

time_point moment_of(std::int64_t ns) { return time_point(duration(ns)); }

// By their indices, in order.
using in_turn = std::deque<std::size_t>;

class traffic_reader {
 public:
  explicit traffic_reader(const flight_log& log) : log_(log) {}

  flight_traffic read() {
    out_.start = moment_of(log_.entries.empty() ? log_.start.state.at : log_.entries.front().at);
    out_.end = moment_of(log_.entries.empty() ? log_.start.state.at : log_.entries.back().at);
    if (log_.start.limits.max_tasks != unlimited) {
      out_.held_before = std::max<std::int64_t>(log_.start.limits.max_tasks - log_.start.state.tasks_free, 0);
    }
    for (const flight_entry& e : log_.entries) read(e);
    assume_the_rest();
    std::stable_sort(out_.requests.begin(), out_.requests.end(),
                     [](const played_request& a, const played_request& b) { return a.at < b.at; });
    return std::move(out_);
  }

 private:
  using key = std::tuple<std::uint32_t, std::uint8_t, std::int64_t, std::int64_t>;

  static key key_of(const flight_entry& e) {
    return {e.weight, static_cast<std::uint8_t>(e.flags & flight_entry::priority_bits), e.deadline, e.time};
  }

  static std::optional<std::size_t> first_of(in_turn& all) {
    if (all.empty()) return std::nullopt;
    const std::size_t index = all.front();
    all.pop_front();
    return index;
  }

  std::size_t came(const flight_entry& e) {
    played_request one{.at = moment_of(e.at), .weight = e.weight};
    one.priority = e.flags & flight_entry::priority_bits;
    one.may_wait = (e.flags & flight_entry::waits) != 0;
    if (e.op == flight_op::attempt) {
      one.deadline = moment_of(e.deadline);
      const bool by_caller = (e.flags & flight_entry::by_caller) != 0;
      if (by_caller) {
        one.own_time = moment_of(e.time);
      } else {
        one.patience = moment_of(e.time);
      }
    }
    one.is_child = e.op == flight_op::child;
    out_.requests.push_back(one);
    ends_.emplace_back();
    return out_.requests.size() - 1;
  }

  void admitted(std::size_t index, std::int64_t at) {
    const played_request& one = out_.requests[index];
    ends_[index].admitted_at = at;
    one.is_child ? children_.push_back(index) : live_[one.weight].push_back(index);
  }

  void ended(std::optional<std::size_t> index, std::int64_t at) {
    if (index) ends_[*index].stayed = std::max<std::int64_t>(at - ends_[*index].admitted_at, 0);
  }

  // Of this weight, or of the next larger one, that has given back a part of it.
  std::optional<std::size_t> holder_of(std::uint32_t weight) {
    for (auto at = live_.lower_bound(weight); at != live_.end(); ++at) {
      if (const auto found = first_of(at->second)) return found;
    }
    return std::nullopt;
  }

  void read(const flight_entry& e) {
    switch (e.op) {
      case flight_op::attempt:
        return attempted(e);
      case flight_op::turned_away:
        return (void)came(e);
      case flight_op::child: {
        const std::size_t index = came(e);
        if (e.verdict == flight_verdict::yes) admitted(index, e.at);
        return;
      }
      case flight_op::reserve:
        return reserved(e);
      case flight_op::join:
        if (const auto index = first_of(to_join_[key_of(e)])) line_[e.request] = *index;
        return;
      case flight_op::granted:
        if (const auto at = line_.find(e.request); at != line_.end()) admitted(at->second, e.at);
        return;
      case flight_op::withdraw:
        if (const auto at = line_.find(e.request);
            at != line_.end() && e.verdict == verdict_of(refusal_reason::cancelled)) {
          out_.requests[at->second].leaves_at = moment_of(e.at);
        }
        return;
      case flight_op::release:
        return ended(holder_of(e.weight), e.at);
      case flight_op::child_end:
        return ended(first_of(children_), e.at);
      case flight_op::close:
        if (!closing_) closing_ = moment_of(e.at);
        return;
      case flight_op::refused:
        return turned_away_closed(e);
      default:
        return;
    }
  }

  // An attempt, and where it is refused for now the reservation and the join of the same one.
  void attempted(const flight_entry& e) {
    const std::size_t index = came(e);
    turned_away_closed(e);
    if (e.verdict == flight_verdict::yes) return admitted(index, e.at);
    const bool goes_on = (e.flags & flight_entry::waits) != 0 && is_refusal(e.verdict) &&
                         detail::gate::is_worth_waiting(reason_of(e.verdict));
    if (goes_on) to_reserve_[key_of(e)].push_back(index);
  }

  // A close that turns nobody away is the end of a run, and would only cut off one that takes longer.
  void turned_away_closed(const flight_entry& e) {
    if (e.verdict == verdict_of(refusal_reason::closed)) out_.closed_at = closing_;
  }

  void reserved(const flight_entry& e) {
    if (e.verdict == flight_verdict::again) return;  // it comes once more
    const auto index = first_of(to_reserve_[key_of(e)]);
    if (index && !is_refusal(e.verdict)) to_join_[key_of(e)].push_back(*index);
  }

  void assume_the_rest() {
    std::map<std::uint32_t, std::vector<std::int64_t>> known;
    std::vector<std::int64_t> all;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      if (!ends_[i].stayed) continue;
      out_.requests[i].service = duration(*ends_[i].stayed);
      known[out_.requests[i].weight].push_back(*ends_[i].stayed);
      all.push_back(*ends_[i].stayed);
    }
    std::int64_t median = 0;
    if (!all.empty()) {
      const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
      std::nth_element(all.begin(), middle, all.end());
      median = *middle;
    }
    std::unordered_map<std::uint32_t, std::size_t> turns;
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      if (ends_[i].stayed) continue;
      ++out_.assumed;
      played_request& one = out_.requests[i];
      const auto same = known.find(one.weight);
      one.service = duration(same == known.end() ? median : same->second[turns[one.weight]++ % same->second.size()]);
    }
  }

  struct stay {
    std::int64_t admitted_at = 0;
    std::optional<std::int64_t> stayed{};
  };

  const flight_log& log_;
  flight_traffic out_;
  std::vector<stay> ends_;  // of each request
  std::map<key, in_turn> to_reserve_;
  std::map<key, in_turn> to_join_;
  std::unordered_map<std::uint32_t, std::size_t> line_;  // by the number of the join
  std::map<std::uint32_t, in_turn> live_;                // by weight
  in_turn children_;
  std::optional<time_point> closing_;
};

}  // namespace

flight_traffic traffic_of(const flight_log& log) { return traffic_reader(log).read(); }

}  // namespace weir::tools
