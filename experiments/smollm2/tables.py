#!/usr/bin/env python3
"""Prints what smollm2.sh measured, as Markdown. Usage: tables.py OUT"""

import json
import math
import sqlite3
import statistics
import sys
from pathlib import Path

out = Path(sys.argv[1])


def read(name: str) -> dict:
    return json.loads((out / name).read_text())


def losses() -> None:
    print("| dev, 4-bit base in float32 | loss | perplexity |\n| --- | --- | --- |")
    for name, label in [("before.json", "before"), ("after.json", "after")]:
        loss = read(name)["loss"]
        print(f"| {label} | {loss:.4f} | {math.exp(loss):.2f} |")


def logits() -> None:
    ours, theirs = read("ours.json"), read("theirs.json")
    print(f"\n{theirs['blocks']} blocks of dev's beginning: loss {ours['loss']:.6f} by ranktop, {theirs['loss']:.6f} by PEFT "
          f"({theirs['loss_before']:.6f} without the adapter); logits differ by at most {theirs['logits_max_abs']:.1e}, "
          f"where they span {theirs['logits_spread']:.1f}.")  # fmt: skip


def speed() -> None:
    print("\n| 4×256 tokens | tokens/s, each round | median |\n| --- | --- | --- |")
    for kind, label in [
        ("float32", "ranktop, Q4_1, float32"), ("bfloat16", "ranktop, Q4_1, bfloat16"), ("peft", "PEFT, dequantised, float32")
    ]:  # fmt: skip
        rates = [json.loads(path.read_text())["tokens_per_s"] for path in sorted(out.glob(f"step-{kind}-*.json"))]
        print(f"| {label} | {', '.join(f'{rate:.0f}' for rate in rates)} | {statistics.median(rates):.0f} |")


def ranks() -> None:
    database = sqlite3.connect(f"file:{next(out.glob('runs/*/telemetry.sqlite'))}?mode=ro", uri=True)
    rows = database.execute(
        "SELECT layer, type, kept FROM rank JOIN module ON id = module WHERE step = (SELECT max(step) FROM rank) ORDER BY id"
    ).fetchall()
    types = list(dict.fromkeys(kind for _, kind, _ in rows))
    width = max(map(len, types))
    layers = sorted({layer for layer, _, _ in rows})
    kept = {(layer, kind): count for layer, kind, count in rows}
    print("\n```text")
    print(" ".join(["layer".ljust(width), *(f"{layer:2}" for layer in layers), "  sum"]))
    for kind in types:
        row = [kept[layer, kind] for layer in layers]
        print(" ".join([kind.ljust(width), *(f"{count:2}" for count in row), f"{sum(row):5}"]))
    row = [sum(kept[layer, kind] for kind in types) for layer in layers]
    print(" ".join(["sum".ljust(width), *(f"{count:2}" for count in row), f"{sum(row):5}"]))
    print("```")


losses()
logits()
speed()
ranks()
