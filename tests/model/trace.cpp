#include "trace.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace model {
namespace {

// In the order of the enumerators.
constexpr std::string_view actions[] = {
    "load",      "store",   "exchange", "compare_exchange", "fetch_add", "fetch_sub",  "fetch_or",   "fetch_and",
    "fetch_xor", "fence",   "lock",     "try_lock",         "unlock",    "futex_wait", "futex_wake", "pause",
    "clock",     "visible", "join"};
constexpr std::string_view orders[] = {"relaxed", "acquire", "release", "acq_rel", "seq_cst"};
static_assert(std::size(actions) == static_cast<std::size_t>(action::join) + 1);
static_assert(std::size(orders) == static_cast<std::size_t>(memory_order_seq_cst) + 1);

bool is_on_a_value(action what) { return what <= action::fetch_xor; }

}  // namespace

std::string place(const std::source_location& where) {
  const std::string_view file = where.file_name();
  return std::string(file.substr(file.find_last_of('/') + 1)) + ':' + std::to_string(where.line());
}

void trace::clear() {
  events_.clear();
  labels_.clear();
}

void trace::label(std::string name, const void* object, std::size_t size) {
  labels_.push_back({std::move(name), reinterpret_cast<std::uintptr_t>(object), size});
}

void trace::note(std::uint64_t before, std::uint64_t after) {
  if (events_.empty()) return;
  events_.back().before = before;
  events_.back().after = after;
}

void trace::add_before_last(const std::string& thread, const operation& what, std::uint64_t after) {
  events_.insert(events_.end() - (events_.empty() ? 0 : 1), {&thread, what, 0, after});
}

std::string_view name_of(action what) { return actions[static_cast<std::size_t>(what)]; }

std::string_view name_of(memory_order order) { return orders[order]; }

std::string trace::name_of(const void* object) {
  const auto address = reinterpret_cast<std::uintptr_t>(object);
  for (const labelled& known : labels_) {
    if (address < known.begin || address >= known.begin + known.size) continue;
    return address == known.begin ? known.name : known.name + '+' + std::to_string(address - known.begin);
  }
  label("#" + std::to_string(labels_.size()), object, 1);  // numbered as they appear: addresses differ between runs
  return labels_.back().name;
}

std::string trace::describe(const operation& what) {
  std::string out(model::name_of(what.what));
  if (is_on_a_value(what.what)) (out += ' ') += model::name_of(what.order);
  if (what.object != nullptr) out += " of " + name_of(what.object);
  return out + " at " + place(what.where);
}

std::string trace::last(std::size_t count) {
  std::string out;
  for (std::size_t i = events_.size() - std::min(count, events_.size()); i < events_.size(); ++i) {
    const event& e = events_[i];
    out += "  " + *e.thread + ": " + describe(e.what);
    if (e.what.what == action::futex_wait) {
      out += ": holds " + std::to_string(e.before) + ", expected " + std::to_string(e.after);
    } else if (e.what.what == action::futex_wake) {
      out += ": woke " + std::to_string(e.after);
    } else if (e.what.what == action::visible) {
      out += ": " + std::to_string(e.after);
    } else if (is_on_a_value(e.what.what)) {
      out += ": " + std::to_string(e.before);
      if (e.what.what != action::load) {
        out += " -> " + std::to_string(e.after);
      } else if (e.after != e.before) {
        out += ", is " + std::to_string(e.after);
      }
    }
    out += '\n';
  }
  return out;
}

}  // namespace model
