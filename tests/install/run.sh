#!/usr/bin/env bash
# run.sh package|subdirectory BUILD: a project of its own uses weir, as installed from the tree BUILD, or as a subdirectory.
set -euo pipefail
here=$(CDPATH= cd -- "$(dirname -- "$(readlink -f -- "$0")")" && pwd -P)
manner=$1
scratch=$2/consumer_$manner
rm -rf -- "$scratch"

case $manner in
  package)
    cmake --install "$2" --prefix "$scratch/prefix" >/dev/null
    find_it=(-DCMAKE_PREFIX_PATH="$scratch/prefix")
    ;;
  subdirectory) find_it=(-DWEIR_SOURCE_DIR="${here%/tests/install}") ;;
esac
cmake -G Ninja -S "$here/consumer" -B "$scratch/build" -DCMAKE_BUILD_TYPE=Release "${find_it[@]}"
cmake --build "$scratch/build"
for program in queues admission consumer; do "$scratch/build/$program"; done
