// The words of a flight file that its writer and its reader share.
#pragma once

#include <array>
#include <string_view>

namespace weir::tools {

inline constexpr std::string_view flight_columns =
    "ticket,at,op,verdict,request,weight,flags,time,deadline,retry_after,tasks_free,weight_free,places,arrival,binding";
inline constexpr std::size_t flight_column_count = 15;

/// By the number of the weir::overflow.
inline constexpr std::array<std::string_view, 4> flight_overflow_names{"reject_new", "drop_oldest", "drop_lowest",
                                                                       "caller_runs"};

}  // namespace weir::tools
