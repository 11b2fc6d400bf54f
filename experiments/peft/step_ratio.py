"""Times ranktop's AdaLoRA step against PEFT's at one fixed shape, in turn, and prints the ratio of each round.

Usage: step_ratio.py RANKTOP MODEL [--rounds 3] [--batch 32] [--length 64] [--rank 12] [--steps 20] [--threads 2]

Run it with the Python that has PEFT (setup.sh). Both sides: MODEL, all six linear modules of each layer, dropout off,
every sequence of the full length, a mask every step. Compare ratios of one run only; say which machine.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WARM_UP = 5


def experiment(options, folder):
    # Each sentence is as many words of one token as leave room for [CLS] and [SEP].
    text = " ".join(["movie"] * (options.length - 2))
    rows = "".join(f"{text}\t{i % 2}\n" for i in range(options.batch))
    (folder / "data.tsv").write_text("sentence\tlabel\n" + rows)
    total = WARM_UP + options.steps
    (folder / "step.toml").write_text(f"""name = "step"
[model]
path = "{options.model}"
[data]
train = "data.tsv"
eval = "data.tsv"
text = "sentence"
label = "label"
[adapter]
target_modules = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
init_r = {options.rank}
target_r = {max(1, options.rank * 2 // 3)}
tinit = 1
tfinal = 1
deltaT = 1
orth_reg_weight = 0.1
lora_alpha = 16
[training]
total_step = {total}
batch_size = {options.batch}
learning_rate = 1e-3
schedule = "constant"
base_dropout = false
threads = {options.threads}
""")


def ours(options):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        experiment(options, folder)
        subprocess.run(
            [options.ranktop, "train", folder / "step.toml", "--headless", "--runs", folder / "runs",
             "--trace", folder / "trace.jsonl"],
            check=True, capture_output=True)  # fmt: skip
        steps = [json.loads(line) for line in (folder / "trace.jsonl").read_text().splitlines()[:-1]]
        assert all(step["tokens"] == options.batch * options.length for step in steps)
        return statistics.median(step["step_ms"] for step in steps[WARM_UP:])


def theirs(options):
    result = subprocess.run(
        [sys.executable, HERE / "step_time.py", options.model, "--batch", str(options.batch), "--length",
         str(options.length), "--rank", str(options.rank), "--steps", str(options.steps), "--threads",
         str(options.threads)],
        check=True, capture_output=True, text=True)  # fmt: skip
    return json.loads(result.stdout)["step_ms_median"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ranktop")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=3)
    for name, default in [("batch", 32), ("length", 64), ("rank", 12), ("steps", 20), ("threads", 2)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    ratios = []
    for _ in range(options.rounds):
        a, b = ours(options), theirs(options)
        ratios.append(b / a)
        print(json.dumps({"ranktop_ms": round(a, 1), "peft_ms": round(b, 1), "ratio": round(b / a, 2)}), flush=True)
    print(json.dumps({"median_ratio": round(statistics.median(ratios), 2)}))


if __name__ == "__main__":
    main()
