#!/usr/bin/env bash
# A Python with the exact PEFT that this project is compared with (about 6 GB on disk). Prints the path of its interpreter.
# Usage: PEFT_PYTHON=$(bash experiments/peft/setup.sh); a PEFT_PYTHON that is set already is used as it is.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
source "$top/experiments/setup/packages.sh"
venv=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop/peft
python=${PEFT_PYTHON:-$venv/bin/python}

if [[ -z ${PEFT_PYTHON:-} ]]; then need_venv "$venv" "$top/experiments/peft/requirements.txt"; fi
"$python" -c 'import peft, torch, transformers' >&2
printf '%s\n' "$python"
