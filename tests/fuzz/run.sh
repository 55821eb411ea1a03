#!/bin/sh
# Runs one fuzz target: run.sh BUILD STEM SECONDS. The seeds in corpus/ stay as they are; what is
# found goes below BUILD, and is where the next run begins.
build=$1
stem=$2
here=$(dirname "$0")
length=$(grep -o -m1 -e '-max_len=[0-9]*' "$here/${stem}_fuzz.cpp")
log=$build/$stem.log

mkdir -p "$build/$stem"
if "$build/${stem}_fuzz" "-max_total_time=$3" "$length" -timeout=10 -artifact_prefix="$build/$stem-" \
    "$build/$stem" "$here/corpus/$stem" > "$log" 2>&1; then
  awk -v stem="$stem" '/DONE/{printf "%-14s %9d runs, coverage %d\n", stem, substr($1, 2), $4}' "$log"
else
  tail -n 40 "$log"
  echo "$stem: FAILED, see $log and $build/$stem-*"
  exit 1
fi
