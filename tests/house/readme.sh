#!/usr/bin/env bash
# A block in a README that follows the line `<!-- file: PATH -->` is the text of that file.
source "$(dirname -- "$0")/common.sh" "$1"

# block README PATH: the lines between the fences after the marker.
block() {
  awk -v marker="<!-- file: $2 -->" '
    inside && /^```/ { exit }
    inside { print }
    marked && /^```/ { inside = 1 }
    $0 == marker { marked = 1 }' "$1"
}

for readme in "${text[@]}"; do
  [[ $readme == *.md ]] || continue
  while IFS= read -r path; do
    if [[ ! -f $path ]]; then
      printf '%s: there is no file %s\n' "$readme" "$path"
      broken=1
    elif ! difference=$(diff --label "$readme" --label "$path" -u <(block "$readme" "$path") "$path"); then
      printf '%s\n' "$difference"
      broken=1
    fi
  done < <(sed -nE 's/^<!-- file: (.*) -->$/\1/p' "$readme")
done
exit "$broken"
