#!/usr/bin/env bash
# Runs build.sh into a folder of its own and each target that it made for some seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
OUT=$(mktemp -d)
export OUT
trap 'rm -rf "$OUT"' EXIT
bash .clusterfuzzlite/build.sh
for file in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$file" .rs)
  "$OUT/$name" -max_total_time="$seconds" -artifact_prefix="$OUT/" 2>&1 | grep -E 'DONE|ERROR|panicked' || {
    echo "$name: no outcome"
    exit 1
  }
done
