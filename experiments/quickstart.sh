#!/usr/bin/env bash
# From a fresh machine to a fine-tune with AdaLoRA: MiniLM on movie-review sentences.
# Usage: bash experiments/quickstart.sh [options of `ranktop train`]; run again, it starts in seconds.
set -euo pipefail
here=$PWD
cd "$(dirname "$0")/.."
top=$PWD
source experiments/setup/packages.sh
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop

need_packages "${build_packages[@]}"
need_swift
swift build -c release --product ranktop >&2

python3 -m pip --version >/dev/null 2>&1 || need_packages python3 python3-pip || true
fetched=0
python3 experiments/setup/fetch.py "$cache" || fetched=$?

cd "$here" # where runs/ is written, and what paths among the options are relative to
case $fetched in
  0)
    exec "$top/.build/release/ranktop" train "$top/experiments/movie-reviews.toml" \
      --set "model.path=$cache/models/all-MiniLM-L6-v2" --set "data.train=$cache/movie-reviews/reviews.tsv" "$@"
    ;;
  69 | 127) # nothing to fetch from, or no Python to fetch with
    say 'The model and its data are not here and could not be fetched: running the embedded demo instead.'
    exec "$top/.build/release/ranktop" demo "$@"
    ;;
  *) exit "$fetched" ;;
esac
