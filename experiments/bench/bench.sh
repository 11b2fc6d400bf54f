#!/usr/bin/env bash
# Times ranktop and HuggingFace PEFT in turn, in one run on one machine, and prints a table of ratios.
# Usage: bash experiments/bench/bench.sh [--only ROW …] [--rounds N] [--sst2 FOLDER] [--list]
# FOLDER holds GLUE's train.tsv and dev.tsv; without it, the rows that need them are left out. RANKTOP names another
# binary, PEFT_PYTHON another Python. Wants an otherwise idle machine.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
source "$top/experiments/setup/packages.sh"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop

need_ranktop "$top"
python=$(bash "$top/experiments/peft/setup.sh")
python3 "$top/experiments/setup/fetch.py" "$cache" >&2

# Each side chooses its own BLAS core.
exec env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$python" "$top/experiments/bench/bench.py" \
  "$RANKTOP" "$cache/models/all-MiniLM-L6-v2" "$@"
