#!/usr/bin/env bash
# Installs what is missing, lints, builds and runs every test. Usage: bash Tests/run.sh [swift test options]
set -euo pipefail
cd "$(dirname "$0")/.."
source experiments/setup/packages.sh

need_packages "${build_packages[@]}"
need_swift

swift format lint --strict -r Package.swift Sources Tests

# Optimised, since unoptimised numeric loops are 50 to 100 times slower; a scratch path of its own, since
# -enable-testing would make every other build start afresh.
scratch=.build-tests
mkdir -p "$scratch"
swift test -c release -Xswiftc -enable-testing --scratch-path "$scratch" "$@" 2>&1 | tee "$scratch/log.txt"

# Swift's own warnings are errors already (Package.swift); this is for the C targets.
if grep -E '(^|/)(Sources|Tests)/.*warning:' "$scratch/log.txt" | grep -v '/checkouts/'; then
  printf 'The build gave the warnings above; none are allowed.\n' >&2
  exit 1
fi
