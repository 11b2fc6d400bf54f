#!/usr/bin/env bash
# The table of README.md: ten seeds of the planted experiment, smoothed scores against random ones, then labels alone.
# Usage: bash experiments/planted/run.sh   (RANKTOP names another binary than .build/release/ranktop)
set -euo pipefail
cd "$(dirname "$0")/../.."
ranktop=${RANKTOP:-.build/release/ranktop}
for seed in 0 1 2 3 4 5 6 7 8 9; do
  for score in smoothed random; do
    printf '%s %s: ' "$seed" "$score"
    "$ranktop" demo --headless --threads 2 --seed "$seed" --score "$score" 2>/dev/null | tail -n 1
  done
done
for seed in 0 1; do
  printf '%s labels: ' "$seed"
  "$ranktop" demo --headless --threads 2 --seed "$seed" --signal labels --steps 600 2>/dev/null | tail -n 1
done
