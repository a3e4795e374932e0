#!/usr/bin/env bash
# A component includes only what is below it. The include roots see to that in a build; this sees also what no build compiles.
source "$(dirname -- "$0")/common.sh" "$1"

include='^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"](.*/)?'
above='tests|tools|perf'
for ((i = ${#components[@]} - 1; i >= 0; --i)); do
  component=${components[i]}
  mine=()
  for file in "${code[@]}"; do [[ $file != "$component"/* ]] || mine+=("$file"); done
  forbid "$component includes what is above it" "$include($above)/" "${mine[@]}"
  [[ $component == scheduler ]] || forbid "$component includes what is above it" "${include}weir\.hpp" "${mine[@]}"
  above+="|$component"
done
exit "$broken"
