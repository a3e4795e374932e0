#include "mutants.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <tuple>

#include "trace.hpp"

namespace model {
namespace {

/// An order that the source gives.
struct place_of_order {
  std::string name;  // "pop load 2"
  given_order at;
  std::vector<const experiment*> met_by;
};

/// `steal`, of `weir::detail::steal_result<T> weir::detail::steal_deque_thief<T>::steal() [with T = item]`.
std::string short_name(std::string_view function) {
  function = function.substr(0, function.find('('));
  return std::string(function.substr(function.find_last_of(": ") + 1));
}

auto key_of(const given_order& o) { return std::tie(o.function, o.operation, o.line); }

/// Those of `file`, in the order of the source within a function.
std::vector<place_of_order> orders_met(const std::string& file, const std::vector<experiment>& experiments) {
  std::vector<place_of_order> out;
  for (const experiment& e : experiments) {
    const result r = explore(e.how, e.setup);
    if (!r.passed()) throw std::runtime_error(r.report);
    for (given_order met : r.orders) {
      if (!met.file.ends_with('/' + file)) continue;
      met.function = short_name(met.function);
      const auto is_same = [&met](const place_of_order& known) { return key_of(known.at) == key_of(met); };
      const auto known = std::find_if(out.begin(), out.end(), is_same);
      if (known == out.end()) {
        out.push_back({{}, std::move(met), {&e}});
      } else if (known->met_by.back() != &e) {
        known->met_by.push_back(&e);
      }
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return key_of(a.at) < key_of(b.at); });
  return out;
}

void give_names(std::vector<place_of_order>& places) {
  for (auto place = places.begin(); place != places.end(); ++place) {
    const auto is_like = [&place](const place_of_order& other) {
      return other.at.function == place->at.function && other.at.operation == place->at.operation;
    };
    place->name = place->at.function + ' ' + place->at.operation;
    if (std::count_if(places.begin(), places.end(), is_like) == 1) continue;
    place->name += ' ' + std::to_string(1 + std::count_if(places.begin(), place, is_like));
  }
}

std::vector<memory_order> one_step_below(memory_order order, std::string_view operation) {
  switch (order) {
    case memory_order_seq_cst:
      if (operation == "load") return {memory_order_acquire};
      if (operation == "store") return {memory_order_release};
      return {memory_order_acq_rel};
    case memory_order_acq_rel:
      if (operation == "fence") return {};
      return {memory_order_acquire, memory_order_release};
    case memory_order_acquire:
    case memory_order_release:
      return {memory_order_relaxed};
    case memory_order_relaxed:
      break;
  }
  return {};
}

bool is_killed(const weakening& mutant, const std::string& name, const std::vector<const experiment*>& by) {
  return std::any_of(by.begin(), by.end(), [&](const experiment* e) {
    options how = e->how;
    how.name = "mutant " + name + ", " + how.name;
    how.weakened = mutant;
    return !explore(how, e->setup).passed();
  });
}

}  // namespace

mutants weaken_each_order(const std::string& file, const std::vector<experiment>& experiments) {
  mutants out;
  std::vector<place_of_order> places = orders_met(file, experiments);
  give_names(places);
  for (const place_of_order& place : places) {
    const given_order& at = place.at;
    std::vector<memory_order> weaker = one_step_below(at.order, at.operation);
    const std::size_t one_step = weaker.size();
    out.total += static_cast<int>(one_step);
    for (std::size_t i = 0; i < weaker.size(); ++i) {
      const memory_order to = weaker[i];
      std::string name = place.name + ": " + std::string(name_of(at.order)) + " -> " + std::string(name_of(to));
      if (is_killed({at.function, at.operation, to, at.line}, name, place.met_by)) {
        if (i < one_step) ++out.killed;
        continue;
      }
      out.survivors.push_back(std::move(name));
      for (const memory_order next : one_step_below(to, at.operation)) {
        if (std::find(weaker.begin(), weaker.end(), next) == weaker.end()) weaker.push_back(next);
      }
    }
  }
  std::printf("[ mutants  ] %s: killed %d/%d\n", file.c_str(), out.killed, out.total);
  for (const std::string& survivor : out.survivors) std::printf("[ mutants  ]   survived: %s\n", survivor.c_str());
  return out;
}

}  // namespace model
