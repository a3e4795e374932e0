#!/usr/bin/env bash
# The commands of tools/ on a machine that is made up: a copy of the scripts, with programs that only write down how
# they were called. The only argument is the root of the tree.
set -euo pipefail
tree=$(CDPATH= cd -- "$1" && pwd -P)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
home=$scratch/"a tree"  # with a space, as a user may have it
log=$scratch/log
lacking=$scratch/lacking  # packages that are not installed
broken=$scratch/broken    # what cmake fails at: configure or build
failed=0

# program NAME: the text on stdin, as a program in front of all others.
program() {
  { printf '#!/usr/bin/env bash\nlog=%q lacking=%q broken=%q\n' "$log" "$lacking" "$broken" && cat; } >"$scratch/bin/$1"
  chmod +x "$scratch/bin/$1"
}

fresh() {
  rm -rf -- "${scratch:?}"/*
  mkdir -p "$home" "$scratch/bin"
  cp -R -- "$tree/tools" "$home/tools"
  : >"$log" >"$lacking" >"$broken"
  program cmake <<'PROGRAM'
printf 'cmake %s\n' "$*" >>"$log"
while (($#)); do
  case $1 in
    -B) dir=$2; step=configure ;;
    --build) dir=$2; step=build ;;
  esac
  shift
done
mkdir -p "$dir/tools"
touch "$dir/CMakeCache.txt"
! grep -qx "$step" "$broken" || exit 1
[[ $step == build ]] || exit 0
printf '#!/usr/bin/env bash\nprintf "weir %%s\\n" "$*" >>%q\nexit 3\n' "$log" >"$dir/tools/weir"
chmod +x "$dir/tools/weir"
PROGRAM
  program ctest <<'PROGRAM'
printf 'ctest %s\n' "$*" >>"$log"
PROGRAM
  program dpkg-query <<'PROGRAM'
grep -qx "${!#}" "$lacking" || printf installed
PROGRAM
  program apt-get <<'PROGRAM'
printf 'apt-get %s\n' "$*" >>"$log"
case " $* " in *' install '*) for package; do grep -vx -- "$package" "$lacking" >"$lacking.new"; mv "$lacking.new" "$lacking"; done ;; esac
PROGRAM
  program sudo <<'PROGRAM'
exec "$@"
PROGRAM
}

# run WHAT STATUS COMMAND...: COMMAND must end with STATUS. Its words are in $said.
run() {
  local what=$1 expected=$2 status=0
  shift 2
  said=$(PATH=$scratch/bin:$PATH "$@" 2>&1) || status=$?
  ((status == expected)) || fail "$what: status $status instead of $expected"
}

fail() {
  printf '%s\n%s\n' "$1" "$said" >&2
  sed 's/^/   /' "$log" >&2
  failed=1
}

logged() { grep -qE -- "$2" "$log" || fail "$1: nothing like '$2' was called"; }
never_logged() { ! grep -qE -- "$2" "$log" || fail "$1: '$2' was called"; }

fresh
run "a first run" 3 "$home/tools/run" --no-install --speed 9 # weir's own status
logged "a first run" '^cmake .*-DWEIR_BUILD_TESTS=OFF'
logged "a first run" '^weir replay --compare --speed 9$'
run "a second run" 3 "$home/tools/run" --no-install
never_logged "a run" '^apt-get'

fresh
echo libgtest-dev >"$lacking"
echo configure >"$broken"
run "tests without their packages" 1 "$home/tools/test" --no-install
: >"$broken" >"$log"
run "a run after tests that could not be configured" 3 "$home/tools/run"
logged "a run after tests that could not be configured" '^cmake .*-DWEIR_BUILD_TESTS=OFF'
never_logged "a run, which needs no test package" '^apt-get'
: >"$log" >"$lacking"
run "a run after tests" 3 "$home/tools/run" --no-install
never_logged "a run after tests" '-DWEIR_BUILD_TESTS=OFF'

for step in configure build; do
  fresh
  echo "$step" >"$broken"
  run "a run whose $step fails" 5 "$home/tools/run" --no-install
done

fresh
printf '%s\n' golang-go libgtest-dev >"$lacking"
mkdir -p "$home/perf/compare"
printf '#!/usr/bin/env bash\nprintf "compare %%s\\n" "$*" >>%q\nexit 3\n' "$log" >"$home/perf/compare/run.sh"
chmod +x "$home/perf/compare/run.sh"
run "a run with peers" 3 "$home/tools/run" --with-peers --quick
logged "a run with peers" '^apt-get .*install libgtest-dev golang-go$'
logged "a run with peers" '^cmake --build .* --target weir_compare$'
logged "a run with peers" '^compare --quick$'
never_logged "a run with peers" '^weir'
: >"$log"
echo golang-go >"$lacking"
run "a run without peers" 3 "$home/tools/run"
never_logged "a run without peers, which are not installed for it" '^apt-get'

fresh
echo libgtest-dev >"$lacking"
run "tests with --no-install behind ctest's arguments" 0 "$home/tools/test" -R limiter --no-install
logged "tests with --no-install behind ctest's arguments" '^ctest .* -R limiter$'
never_logged "tests with --no-install behind ctest's arguments" '^apt-get'
run "tests that install what is missing" 0 "$home/tools/test"
logged "tests that install what is missing" '^apt-get .*install libgtest-dev'
logged "tests without arguments" '^ctest .*--no-tests=error$'
run "an unknown argument" 2 "$home/tools/test" limiter

# A folder `tools` that `cd` would rather find, and a script that is started by a link elsewhere.
fresh
mkdir -p "$scratch/elsewhere/tools" "$scratch/links"
for name in run test check; do ln -s "$home/tools/$name" "$scratch/links/$name"; done
export CDPATH=$scratch/elsewhere
cd -- "$home"
run "a run with CDPATH" 3 tools/run --no-install
logged "a run with CDPATH" "^cmake -S $home -B $home/build/release "
cd -- "$scratch/links"
run "a run by a link" 3 ./run --no-install
run "tests by a link" 0 ./test --no-install
run "checks by a link" 0 ./check --list
logged "tests by a link" "^ctest --test-dir $home/build/release "

exit "$failed"
