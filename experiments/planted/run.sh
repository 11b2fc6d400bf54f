#!/usr/bin/env bash
# The tables of README.md: every method over twenty seeds of the planted experiment, AdaLoRA by every score, in a decoder,
# and what class labels alone tell. Usage: bash experiments/planted/run.sh   (RANKTOP names another binary than .build/release/ranktop)
set -euo pipefail
cd "$(dirname "$0")/../.."
ranktop=${RANKTOP:-.build/release/ranktop}
seeds=$(seq 0 19)

# Means and deviations over the seeds of what `ranktop demo "$@"` says last.
row() {
  local name=$1
  shift
  for seed in $seeds; do
    "$ranktop" demo --headless --threads 1 --seed "$seed" "$@" 2>/dev/null | tail -n 2
  done | awk -v name="$name" '
    /^rank correlation/ { n++; c = $3; sub(",", "", c); s = $4; a += c; aa += c * c; b += s; bb += s * s }
    /^rank [0-9]/ { r += $2; d = $6; e = $11; x += d; xx += d * d; y += e; yy += e * e }
    function pm(sum, squares, digits) {
      v = n > 1 ? (squares - sum * sum / n) / (n - 1) : 0
      return sprintf("%." digits "f ± %." digits "f", sum / n, v > 0 ? sqrt(v) : 0)
    }
    END {
      printf "| %s | %s | %s | %s | %s | %s |\n", name, sprintf("%.1f", r / n), pm(x, xx, 1), pm(y, yy, 1), pm(a, aa, 3), pm(b, bb, 1)
    }'
}

echo "| method | total rank | off by | exact of 18 | correlation | share, % |"
echo "| --- | --- | --- | --- | --- | --- |"
for method in adalora pruned-lora increlora elalora svd-lora lora; do row "\`$method\`" --method $method; done
for method in adalora pruned-lora increlora elalora; do
  row "\`$method\`, \`parameters\`" --method $method --budget parameters
done
for score in sensitivity magnitude random uniform; do row "\`adalora\`, \`$score\`" --score $score; done
seeds=$(seq 0 4)
for score in smoothed random; do row "\`adalora\`, \`$score\`, a decoder of 28 modules" --family llama --score $score; done
seeds="0 1"
row "\`adalora\`, labels alone" --signal labels --steps 600
