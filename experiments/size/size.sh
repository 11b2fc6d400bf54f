#!/usr/bin/env bash
# Trains a Llama of 1.5 billion random parameters for a few steps, stored in bfloat16 and in Q4_1, and prints a table of
# tokens a second and peak memory. The files take 4 GB.
# Usage: bash experiments/size/size.sh [BATCH, default 1] [LENGTH, default 256]
# RANKTOP names another binary.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
source "$top/experiments/setup/packages.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop
batch=${1:-1}
length=${2:-256}

need_ranktop "$top"
venv=$cache/gguf-venv
need_venv "$venv" "$top/experiments/gguf/requirements.txt"

echo "| weights | layers | tokens/s | step | peak memory | of which activations |"
echo "| --- | --- | --- | --- | --- | --- |"
for weights in bf16 q4_1; do
  "$venv/bin/python" "$top/experiments/size/make_model.py" "$cache/size" $weights
  model=$cache/size/$weights
  [[ $weights == q4_1 ]] && model+=.gguf
  for layers in recomputed kept; do
    "$RANKTOP" bench --model "$model" --batch "$batch" --length "$length" --rank 8 --steps 1 --json \
      --precision bfloat16 $([[ $layers == recomputed ]] && echo --recompute) |
      "$venv/bin/python" -c '
import json, sys
run = json.load(sys.stdin)
print("|", " | ".join(sys.argv[1:] + [
    "{:.1f}".format(run["tokens_per_s"]), "{:.1f} s".format(run["step_ms"] / 1e3),
    "{:.1f} GB".format(run["peak_rss_bytes"] / 1e9), "{:.1f} GB".format(run["activation_bytes"] / 1e9)]), "|")' \
        $weights $layers
  done
done
