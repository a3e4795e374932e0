#!/usr/bin/env bash
# One file names the primitives of the machine, so that the explorer of tests/model/ can stand in for all of them; and
# the file that stands in for it to count them.
source "$(dirname -- "$0")/common.sh" "$1"

seam=queues/include/weir/queues/sync.hpp
counting=tests/cost/counting_sync.hpp
others=()
components_code=()
for file in "${code[@]}"; do
  [[ $file == "$seam" || $file == "$counting" ]] || others+=("$file")
  for component in "${components[@]}"; do [[ $file != "$component"/* ]] || components_code+=("$file"); done
done

forbid "only $seam names these; use weir::detail::atomic, mutex and the functions beside them" \
  'std::(atomic|memory_order|(recursive_|timed_|shared_|recursive_timed_|shared_timed_)?mutex|condition_variable)|atomic_(thread|signal)_fence|__(atomic|sync)_[a-z]|SYS_futex' \
  "${others[@]}"
forbid "only $seam includes these" \
  '#[[:space:]]*include[[:space:]]*<(atomic|mutex|shared_mutex|condition_variable|linux/futex\.h)>' "${others[@]}"
forbid "a component parks on the futex of $seam alone, which the explorer knows" \
  'std::(counting_semaphore|binary_semaphore|latch|barrier|call_once|once_flag)\b|#[[:space:]]*include[[:space:]]*<(semaphore|latch|barrier)>' \
  "${components_code[@]}"
[[ ! -f $counting ]] || others+=("$counting")
forbid "only $seam looks at WEIR_MODEL" '#[[:space:]]*(if|ifdef|ifndef|elif)\b.*\bWEIR_MODEL\b' "${others[@]}"
exit "$broken"
