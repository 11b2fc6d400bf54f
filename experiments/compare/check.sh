#!/usr/bin/env bash
# Looks at the page of `ranktop compare` in headless Chromium, wide and narrow, light and dark: no message on the console,
# no request, no text over another or cut off, nothing wider than the window. Leaves screenshots to look at.
# Usage: bash experiments/compare/check.sh OUT [RUN…]
# Without runs it trains small ones first: three variants, three seeds. Prints one JSON object a view; exits 1 where
# something is wrong. RANKTOP names another binary.
set -euo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
out=${1:?usage: check.sh OUT [RUN…]}
shift
mkdir -p "$out"
out=$(cd "$out" && pwd)
source "$top/experiments/setup/packages.sh"
ranktop=${RANKTOP:-$top/.build/release/ranktop}
command -v chromium >/dev/null || need_packages chromium fonts-dejavu-core

if (($# == 0)); then
  python3 "$top/experiments/compare/small.py" "$top" "$out/small"
  for seed in 0 1 2; do
    for variant in "name=adalora" "name=random adapter.score=random" \
      "name=lora adapter.peft_type=LORA adapter.r=3 adapter.lora_alpha=8"; do
      settings=()
      for setting in $variant; do settings+=(--set "$setting"); done
      "$ranktop" train "$out/small/small.toml" --runs "$out/small/runs" --headless --seed "$seed" "${settings[@]}" \
        >/dev/null 2>"$out/small/train.log"
    done
  done
  set -- "$out"/small/runs/*
fi
"$ranktop" compare "$@" --html "$out/page.html" --csv "$out/runs.csv" >"$out/table.txt"

# The page itself forbids scripts: what looks at it stands in a copy.
python3 - "$out/page.html" "$top/experiments/compare/check.js" "$out/looked-at.html" <<'PY'
import pathlib, re, sys
page, script, target = map(pathlib.Path, sys.argv[1:])
text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page.read_text())
target.write_text(text.replace("</body>", f"<script>//<![CDATA[\n{script.read_text()}\n//]]></script></body>"))
PY

# framed PAGE WIDTH: Chromium's own window cannot be as narrow as a phone, a frame in it can.
framed() {
  cat >"$out/frame.html" <<HTML
<!DOCTYPE html><meta charset="utf-8"/><link rel="icon" href="data:,"/>
<style>body { margin: 0 } iframe { border: 0; width: $2px; height: 12000px }</style>
<script>onmessage = (event) => { document.getElementById("outcome").textContent = event.data }</script>
<pre id="outcome" hidden></pre><iframe src="$1"></iframe>
HTML
}

browse() {  # browse WIDTH HEIGHT OPTION…
  local size=$1,$2
  shift 2
  timeout 120 chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --disable-background-networking \
    --user-data-dir="$out/profile" --host-resolver-rules="MAP * ~NOTFOUND" --enable-logging=stderr --v=0 \
    --window-size="$size" "$@" "file://$out/frame.html" 2>"$out/console.log"
}

status=0
for width in 1280 400; do
  for colors in light dark; do
    options=(--blink-settings=preferredColorScheme=$([[ $colors == dark ]] && echo 0 || echo 1))
    framed page.html "$width"
    browse "$width" $((width > 500 ? 3600 : 6400)) "${options[@]}" --screenshot="$out/$width-$colors.png" >/dev/null
    if grep ':CONSOLE' "$out/console.log" >&2; then status=1; fi
    framed looked-at.html "$width"
    outcome=$(browse 1300 2000 "${options[@]}" --dump-dom | sed -n 's/.*<pre id="outcome"[^>]*>\([^<]*\)<.*/\1/p')
    printf '%s\n' "$outcome"
    [[ $outcome == *'"problems":[]'* ]] || status=1
  done
done
rm -rf "$out/frame.html" "$out/looked-at.html" "$out/console.log" "$out/profile"
exit $status
