#!/usr/bin/env bash
# Builds every fuzz target with its seeds and dictionary into $OUT, as ClusterFuzzLite and OSS-Fuzz
# ask for. `try.sh` runs this outside of their image.
set -euo pipefail

: "${OUT:?folder for the targets}"
cd "$(dirname "$0")/.."
[ -d fuzz ] || cd "${SRC:?}/crossload"

# Their image brings a nightly toolchain as its default; elsewhere it is asked for by name.
nightly=()
cargo fuzz --version >/dev/null
if ! rustc --version | grep -q nightly; then nightly=(+nightly); fi
triple=$(rustc -vV | sed -n 's/^host: //p')

# Their image sets compiler flags for the targets; what writes the seeds is an ordinary program.
plain=(env -u RUSTFLAGS -u CFLAGS -u CXXFLAGS)

RUSTC_WRAPPER=$PWD/fuzz/rustc cargo "${nightly[@]}" fuzz build --no-trace-compares
built=${CARGO_TARGET_DIR:-target}/$triple/release
[ -d "$built" ] || built=fuzz/target/$triple/release

for file in fuzz/fuzz_targets/*.rs; do
  name=$(basename "$file" .rs)
  cp "$built/$name" "$OUT/"
  seeds=$(mktemp -d)
  "${plain[@]}" cargo run --quiet --release -- seed "$name" --into "$seeds" >/dev/null
  (cd "$seeds" && zip -q -r "$OUT/${name}_seed_corpus.zip" .) 2>/dev/null || cp -r "$seeds" "$OUT/${name}_seed_corpus"
  rm -rf "$seeds"
done
dict=$(mktemp -d)
"${plain[@]}" cargo run --quiet --release -- seed dictionary --into "$dict" >/dev/null
cp "$dict/crossload.dict" "$OUT/stream_decode.dict"
rm -rf "$dict"
