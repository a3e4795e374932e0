// What the settings are called in a file, and in which section they stand. On the command line the name of a setting is
// that of its key, with dashes; a test sees to it that each has one.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "replay/settings.hpp"

namespace weir::tools {

struct setting_name {
  std::string_view section, key;
  std::optional<written_value> written_settings::*value;
};

/// A pool and its door as a service has them, and below `replay` what only a replay is told.
inline constexpr std::array<setting_name, 29> setting_names{{
    {"pool", "workers", &written_settings::workers},
    {"limits", "max_tasks", &written_settings::max_tasks},
    {"limits", "max_weight", &written_settings::max_weight},
    {"limits", "rate", &written_settings::rate},
    {"limits", "burst", &written_settings::burst},
    {"limits", "max_waiters", &written_settings::max_waiters},
    {"limits", "max_waiting_weight", &written_settings::max_waiting_weight},
    {"limits", "overflow", &written_settings::overflow},
    {"limits", "priority_ageing", &written_settings::priority_ageing},
    {"limits", "max_bypass", &written_settings::max_bypass},
    {"limits", "strict_window", &written_settings::strict_window},
    {"limits", "allow_slow_waiters", &written_settings::allow_slow_waiters},
    {"limits", "breaker_expired", &written_settings::breaker_expired},
    {"limits", "breaker_pause", &written_settings::breaker_pause},
    {"limits", "warn_at", &written_settings::warn_at},
    {"limits", "flight_entries", &written_settings::flight_entries},
    {"replay", "door", &written_settings::door},
    {"replay", "deadline", &written_settings::deadline},
    {"replay", "trace", &written_settings::trace},
    {"replay", "repeat", &written_settings::repeat},
    {"replay", "speed", &written_settings::speed},
    {"replay", "for", &written_settings::run_for},
    {"replay", "token_cost", &written_settings::token_cost},
    {"replay", "cancel", &written_settings::cancel},
    {"replay", "seed", &written_settings::seed},
    {"replay", "json", &written_settings::json},
    {"replay", "flight", &written_settings::flight},
    {"replay", "compare", &written_settings::compare},
    {"replay", "strict", &written_settings::strict},
}};

}  // namespace weir::tools
