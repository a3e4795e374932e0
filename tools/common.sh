# What tools/run, tools/test and tools/check share. Sourced by bash, not run.
set -euo pipefail

unset CDPATH  # else `cd` may go elsewhere, and print where
root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/.." && pwd -P)
jobs=$(nproc)

# Debian's packages, by need.
packages_build=(g++ cmake ninja-build libtbb-dev libconcurrentqueue-dev libcli11-dev nlohmann-json3-dev libtomlplusplus-dev)
packages_test=("${packages_build[@]}" libgtest-dev libgmock-dev librapidcheck-dev libbenchmark-dev)
packages_peers=(golang-go golang-golang-x-sync-dev golang-golang-x-time-dev)  # what perf/compare/ sets beside weir's door
packages_clang=(clang-19 libclang-rt-19-dev llvm-19)  # llvm-19: the symbolizer, without which no suppression matches
packages_format=(clang-format-14)

install_missing=yes  # --no-install clears it

die() {
  printf '%s: %s\n' "${0##*/}" "$1" >&2
  exit "${2:-1}"
}

# step NAME COMMAND...: runs it between a line that names it and a line that says how long it took.
step() {
  local name=$1 from=$SECONDS status=0
  shift
  printf '== %s ...\n' "$name"
  "$@" || status=$?
  if ((status == 0)); then
    printf '== %s: %d s\n' "$name" $((SECONDS - from))
  else
    printf '== %s: FAILED after %d s\n' "$name" $((SECONDS - from))
  fi
  return "$status"
}

# quietly COMMAND...: shows what it printed only when it fails.
quietly() {
  local output status=0
  output=$("$@" 2>&1 </dev/null) || status=$?
  ((status == 0)) || printf '%s\n' "$output" >&2
  return "$status"
}

missing_packages() {
  local package
  for package; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

apt_get() {
  local as_root=()
  if ((EUID != 0)); then
    command -v sudo >/dev/null || die "installing needs root and there is no sudo; as root, run: apt-get install $*"
    as_root=(sudo)
  fi
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=120)
  quietly "${apt[@]}" update && quietly "${apt[@]}" --no-install-recommends install "$@"
}

# install_packages PACKAGE...: those that are missing, and nothing if none is.
install_packages() {
  [[ $install_missing == yes ]] || return 0
  command -v dpkg-query >/dev/null || die "this is not Debian; install the like of: $* and use --no-install"
  local missing
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  printf '   %s\n' "${missing[*]}"
  apt_get "${missing[@]}"
}

# configure NAME OPTION...: makes or refreshes build/NAME. A generator is chosen only for a new one.
configure() {
  local dir=$root/build/$1 generator=()
  shift
  [[ -f $dir/CMakeCache.txt ]] || generator=(-G Ninja)
  quietly cmake -S "$root" -B "$dir" "${generator[@]}" "$@"
}

# build NAME ARGUMENT...: compiles build/NAME.
build() {
  local dir=$root/build/$1
  shift
  cmake --build "$dir" --parallel "$jobs" "$@"
}

# tests NAME ARGUMENT...: runs ctest in build/NAME; its closing lines are the last thing printed.
tests() {
  local dir=$root/build/$1
  shift
  ctest --test-dir "$dir" --parallel "$jobs" --output-on-failure --no-tests=error "$@"
}

# everything NAME OPTION...: installs, configures and builds all of it in build/NAME. Later OPTIONs win.
everything() {
  local name=$1
  shift
  step install install_packages "${packages_test[@]}" &&
    step configure configure "$name" -DWEIR_BUILD_TESTS=ON -DWEIR_BUILD_TOOLS=ON -DWEIR_BUILD_PERF=ON "$@" &&
    step build build "$name"
}

# attempt NAME COMMAND...: a step whose failure does not end the script; summary lists them and returns 1 if any failed.
attempted=()
failed=0
attempt() {
  local name=$1 from=$SECONDS outcome=ok
  step "$@" || { outcome=FAILED; failed=1; }
  attempted+=("$(printf '%-20s %-6s %4d s' "$name" "$outcome" $((SECONDS - from)))")
}

summary() {
  printf '== summary\n'
  printf '   %s\n' "${attempted[@]}"
  return "$failed"
}
