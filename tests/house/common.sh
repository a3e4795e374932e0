# What the rules share. Each rule is a script whose only argument is the root of the tree; it prints what breaks it and returns 1.
set -euo pipefail
CDPATH= cd -- "$1"

components=(queues admission scheduler)
code=()  # every C++ file, and `text`: every file that a reader of the tree opens
text=()
while IFS= read -r -d '' file; do
  text+=("$file")
  case $file in *.hpp | *.cpp) code+=("$file") ;; esac
done < <(find * .[!.]* \( -name build -o -name .git \) -prune -o -type f ! -name LICENSE -print0 | sort -z)

# forbid WHY PATTERN FILE...: no line of the FILEs matches the extended regular expression.
broken=0
forbid() {
  local why=$1 pattern=$2
  shift 2
  (($#)) || return 0
  if grep -nHE -- "$pattern" "$@"; then
    printf '   %s\n' "$why"
    broken=1
  fi
}
