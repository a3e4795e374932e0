#!/usr/bin/env bash
# The door beside others: each question is asked of weir's program and of the one in Go in turn, round by round, and the
# medians are set against weir's. tools/run --with-peers installs and builds what it needs.
source "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")/../../tools/common.sh"

usage() {
  cat <<'EOT'
perf/compare/run.sh [--quick] [--rounds N] [--ms N] [PROGRAM]

Nanoseconds an operation, CPU time of one thread, or wall time of several: of PROGRAM, a weir_compare
(build/release/perf/compare/weir_compare), and of the peers in Go, which are built beside it where there is a Go with
Debian's packages of them.

  --rounds N   times that each question is asked of each program (9)
  --ms N       least milliseconds of each measurement (20); with several threads up to 20 windows of a quarter of it
  --quick      3 rounds of 2 ms: a look, and no measurement
EOT
}

program=$root/build/release/perf/compare/weir_compare
rounds=9
ms=20
while (($#)); do
  case $1 in
    --quick) rounds=3 ms=2 ;;
    --rounds) rounds=${2:?} && shift ;;
    --ms) ms=${2:?} && shift ;;
    --help) usage; exit 0 ;;
    -*) usage >&2; exit 2 ;;
    *) program=$1 ;;
  esac
  shift
done
program=$(readlink -f -- "$program")
[[ -x $program ]] || die "there is no $program; build the target weir_compare, or use tools/run --with-peers"

version() { dpkg-query -W -f='${Package} ${Version}\n' "$@" 2>/dev/null || true; }

# Debian's Go packages lie where GOPATH's default does not look. Nothing is fetched.
build_go() {
  (cd -- "$root/perf/compare/go" && GO111MODULE=off GOPATH=${GOPATH:-/usr/share/gocode} \
    GOCACHE=${GOCACHE:-$(dirname -- "$program")/go-cache} go build -o "$1" .)
}

programs=("$program")
missing=
if ! command -v go >/dev/null; then
  missing='Go is missing, and so are its rows: there is no program go'
elif ! said=$(build_go "$program"_go 2>&1); then
  missing="Go is missing, and so are its rows: $said"
else
  programs+=("$program"_go)
fi

results=$(mktemp)
trap 'rm -f -- "$results"' EXIT
mapfile -t questions < <("$program" --list)
for ((round = 0; round < rounds; ++round)); do
  for q in "${!questions[@]}"; do
    for ((p = 0; p < ${#programs[@]}; ++p)); do
      # Who is first changes from round to round.
      which=$(((p + round) % ${#programs[@]}))
      "${programs[which]}" --ms "$ms" --only "${questions[q]}" |
        awk -v q="$q" -v which="$which" '{ print q, $3, 100 * which + NR, $0 }' >>"$results"
    done
  done
done

printf '%s\n' "$rounds rounds of at least $ms ms; nanoseconds; ratio: to weir's median of the same question and threads" \
  "rounds: in which several threads had 90 % of their CPUs, which alone count; where these are fewer than 3 all do, without a ratio" \
  "CPU time of 1 thread, wall time of more; load of the machine: $(cut -d' ' -f1-2 /proc/loadavg), $(nproc) CPUs"
{ version g++ libtbb-dev golang-golang-x-sync-dev golang-golang-x-time-dev
  ((${#programs[@]} == 1)) || "$program"_go --version; } | paste -sd, - | sed 's/,/, /g'
[[ -z $missing ]] || printf '%s\n' "$missing"
printf '\n%-17s %-12s %7s %9s %19s %7s %7s\n' question subject threads median 'min - max' ratio rounds

# By question, threads and subject as the programs have them, then by number: the median is the one in the middle.
LC_ALL=C sort -k1,1n -k2,2n -k3,3n -k7,7g "$results" | awk '
  function flush(    i, m, use) {
    if (!n) return
    rows++
    name[rows] = last
    for (i = 1; i <= n; i++) m += share[i] >= 0.9
    enough = m >= 3 || m == n
    use = enough ? m : n
    counted[rows] = m "/" n
    for (i = m = 1; i <= n; i++) if (use == n || share[i] >= 0.9) v[m++] = v[i]
    median[rows] = use % 2 ? v[(use + 1) / 2] : (v[use / 2] + v[use / 2 + 1]) / 2
    least[rows] = v[1]
    most[rows] = v[use]
    split(last, part, " ")
    fair[rows] = enough
    if (part[2] == "weir" && fair[rows]) weir[part[1], part[3]] = median[rows]
    n = 0
  }
  { key = $4 " " $5 " " $6; if (key != last) flush(); last = key; v[++n] = $7; share[n] = $8 }
  END {
    flush()
    for (r = 1; r <= rows; r++) {
      split(name[r], part, " ")
      ours = weir[part[1], part[3]]
      printf "%-17s %-12s %7d %9.1f %19s %7s %7s\n", part[1], part[2], part[3], median[r],
             sprintf("%.1f - %.1f", least[r], most[r]), (ours > 0 && fair[r] ? sprintf("%.2f", median[r] / ours) : "-"), counted[r]
    }
  }'
