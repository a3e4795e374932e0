#!/usr/bin/env bash
# The shape of a file: short, finished, and the same on every machine.
source "$(dirname -- "$0")/common.sh" "$1"

for file in "${text[@]}"; do
  lines=$(wc -l <"$file")
  if ((lines > 400)); then
    printf '%s: %d lines\n   above 400 a file is split: it holds more than one concept\n' "$file" "$lines"
    broken=1
  fi
done

# clang-format wraps the code, and leaves comments alone.
LC_ALL=C.UTF-8 forbid "above 120 columns a line is wrapped" '^.{121}' "${code[@]}"

# Spelt in two halves, since this file is read too.
forbid "finish it, or take it out" '\b(TO''DO|FIX''ME|X''XX|HA''CK)\b' "${text[@]}"
forbid "a path of one machine" '(^|[^[:alnum:]_.)}>*-])/(home|root|work|tmp|mnt|opt|Users)''/[[:alnum:]_]' "${text[@]}"
tests=()
for file in "${code[@]}"; do [[ $file != tests/* ]] || tests+=("$file"); done
forbid "tests neither skip nor sleep" 'GTEST_''SKIP|DISABLED''_|this_thread::sleep''_|\b(u|nano)sleep''\(' "${tests[@]}"
exit "$broken"
