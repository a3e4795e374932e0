// Steps of the real source that are left out or misplaced: mistakes that a model must notice.
//
// A model runs copies of the sources. In these the edits of a script beside the model, named as the source, ask here
// whether a step is to be as it stands or wrong. Each edit replaces one line by one, and nothing else differs: while no
// mistake is made what runs is the source. An edit that fits no longer makes no mistake, which then is not found.
#pragma once

#include <string_view>

namespace model {

/// The mistake that the source makes now; empty: none.
inline std::string_view mistake;

[[nodiscard]] inline bool makes(std::string_view what) noexcept { return mistake == what; }

}  // namespace model

namespace weir::detail {
using model::makes;
}  // namespace weir::detail
