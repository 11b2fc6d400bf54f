#!/usr/bin/env bash
# Trains the planted experiment with --tensorboard and --trace, reads the events back with the tensorboard package and
# compares every number with the trace.
# Usage: bash experiments/tensorboard/check.sh [steps, default 60]
# Prints one JSON object; exits 1 where something differs. RANKTOP names another binary.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
steps=${1:-60}
source "$top/experiments/setup/packages.sh"
ranktop=${RANKTOP:-$top/.build/release/ranktop}
venv=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop/tensorboard
need_venv "$venv" "$top/experiments/tensorboard/requirements.txt"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"
# Into the same folder: the second run must hide the first, which is longer.
"$ranktop" demo --headless --steps $((steps + 20)) --seed 1 --tensorboard events >/dev/null
"$ranktop" demo --headless --steps "$steps" --tensorboard events --trace trace.jsonl >outcome.txt
"$venv/bin/python" "$top/experiments/tensorboard/check.py" events trace.jsonl outcome.txt
