#!/usr/bin/env bash
# Fine-tunes SmolLM2-135M as its GGUF file stores it, in Q4_1, on Jane Austen; lets PEFT load the adapter over the same base,
# dequantised, and compares logits; then times a step of both in turn. Prints the tables that README.md shows.
# Usage: bash experiments/smollm2/smollm2.sh [OUT, default the cache's smollm2/out]
# What OUT holds already is not computed again. THREADS (1) is the number of threads of either side; RANKTOP names another
# binary, PEFT_PYTHON another Python. Exits 1 where logits differ by more than 1e-3.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
here=$top/experiments/smollm2
source "$top/experiments/setup/packages.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop
out=${1:-$cache/smollm2/out}
threads=${THREADS:-1}
rounds=2
# Each side chooses its own BLAS core.
unset OPENBLAS_CORETYPE OPENBLAS_L2_SIZE

need_ranktop "$top"
python=$(bash "$top/experiments/peft/setup.sh")
# transformers reads GGUF files with this package; without what it depends on, which PEFT's Python has.
gguf=$cache/gguf
[[ -d $gguf/gguf ]] || "$python" -m pip install --quiet --disable-pip-version-check --no-deps --target "$gguf" \
  -r "$top/experiments/gguf/requirements.txt" >&2
export PYTHONPATH=$gguf OMP_NUM_THREADS=$threads TQDM_DISABLE=1
files=$cache/smollm2
"$python" "$here/fetch.py" "$files" >&2
model=$files/SmolLM2-135M-Instruct.Q4_1.gguf
dev=$files/austen/dev.txt
mkdir -p "$out"

# once FILE COMMAND…: the command's standard output, as a file that is there whole or not at all.
once() {
  [[ -s $out/$1 ]] || { "${@:2}" >"$out/$1.partial" && mv "$out/$1.partial" "$out/$1"; }
}
evaluate() { # ADAPTER TEXT [OPTION…]
  "$RANKTOP" eval "$1" --model "$model" --data "$2" --max-length 256 --threads "$threads" "${@:3}"
}

run=$out/runs/smollm2-austen-1
once train.json "$RANKTOP" train "$here/austen.toml" --headless --threads "$threads" --runs "$out/runs" \
  --set model.path="$model" --set data.train="$files/austen/train.txt" --set data.eval="$dev" \
  --checkpoint-every 0 --at '0:checkpoint'
# Before the first step λ is 0: what is evaluated is the base.
[[ -d $out/untrained ]] || "$RANKTOP" export "$run" --step 0 --format peft --to "$out/untrained" >&2
once before.json evaluate "$out/untrained" "$dev"
once after.json evaluate "$run" "$dev"

[[ -d $out/adapter ]] || "$RANKTOP" export "$run" --format peft --to "$out/adapter" >&2
[[ -s $out/excerpt.txt ]] || head -n 60 "$dev" >"$out/excerpt.txt"
once ours.json evaluate "$run" "$out/excerpt.txt" --logits "$out/logits.jsonl"
once theirs.json "$python" "$here/peft_smollm2.py" logits "$files" "$out/adapter" "$out/excerpt.txt" "$out/logits.jsonl"

for round in $(seq $rounds); do
  for precision in float32 bfloat16; do
    once "step-$precision-$round.json" "$RANKTOP" bench --model "$model" --batch 4 --length 256 --rank 8 --steps 1 \
      --precision $precision --threads "$threads" --json
  done
  once "step-peft-$round.json" "$python" "$here/peft_smollm2.py" step "$files" "$here/austen.toml" --batch 4 --length 256 \
    --steps 2 --threads "$threads"
done

"$python" "$here/tables.py" "$out"
grep -q '"pass": true' "$out/theirs.json"
