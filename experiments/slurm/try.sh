#!/usr/bin/env bash
# Runs sweep.toml as a job array on a Slurm of this machine's own, on loopback, and compares it with the same sweep run
# without Slurm. As root, with Debian's slurm-wlm and munge installed and nothing else of Slurm running.
# Usage: bash experiments/slurm/try.sh MODEL REVIEWS.TSV   (RANKTOP names another binary than .build/release/ranktop)
set -euo pipefail
cd "$(dirname "$0")"
model=$(realpath "$1")
ranktop=$(realpath "${RANKTOP:-../../.build/release/ranktop}")
work=$(mktemp -d)
started=()
finish() {
  scancel --user "$(id -un)" 2>/dev/null || true
  for _ in {1..50}; do [[ -n $(squeue -h 2>/dev/null) ]] || break; sleep 0.2; done
  for process in "${started[@]}"; do kill "$process" 2>/dev/null || true; done
  wait
  rm -rf "$work"
}
trap finish EXIT

# --- A cluster of one node -------------------------------------------------------------------------------------------
mkdir -p /run/munge && chown munge /run/munge
runuser -u munge -- munged --foreground >"$work/munged.txt" 2>&1 & started+=($!)
mkdir "$work/state" "$work/spool"
cat > "$work/slurm.conf" <<CONF
ClusterName=loopback
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
StateSaveLocation=$work/state
SlurmdSpoolDir=$work/spool
SlurmctldPidFile=$work/slurmctld.pid
SlurmdPidFile=$work/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
NodeName=$(hostname -s) NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$work/slurm.conf
for _ in {1..50}; do munge -n >/dev/null 2>&1 && break; sleep 0.1; done
slurmctld -D >"$work/slurmctld.txt" 2>&1 & started+=($!)
slurmd -D >"$work/slurmd.txt" 2>&1 & started+=($!)
for _ in {1..100}; do [[ $(sinfo -h -o %T 2>/dev/null) == idle ]] && break; sleep 0.2; done
sinfo || { tail "$work"/slurm*.txt; exit 1; }

# --- The sweep --------------------------------------------------------------------------------------------------------
# Fifty sentences of each split and class.
awk -F'\t' 'NR == 1 || ++n[$1, $2] <= 50' "$2" > "$work/reviews.tsv"
set=(--set "model.path=$model" --set "data.train=$work/reviews.tsv" --set training.total_step=60
  --set training.batch_size=8 --set adapter.tinit=10 --set adapter.tfinal=20 --set training.checkpoint_every=10
  --set training.eval_every=0)
"$ranktop" sweep sweep.toml --runs "$work/cluster" "${set[@]}" --emit slurm --to "$work/job.sh"
cat "$work/job.sh"
cd "$work"
job=$(sbatch --parsable job.sh)
# One task is cancelled in the middle and submitted again.
until ls cluster/slurm/*-s0-1/checkpoints/*.ckpt >/dev/null 2>&1; do sleep 0.2; done
squeue
scancel "${job}_0"
while [[ -n $(squeue -h) ]]; do sleep 0.5; done
tail -n 1 slurm-*.out
sbatch --wait --parsable job.sh
tail -n 1 slurm-*.out
cd - >/dev/null
"$ranktop" sweep sweep.toml --runs "$work/cluster" "${set[@]}" --collect |
  python3 -c 'import json, sys
for run in map(json.loads, sys.stdin):
  print(*(run[key] for key in ["variant", "cell", "seed", "state", "step", "accuracy", "parameters"]))'

# --- The same without Slurm -------------------------------------------------------------------------------------------
"$ranktop" sweep sweep.toml --runs "$work/local" "${set[@]}" --headless >/dev/null
for adapter in "$work"/local/slurm/*/adapter/adapter_model.safetensors; do
  cmp "$adapter" "${adapter/local/cluster}" && echo "the same: $(basename "$(dirname "$(dirname "$adapter")")")"
done
