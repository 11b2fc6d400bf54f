"""Times ranktop and HuggingFace PEFT in turn and prints a table of ratios: bench.sh prepares and calls this.

    bench.py RANKTOP MODEL [--only ROW …] [--rounds 5] [--steps 12] [--threads 2] [--sst2 FOLDER] [--list]

Run it with the Python that has PEFT. MODEL is MiniLM's folder. Every round has both sides, each once, and every second
round begins with the other; a side's figure is the median over rounds of what one process measured.
"""

import argparse
import importlib.metadata
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SST2 = HERE.parent / "sst2-adalora.toml"
ROWS = {}


def row(name, needs_data=False):
    """A row of the table: a function of a Bench that returns lines of cells."""

    def register(function):
        ROWS[name] = (function, needs_data)
        return function

    return register


class Bench:
    def __init__(self, options):
        self.options = options
        self.threads = ["--threads", str(options.threads)]
        self.measured = {}

    # Both sides

    def ranktop(self, *arguments):
        command = [self.options.ranktop, "bench", "--json", *self.threads, *map(str, arguments)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def peft(self, what, *arguments):
        command = [sys.executable, HERE / "peft_step.py", what, *self.threads, *map(str, arguments)]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def sst2(self, steps, precision="float32"):
        """The --set options of a short fine-tune on SST-2."""
        folder = pathlib.Path(self.options.sst2).resolve()
        changes = {
            "model.path": self.options.model, "data.train": folder / "train.tsv", "data.eval": folder / "dev.tsv",
            "training.total_step": steps, "training.eval_every": 0, "adapter.tinit": 1, "adapter.tfinal": 1,
            "training.base_dropout": "true",
        }  # fmt: skip
        if precision != "float32":
            changes["training.precision"] = precision
        return [part for key, value in changes.items() for part in ("--set", f"{key}={value}")]

    def train(self, steps, precision="float32"):
        """ranktop's own fine-tune: real tokens a second, and seconds to the end of its first step."""
        with tempfile.TemporaryDirectory() as folder:
            trace = pathlib.Path(folder) / "trace.jsonl"
            command = [
                self.options.ranktop, "train", SST2, "--headless", "--runs", folder, "--trace", trace, *self.threads,
                *self.sst2(steps, precision),
            ]  # fmt: skip
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            first = wait_for_line(process, trace, start)
            process.communicate()
            assert process.returncode == 0, command
            records = [json.loads(line) for line in trace.read_text().splitlines()[:-1]]
        rate = sum(r["tokens"] for r in records) / sum(r["step_ms"] for r in records) * 1e3
        return {"first_step_s": first, "tokens_per_s": rate}

    def peft_train(self, steps):
        command = [
            sys.executable, HERE.parent / "peft/sst2.py", SST2, *self.threads, *self.sst2(steps)
        ]  # fmt: skip
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = None
        for line in process.stderr:
            if line.startswith("first step") and first is None:
                first = time.perf_counter() - start
        output = process.stdout.read()
        assert process.wait() == 0, command
        return {"first_step_s": first, "tokens_per_s": json.loads(output)["tokens_per_s"]}

    def alternate(self, key, ours, theirs):
        """Medians of every figure of both sides, over the rounds. Each pair is measured once a run."""
        if key not in self.measured:
            results = [[], []]
            for number in range(self.options.rounds):
                for side in [0, 1] if number % 2 == 0 else [1, 0]:
                    results[side].append((ours, theirs)[side]())
            self.measured[key] = [
                {k: statistics.median(r[k] for r in side) for k, v in side[0].items() if isinstance(v, (int, float))}
                for side in results
            ]
        return self.measured[key]

    def repeat(self, *arguments):
        """Medians of our side alone."""
        results = [self.ranktop(*arguments) for _ in range(self.options.rounds)]
        return {k: statistics.median(r[k] for r in results) for k, v in results[0].items() if isinstance(v, (int, float))}

    def step(self, where, batch, length, precision="float32"):
        shape = [*where, "--batch", batch, "--length", length, "--rank", 12, "--steps", self.options.steps]
        half = ["--bf16"] if precision == "bfloat16" else []
        return self.alternate(
            (tuple(where), batch, length, precision), lambda: self.ranktop(*shape, "--precision", precision),
            lambda: self.peft("step", *shape, *half),
        )  # fmt: skip

    def minilm(self, precision="float32"):
        return self.step(["--model", self.options.model], 32, 64, precision)


def wait_for_line(process, path, start):
    """Seconds from `start` until `path` has a whole line."""
    while process.poll() is None:
        if path.exists() and b"\n" in path.read_bytes():
            return time.perf_counter() - start
        time.sleep(0.002)
    return time.perf_counter() - start


# The table's cells


def line(name, ours, theirs, value, must, aim, *, at_most=False, unit="×"):
    """`value` is what counts, against what must be reached and what is aimed at."""

    def reached(goal):
        return value <= goal if at_most else value >= goal

    def shown(number):
        return f"{number:.3g} %" if unit == "%" else f"{number:.3g} {unit}"

    sign = "≤ " if at_most else ""
    verdict = "aim reached" if reached(aim) else "reached" if reached(must) else "**not reached**"
    return [name, ours, theirs, shown(value), f"{sign}{shown(must)}", f"{sign}{shown(aim)}", verdict]


def ms(time):
    return f"{time:,.0f} ms" if time >= 1000 else f"{time:.3g} ms"


def faster(name, ours, theirs, must, aim):
    """Where both figures are milliseconds: how many times faster."""
    return line(name, ms(ours), ms(theirs), theirs / ours, must, aim)


@row("float32")
def fixed_float32(bench):
    ours, theirs = bench.minilm()
    return [
        faster("MiniLM, 32×64, r 12, float32: step", ours["step_ms"], theirs["step_ms"], 2.5, 3),
        line("— frozen products done, of this machine's rate", f"{ours['frozen_gflop']:.1f} GFLOP",
             f"{ours['machine_gflops']:.0f} GFLOP/s here", 100 * ours["frozen_share"], 70, 80, unit="%"),
        line("— all frozen products of all tokens, likewise", f"{ours['whole_gflop']:.1f} GFLOP",
             f"{ours['machine_gflops']:.0f} GFLOP/s here", 100 * ours["whole_share"], 70, 80, unit="%"),
    ]  # fmt: skip


@row("bfloat16")
def fixed_bfloat16(bench):
    ours, theirs = bench.minilm("bfloat16")
    return [faster("MiniLM, 32×64, r 12, bfloat16: step", ours["step_ms"], theirs["step_ms"], 2.5, 3.5)]


@row("memory")
def memory(bench):
    ours, theirs = bench.minilm()
    mine, other = ours["peak_rss_bytes"] * 1e-6, theirs["peak_rss_bytes"] * 1e-6
    return [line("MiniLM, 32×64: peak memory", f"{mine:.0f} MB", f"{other:.0f} MB", mine / other, 1 / 2, 1 / 3,
                 at_most=True)]  # fmt: skip


@row("base")
def base(bench):
    ours, theirs = bench.step(["--shape", "bert-base"], 16, 64)
    return [faster("BERT-base, 16×64, r 12, float32: step", ours["step_ms"], theirs["step_ms"], 2.5, 3)]


@row("sst2", needs_data=True)
def sst2(bench):
    steps = 4 * bench.options.steps

    def both():
        return {kind: bench.train(steps, kind)["tokens_per_s"] for kind in ["float32", "bfloat16"]}

    mine, other = bench.alternate("sst2", both, lambda: bench.peft_train(steps))
    ours, half, theirs = mine["float32"], mine["bfloat16"], other["tokens_per_s"]
    return [
        line("SST-2, batch 32, float32: real tokens", f"{ours:.0f} /s", f"{theirs:.0f} /s", ours / theirs, 6, 8),
        line("— bfloat16, over PEFT's float32", f"{half:.0f} /s", f"{theirs:.0f} /s", half / theirs, 8, 12),
    ]


@row("start", needs_data=True)
def start(bench):
    ours, theirs = bench.alternate("start", lambda: bench.train(4), lambda: bench.peft_train(4))
    mine = ours["first_step_s"]
    return [line("SST-2: start to the end of the first step", f"{mine:.2f} s", f"{theirs['first_step_s']:.1f} s",
                 mine, 1.5, 1.5, at_most=True, unit="s")]  # fmt: skip


@row("update")
def update(bench):
    ours, theirs = bench.alternate(
        "update", lambda: bench.ranktop("--shape", "llama-7b", "--steps", bench.options.steps),
        lambda: bench.peft("update", "--steps", bench.options.steps),
    )  # fmt: skip
    both = ours["update_ms"] + ours["mask_ms"]
    return [
        faster("Llama-7B's shapes: optimizer, sensitivity, allocation", both, theirs["update_ms"], 3, 4),
        line("— over the time to move its bytes", ms(both), f"{ms(ours['bytes_ms'])} here",
             both / ours["bytes_ms"], 1.5, 1.5, at_most=True),
    ]  # fmt: skip


@row("allocation")
def allocation(bench):
    lines = []
    for shape, batch in [("bert-mini", 32), ("minilm", 32), ("bert-base", 16)]:
        found = bench.repeat("--shape", shape, "--batch", batch, "--steps", 2 * bench.options.steps)
        lines.append(line(
            f"{shape}, {batch}×64: scoring and masking, of a step without", ms(found["step_ms"]), "—",
            100 * found["allocation_cost"], 2, 1, at_most=True, unit="%",
        ))  # fmt: skip
    return lines


def growth(name, sizes, milliseconds):
    """The exponent with which time grows, from the least squares of its logarithm: 1 is linear."""
    x, y = [math.log(size) for size in sizes], [math.log(time) for time in milliseconds]
    slope = statistics.linear_regression(x, y).slope
    each = ", ".join(f"{size:,}: {ms(time)}" for size, time in zip(sizes, milliseconds))
    return line(name, each, "—", slope, 1.1, 1.05, at_most=True, unit="(exponent)")


@row("tokens")
def tokens(bench):
    sizes, times = [], []
    for batch in [4, 16, 64, 256, 512]:
        steps = max(2, min(bench.options.steps, 512 // batch))
        found = bench.repeat("--shape", "minilm", "--batch", batch, "--steps", steps)
        sizes.append(batch * 64)
        times.append(found["step_ms"])
    return [growth("MiniLM: step over tokens of a batch", sizes, times)]


@row("triplets")
def triplets(bench):
    sizes = [10_000, 100_000, 1_000_000]
    arguments = [part for size in sizes for part in ("--triplets", size)]
    runs = [bench.ranktop(*arguments, "--steps", bench.options.steps)["allocator"] for _ in range(bench.options.rounds)]
    times = [statistics.median(run[i]["mask_ms"] for run in runs) for i in range(len(sizes))]
    return [growth("allocator over triplets", [run["triplets"] for run in runs[0]], times)]


@row("tokenizer", needs_data=True)
def tokenizer(bench):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "lines.txt"
        rows = (pathlib.Path(bench.options.sst2) / "train.tsv").read_text(encoding="utf-8").split("\n")[1:]
        file.write_text("".join(text.split("\t")[0] + "\n" for text in rows if text), encoding="utf-8")
        where = ["--model", bench.options.model, "--steps", bench.options.steps]
        ours, theirs = bench.alternate(
            "tokenizer", lambda: bench.ranktop("--tokenize", file, *where),
            lambda: bench.peft("tokenize", *where, "--file", file),
        )  # fmt: skip
    assert ours["tokens"] == theirs["tokens"], f"{ours['tokens']} tokens against {theirs['tokens']}"
    mine, other = ours["lines_per_s"], theirs["lines_per_s"]
    return [line("tokenization of SST-2, over HuggingFace tokenizers", f"{mine:.0f} lines/s", f"{other:.0f} lines/s",
                 mine / other, 1, 2)]  # fmt: skip


def heading(bench):
    # Not imported: a child's peak memory begins with its parent's.
    peft, transformers, torch = map(importlib.metadata.version, ["peft", "transformers", "torch"])
    machine = bench.ranktop("--triplets", 1000, "--steps", 1)
    return (
        f"{machine['cpu']}, {os.cpu_count()} cores, {bench.options.threads} threads each; ranktop {machine['version']} "
        f"with {machine['blas'].strip()} (core {machine['blas_core']}); PEFT {peft}, transformers {transformers}, "
        f"torch {torch}; medians of {bench.options.rounds} rounds in turn."
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ranktop")
    parser.add_argument("model")
    parser.add_argument("--only", action="append", choices=ROWS, metavar="ROW", help="; ".join(ROWS))
    parser.add_argument("--sst2", metavar="FOLDER")
    parser.add_argument("--list", action="store_true", help="print the rows' names")
    for name, default in [("rounds", 5), ("steps", 12), ("threads", 2)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if options.list:
        return print("\n".join(ROWS))
    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"warning: load average {load:.1f}: other processes are running, figures will not hold", file=sys.stderr)

    bench = Bench(options)
    print(heading(bench) + "\n", flush=True)
    print("| | ranktop | PEFT | | must | aim | |\n| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in options.only or ROWS:
        function, needs_data = ROWS[name]
        if needs_data and not options.sst2:
            print(f"{name}: left out, needs --sst2", file=sys.stderr)
            continue
        for cells in function(bench):
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
