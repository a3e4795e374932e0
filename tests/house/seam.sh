#!/usr/bin/env bash
# One file names the primitives of the machine, so that the explorer of tests/model/ can stand in for all of them.
source "$(dirname -- "$0")/common.sh" "$1"

seam=queues/include/weir/queues/sync.hpp
others=()
for file in "${code[@]}"; do [[ $file == "$seam" ]] || others+=("$file"); done

forbid "only $seam names these; use weir::detail::atomic, mutex and the functions beside them" \
  'std::(atomic|memory_order|(recursive_|timed_|shared_|recursive_timed_)?mutex|condition_variable)|atomic_(thread|signal)_fence|__(atomic|sync)_[a-z]|SYS_futex' \
  "${others[@]}"
forbid "only $seam includes these" \
  '#[[:space:]]*include[[:space:]]*<(atomic|mutex|shared_mutex|condition_variable|linux/futex\.h)>' "${others[@]}"
forbid "only $seam looks at WEIR_MODEL" '#[[:space:]]*(if|ifdef|ifndef|elif)\b.*\bWEIR_MODEL\b' "${others[@]}"
exit "$broken"
