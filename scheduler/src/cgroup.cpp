#include "cgroup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string_view>
#include <system_error>

namespace weir::detail {
namespace {

// A path of groups is the way to one from the outermost that this process sees, e.g. "/a/b". Steps ".." lead further
// out.

/// Where a hierarchy with the CPU controller can be looked at.
struct cgroup_mount {
  int version;
  std::string root;   // the path of the group that is mounted
  std::string point;  // the folder in which it is
};

/// The paths of this process's groups, as far as there are any.
struct own_groups {
  std::optional<std::string> v1;
  std::optional<std::string> v2;
};

/// What a separator parts in a text, one after the other. An empty text between two separators is a part, too.
class parts {
 public:
  parts(std::string_view all, char separator) noexcept : rest_(all), separator_(separator) {}

  /// False if there is none left.
  [[nodiscard]] bool next(std::string_view& part) noexcept {
    if (is_over_) return false;
    const std::size_t end = rest_.find(separator_);
    part = rest_.substr(0, end);
    is_over_ = end == std::string_view::npos;
    if (!is_over_) rest_.remove_prefix(end + 1);
    return true;
  }
  [[nodiscard]] bool has(std::string_view wanted) noexcept {
    for (std::string_view part; next(part);) {
      if (part == wanted) return true;
    }
    return false;
  }

 private:
  std::string_view rest_;
  char separator_;
  bool is_over_ = false;
};

/// Takes the first step off a path; empty if there is none left.
std::string_view take_step(std::string_view& path) noexcept {
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  const std::string_view step = path.substr(0, path.find('/'));
  path.remove_prefix(step.size());
  return step;
}

// Empty if it cannot be read. The limit is far above any file of /proc, and below what hurts.
std::string content_of(const std::string& path) {
  constexpr std::size_t most = 16 * 1024 * 1024;
  struct close {
    void operator()(std::FILE* f) const noexcept { std::fclose(f); }
  };
  const std::unique_ptr<std::FILE, close> in(std::fopen(path.c_str(), "re"));
  std::string all;
  if (in == nullptr) return all;
  std::array<char, 4096> part;
  while (all.size() < most) {
    const std::size_t got = std::fread(part.data(), 1, part.size(), in.get());
    if (got == 0) break;
    all.append(part.data(), got);
  }
  return all;
}

// Blanks and backslashes in mountinfo are a backslash and three octal digits.
std::string unescaped(std::string_view text) {
  const auto is_octal = [](std::string_view digits) {
    return digits.size() == 3 && digits.find_first_not_of("01234567") == std::string_view::npos;
  };
  std::string plain;
  while (!text.empty()) {
    const std::string_view digits = text.substr(1, 3);
    const bool is_escape = text.front() == '\\' && is_octal(digits);
    plain +=
        is_escape ? static_cast<char>((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + (digits[2] - '0')) : text[0];
    text.remove_prefix(is_escape ? 4 : 1);
  }
  return plain;
}

std::optional<std::int64_t> number_in(std::string_view text) noexcept {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// A line is "hierarchy:controllers:path", where the path may have colons, too.
own_groups read_own_groups(const std::string& root) {
  own_groups own;
  const std::string all = content_of(root + "/proc/self/cgroup");
  parts lines(all, '\n');
  for (std::string_view line; lines.next(line);) {
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    if (line.starts_with("0::")) {
      own.v2 = line.substr(second + 1);
    } else if (parts(line.substr(first + 1, second - first - 1), ',').has("cpu")) {
      own.v1 = line.substr(second + 1);
    }
  }
  return own;
}

// A line is "id parent device root point options [tag]... - type source options".
std::optional<cgroup_mount> mount_in(std::string_view line) {
  std::array<std::string_view, 6> head;
  parts fields(line, ' ');
  for (std::string_view& field : head) {
    if (!fields.next(field)) return std::nullopt;
  }
  if (!fields.has("-")) return std::nullopt;
  std::string_view type, source, options;
  if (!fields.next(type) || !fields.next(source) || !fields.next(options)) return std::nullopt;
  const bool is_v1 = type == "cgroup" && parts(options, ',').has("cpu");
  if (!is_v1 && type != "cgroup2") return std::nullopt;
  return cgroup_mount{.version = is_v1 ? 1 : 2, .root = unescaped(head[3]), .point = unescaped(head[4])};
}

bool leads_out(std::string_view path) noexcept { return parts(path, '/').has(".."); }

// The way to `own` from the group that is mounted: nothing if neither that group nor one around it can be seen there.
//
// In a container the mounted group need not be "/": without a cgroup namespace of its own it is often the container's;
// and a mount of an outer namespace shows as "/..". From there the way down is not known, but that it leads to us is.
std::optional<std::string_view> way_below(std::string_view mounted, std::string_view own) noexcept {
  bool is_outwards = true;  // so far the mounted path has only steps ".."
  for (;;) {
    const std::string_view rest = own;
    const std::string_view step = take_step(mounted);
    if (step.empty() && leads_out(rest)) return std::nullopt;
    if (step.empty()) return rest;
    is_outwards = is_outwards && step == "..";
    if (step != take_step(own)) break;
  }
  while (is_outwards) {
    const std::string_view step = take_step(mounted);
    if (step.empty()) return std::string_view();
    is_outwards = step == "..";
  }
  return std::nullopt;
}

// -1 (v1) and "max" (v2) say that there is none; a period of 0 says nothing.
std::optional<double> cpus_of(std::optional<std::int64_t> quota, std::optional<std::int64_t> period) noexcept {
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

std::optional<double> cpus_in(const std::string& folder, int version) {
  if (version == 1) {
    return cpus_of(number_in(content_of(folder + "/cpu.cfs_quota_us")),
                   number_in(content_of(folder + "/cpu.cfs_period_us")));
  }
  const std::string both = content_of(folder + "/cpu.max");
  parts two(both, ' ');
  std::string_view quota, period, more;
  if (!two.next(quota) || !two.next(period) || two.next(more)) return std::nullopt;
  return cpus_of(number_in(quota), number_in(period));
}

}  // namespace

std::optional<cpu_quota> read_cpu_quota(const std::string& root) {
  const own_groups own = read_own_groups(root);
  std::optional<cpu_quota> smallest;
  const auto look = [&](const std::string& folder, const std::string& group, int version) {
    const std::optional<double> cpus = cpus_in(folder, version);
    if (!cpus || (smallest && smallest->cpus <= *cpus)) return;
    smallest = {.cpus = *cpus, .cgroup_version = version, .group = group.empty() ? "/" : group};
  };
  const std::string mounts = content_of(root + "/proc/self/mountinfo");
  parts lines(mounts, '\n');
  for (std::string_view line; lines.next(line);) {
    const std::optional<cgroup_mount> mount = mount_in(line);
    if (!mount) continue;
    const std::optional<std::string>& mine = mount->version == 1 ? own.v1 : own.v2;
    if (!mine) continue;
    std::optional<std::string_view> below = way_below(mount->root, *mine);
    if (!below) continue;
    // From the outside in, since each group's quota holds for all that is in it.
    std::string folder = root + mount->point;
    std::string group;
    std::string_view mounted = mount->root;
    for (std::string_view step; !(step = take_step(mounted)).empty();) group.append("/").append(step);
    look(folder, group, mount->version);
    for (std::string_view step; !(step = take_step(*below)).empty();) {
      folder.append("/").append(step);
      group.append("/").append(step);
      look(folder, group, mount->version);
    }
  }
  return smallest;
}

}  // namespace weir::detail
