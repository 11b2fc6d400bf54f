#!/usr/bin/env bash
# Why AdaLoRA stays behind on CoLA with MiniLM: a sweep, then its comparison by Matthews correlation.
# Usage: bash experiments/cola/run.sh COLA OUT   COLA: folder of GLUE's train.tsv and dev.tsv; OUT: where runs go
# Cut off and called again, it goes on. Needs MiniLM, which experiments/quickstart.sh fetches.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ranktop=${RANKTOP:-$here/../../.build/release/ranktop}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop
(($# == 2)) || { sed -n 2,4p "$0" >&2; exit 64; }
mkdir -p "$2"
"$ranktop" sweep "$here/why.toml" --headless --runs "$2" --set "model.path=$cache/models/all-MiniLM-L6-v2" \
  --set "data.train=$1/train.tsv" --set "data.eval=$1/dev.tsv" >/dev/null
"$ranktop" compare "$2/why" --metric matthews --baseline 'AdaLoRA as given' --csv "$2/why.csv" --html "$2/why.html" >"$2/why.txt"
