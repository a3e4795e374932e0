// Memory that a schedule frees stays until its end, so that a thread which uses it after that is found out by the
// explorer, and reads what was there, instead of what somebody else has put there.
//
// The explorer's program has its own operator new and delete for this.
#pragma once

namespace model {

/// At the end of a schedule, when nothing of it is used any more.
void free_kept_memory() noexcept;

}  // namespace model
