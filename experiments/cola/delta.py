"""How large the adapters' ΔW = s·PΛQ (s·BA) of a sweep's runs became: the root of the sum of squares over all modules.

Usage: delta.py SWEEP   prints a row a variant: mean and range over its seeds. Needs numpy and safetensors.
"""

import json
import sqlite3
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def delta(folder):
    config = json.loads((folder / "adapter/adapter_config.json").read_text())
    tensors = load_file(folder / "adapter/adapter_model.safetensors")
    is_lora = config["peft_type"] == "LORA"
    scale = config["lora_alpha"] / config["r"] if is_lora else config["lora_alpha"] / (config["init_r"] + 1e-5)
    end = ".weight" if is_lora else ""
    square = 0.0
    for name, q in tensors.items():
        if not name.endswith(".lora_A" + end):
            continue
        stem = name[: -len(".lora_A" + end)]
        p = tensors[stem + ".lora_B" + end]
        if not is_lora:
            p = p * tensors[stem + ".lora_E"].T
        # ‖PQ‖² = tr(PᵀP · QQᵀ)
        square += scale**2 * float(np.sum((p.T @ p) * (q @ q.T)))
    return square**0.5


sweep = Path(sys.argv[1])
rows = sqlite3.connect(f"file:{sweep}/sweep.sqlite?mode=ro", uri=True).execute(
    "SELECT variant, folder FROM run WHERE state = 'done' ORDER BY id"
)
sizes = {}
for variant, folder in rows:
    sizes.setdefault(variant, []).append(delta(sweep / folder))
print("| variant | ‖ΔW‖: mean | least | largest |\n| --- | --- | --- | --- |")
for variant, values in sizes.items():
    print(f"| {variant} | {np.mean(values):.2f} | {min(values):.2f} | {max(values):.2f} |")
