#!/usr/bin/env bash
# Runs build.sh into a folder of its own, with the flags that the image of ClusterFuzzLite sets, and
# each target that it made for some seconds from its seeds and with its dictionary.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-5}
OUT=$(mktemp -d)
export OUT
export RUSTFLAGS="--cfg fuzzing -Zsanitizer=address -Cdebuginfo=1 -Cforce-frame-pointers"
trap 'rm -rf "$OUT"' EXIT
bash .clusterfuzzlite/build.sh
for file in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$file" .rs)
  seeds=$OUT/$name.seeds
  if [ -f "$OUT/${name}_seed_corpus.zip" ]; then
    unzip -q "$OUT/${name}_seed_corpus.zip" -d "$seeds"
  else
    mv "$OUT/${name}_seed_corpus" "$seeds"
  fi
  [ -n "$(ls "$seeds")" ] || { echo "$name: no seeds"; exit 1; }
  options=(-max_total_time="$seconds" -artifact_prefix="$OUT/")
  [ -f "$OUT/$name.dict" ] && options+=(-dict="$OUT/$name.dict")
  "$OUT/$name" "${options[@]}" "$seeds" >"$OUT/log" 2>&1 || { tail -n 40 "$OUT/log"; exit 1; }
  echo "$name: $(grep DONE "$OUT/log")"
done
