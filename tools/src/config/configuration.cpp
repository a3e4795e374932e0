#include "configuration.hpp"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "config_text.hpp"
#include "nearest_name.hpp"
#include "setting_names.hpp"
#include "toml_items.hpp"

namespace weir::tools {

namespace {

using key_names = std::vector<std::string_view>;

// A name as it may stand in a message.
std::string shown(std::string_view name) {
  constexpr std::string_view bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  const bool plain = !name.empty() && name.size() <= 40 && name.find_first_not_of(bare) == std::string_view::npos;
  return plain ? std::string(name) : quoted(name);
}

std::string listed(const key_names& names) {
  std::string all;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) all += i + 1 == names.size() ? " and " : ", ";
    all += names[i];
  }
  return all;
}

key_names section_names() {
  key_names all;
  for (const setting_name& one : setting_names) {
    if (all.empty() || all.back() != one.section) all.push_back(one.section);
  }
  all.push_back(traffic_section);
  return all;
}

key_names keys_of(std::string_view section) {
  key_names all;
  for (const setting_name& one : setting_names) {
    if (one.section == section) all.push_back(one.key);
  }
  if (section == traffic_section) {
    for (const traffic_name& one : traffic_names) all.push_back(one.key);
  }
  return all;
}

// The sections that have this key, those of the settings first.
key_names sections_with(std::string_view key) {
  key_names all;
  for (const std::string_view section : section_names()) {
    const key_names keys = keys_of(section);
    if (std::find(keys.begin(), keys.end(), key) != keys.end()) all.push_back(section);
  }
  return all;
}

std::string in_brackets(std::string_view section) { return '[' + std::string(section) + ']'; }

class name_reader {
 public:
  configuration read(const std::vector<toml_item>& file) && {
    for (const toml_item& item : file) {
      const key_names sections = section_names();
      const bool is_section = std::find(sections.begin(), sections.end(), item.name) != sections.end();
      if (!is_section) {
        refuse_top(item, sections);
      } else if (item.kind == toml_kind::section) {
        for (const toml_item& setting : item.items) take(item.name, setting);
      } else {
        const std::string what = item.kind == toml_kind::value ? "a value" : item.kind_name;
        refuse(item, item.name + ": this is " + what + ", it is the name of a section, write " +
                         in_brackets(item.name) + " once and its settings below");
      }
    }
    return std::move(all_);
  }

 private:
  void refuse(const toml_item& item, std::string why) { all_.wrong.push_back({item.at, std::move(why)}); }

  void refuse_top(const toml_item& item, const key_names& sections) {
    const std::string limit = listed(sections) + " are the sections";
    if (const key_names fitting = sections_with(item.name); item.kind != toml_kind::section && !fitting.empty()) {
      return refuse(item, shown(item.name) + ": this stands in no section, " + limit + ", move it below " +
                              in_brackets(fitting.front()));
    }
    const std::optional<std::string_view> near = nearest_name(item.name, sections);
    refuse(item, shown(item.name) + ": there is no such section, " + limit + ", " +
                     (near ? "perhaps " + in_brackets(*near) + " is meant" : "take it out"));
  }

  void take(std::string_view section, const toml_item& item) {
    std::optional<written_value>* target = nullptr;
    for (const setting_name& one : setting_names) {
      if (one.section == section && one.key == item.name) target = &(all_.written.*one.value);
    }
    for (const traffic_name& one : traffic_names) {
      if (section == traffic_section && one.key == item.name) target = &(all_.expected.*one.value);
    }
    if (target == nullptr) return refuse_key(section, item);
    if (item.kind != toml_kind::value) {
      const std::string what = item.kind == toml_kind::section ? "a section" : item.kind_name;
      return refuse(item, item.name + ": this is " + what +
                              ", one value is needed, write a number, a text in quotes, true or false");
    }
    *target = item.value;
  }

  void refuse_key(std::string_view section, const toml_item& item) {
    const key_names keys = keys_of(section);
    std::string remedy = "take it out";
    if (const key_names fitting = sections_with(item.name); !fitting.empty()) {
      remedy = "move it below " + in_brackets(fitting.front());
    } else if (const auto near = nearest_name(item.name, keys)) {
      remedy = "perhaps " + std::string(*near) + " is meant";
    } else if (const auto elsewhere = nearest_anywhere(item.name)) {
      remedy = "perhaps " + std::string(*elsewhere) + " below " + in_brackets(sections_with(*elsewhere).front()) +
               " is meant";
    }
    refuse(item, shown(item.name) + ": there is no such setting, " + in_brackets(section) + " has " + listed(keys) +
                     ", " + remedy);
  }

  static std::optional<std::string_view> nearest_anywhere(std::string_view name) {
    key_names all;
    for (const std::string_view section : section_names()) {
      for (const std::string_view key : keys_of(section)) all.push_back(key);
    }
    return nearest_name(name, all);
  }

  configuration all_;
};

void append(std::vector<finding>& to, std::vector<finding> more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

configuration read_configuration(const std::string& path) {
  return name_reader().read(parse_toml(config_text(path), path));
}

written_settings merged(written_settings file, const written_settings& command_line) {
  if (command_line.rate && command_line.rate->text == "unlimited") file.burst.reset();
  if (command_line.door && command_line.door->text == "try") {
    file.max_waiters.reset();
    file.overflow.reset();
  }
  for (const setting_name& one : setting_names) {
    if (command_line.*one.value) file.*one.value = command_line.*one.value;
  }
  return file;
}

settings configured(const std::string& path, const written_settings& command_line) {
  configuration said = read_configuration(path);
  append(said.wrong, wrong_values(said.written));
  append(said.wrong, read_traffic(said.expected).wrong);
  if (said.wrong.empty()) return checked(merged(std::move(said.written), command_line));
  append(said.wrong, wrong_values(command_line));
  sort_by_place(said.wrong);
  throw bad_settings(std::move(said.wrong));
}

void sort_by_place(std::vector<finding>& all) {
  const auto place = [](const finding& one) { return std::tuple(!one.at.file.empty(), one.at.line, one.at.column); };
  std::stable_sort(all.begin(), all.end(), [&](const finding& a, const finding& b) { return place(a) < place(b); });
}

}  // namespace weir::tools
