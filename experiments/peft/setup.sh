#!/usr/bin/env bash
# A Python with the exact PEFT that this project is compared with (about 6 GB on disk). Prints the path of its interpreter.
# Usage: PEFT_PYTHON=$(bash experiments/peft/setup.sh); a PEFT_PYTHON that is set already is used as it is.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
source "$top/experiments/setup/packages.sh"
venv=${XDG_CACHE_HOME:-$HOME/.cache}/ranktop/peft
python=${PEFT_PYTHON:-$venv/bin/python}

if [[ -z ${PEFT_PYTHON:-} && ! -e $venv/complete ]]; then
  python3 -c 'import ensurepip' 2>/dev/null || need_packages python3 python3-venv >&2
  python3 -m venv "$venv"
  "$python" -m pip install --quiet --disable-pip-version-check -r "$top/experiments/peft/requirements.txt" >&2
  touch "$venv/complete"
fi
"$python" -c 'import peft, torch, transformers' >&2
printf '%s\n' "$python"
