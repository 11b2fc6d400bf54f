"""Fine-tunes with HuggingFace PEFT as an experiment file says, to compare with `ranktop train` on the same file.

Usage: sst2.py EXPERIMENT.toml [--seed N] [--threads N] [--set data.train=FILE …]

For sequence classification on TSV with AdaLoRA or LoRA in float32. As in ranktop: AdamW with weight decay on every
trainable tensor, HuggingFace's linear schedule with the warm-up rounded up, a shuffle for each epoch from the seed, the
base model's own dropout. An incomplete last batch of an epoch is left out. Paths in the file are relative to it, those
given by --set to the working directory. Prints one JSON line; tokens are real ones, without padding, while training.
"""

import argparse
import json
import math
import random
import re
import statistics
import sys
import time
import tomllib
import warnings
from pathlib import Path

import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, AutoTokenizer

PATHS = {("model", "path"), ("data", "train"), ("data", "eval")}
ADALORA_KEYS = ["init_r", "target_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight"]


def read_experiment(path, changes):
    with open(path, "rb") as file:
        experiment = tomllib.load(file)
    for section, key in PATHS:
        if experiment.get(section, {}).get(key):
            experiment[section][key] = str(Path(path).parent / experiment[section][key])
    for change in changes:
        place, _, value = change.partition("=")
        section, _, key = place.partition(".")
        try:
            experiment[section][key] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            experiment[section][key] = value
    return experiment


def read_rows(path, data):
    """(text, label, split) of every line; the file is literal, without quoting."""
    with open(path, encoding="utf-8", newline="") as file:
        rows = [line.rstrip("\r").split("\t") for line in file.read().split("\n") if line]
    header = rows.pop(0) if data.get("header", True) else []

    def column(key):
        return data[key] if isinstance(data[key], int) else header.index(data[key])

    text, label = column("text"), column("label")
    split = column("split") if data.get("split") not in (None, "") else None
    return [(row[text], row[label], row[split] if split is not None else None) for row in rows]


def read_data(data):
    rows = read_rows(data["train"], data)
    if data.get("split") not in (None, ""):
        return [row for row in rows if row[2] == "train"], [row for row in rows if row[2] == "dev"]
    return rows, read_rows(data["eval"], data)


def adapter_config(adapter, steps):
    shared = dict(
        task_type="SEQ_CLS", target_modules=adapter["target_modules"], lora_alpha=adapter["lora_alpha"],
        lora_dropout=adapter.get("lora_dropout", 0.0),
    )  # fmt: skip
    if adapter["peft_type"] == "LORA":
        return LoraConfig(r=adapter["r"], **shared)
    return AdaLoraConfig(total_step=steps, **{key: adapter[key] for key in ADALORA_KEYS if key in adapter}, **shared)


def schedule(kind, warmup, steps):
    """Step -> factor of the learning rate, as HuggingFace has it."""

    def factor(step):
        if step < warmup:
            return step / warmup
        progress = (step - warmup) / max(1, steps - warmup)
        return {"linear": 1 - progress, "cosine": 0.5 * (1 + math.cos(math.pi * progress)), "constant": 1.0}[kind]

    return factor


def batches(rows, size, seed):
    """Without end: batches of an epoch's shuffle, then of the next."""
    order = random.Random(seed)
    while True:
        shuffled = order.sample(rows, len(rows))
        for start in range(0, len(rows) - size + 1, size):
            yield shuffled[start : start + size]


def matthews(predicted, actual, classes):
    """The multi-class correlation coefficient; for two classes, Matthews' own."""
    n, correct = len(actual), sum(p == a for p, a in zip(predicted, actual))
    p = [predicted.count(c) for c in range(classes)]
    a = [actual.count(c) for c in range(classes)]
    covariance = correct * n - sum(x * y for x, y in zip(p, a))
    spread = (n * n - sum(x * x for x in p)) * (n * n - sum(y * y for y in a))
    return covariance / math.sqrt(spread) if spread else 0.0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)

    experiment = read_experiment(options.experiment, options.set)
    training, data = experiment["training"], experiment["data"]
    steps = training["total_step"]
    seed = options.seed if options.seed is not None else experiment.get("seed", 0)
    torch.manual_seed(seed)

    train, dev = read_data(data)
    names = {label for _, label, _ in train}
    names = sorted(names, key=int if all(re.fullmatch(r"-?\d+", name) for name in names) else None)
    ids = {name: number for number, name in enumerate(names)}
    tokenizer = AutoTokenizer.from_pretrained(experiment["model"]["path"])

    def encode(rows):
        length = data.get("max_length", 128)
        inputs = tokenizer(
            [text for text, *_ in rows], padding=True, truncation=True, max_length=length, return_tensors="pt"
        )
        return inputs, torch.tensor([ids[label] for _, label, *_ in rows])

    base = AutoModelForSequenceClassification.from_pretrained(experiment["model"]["path"], num_labels=len(names))
    model = get_peft_model(base, adapter_config(experiment["adapter"], steps)).train()
    if not training.get("base_dropout", True):
        for name, module in model.named_modules():
            if isinstance(module, torch.nn.Dropout) and "lora_" not in name:
                module.p = 0.0
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters, lr=training.get("learning_rate", 1e-3), weight_decay=training.get("weight_decay", 0.01)
    )
    warmup = math.ceil(training.get("warmup_ratio", 0.06) * steps)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, schedule(training.get("schedule", "linear"), warmup, steps))
    clip = training.get("max_grad_norm", 0.0)
    adalora = experiment["adapter"]["peft_type"] == "ADALORA"

    durations, tokens = [], 0
    for step, rows in zip(range(steps), batches(train, training.get("batch_size", 32), seed)):
        start = time.perf_counter()
        inputs, labels = encode(rows)
        tokens += int(inputs["attention_mask"].sum())
        model(**inputs, labels=labels).loss.backward()
        if clip > 0:
            torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimizer.step()
        rate.step()
        if adalora:
            model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
        durations.append(time.perf_counter() - start)
        if step == 0:
            print("first step done", file=sys.stderr, flush=True)

    model.eval()
    predicted, actual = [], []
    with torch.no_grad():
        for start in range(0, len(dev), 64):
            inputs, labels = encode(dev[start : start + 64])
            predicted += model(**inputs).logits.argmax(-1).tolist()
            actual += labels.tolist()
    pattern = model.peft_config["default"].rank_pattern or {}
    print(json.dumps({
        "name": experiment.get("name"), "seed": seed,
        "accuracy": round(sum(p == a for p, a in zip(predicted, actual)) / len(actual), 4),
        "matthews": round(matthews(predicted, actual, len(names)), 4),
        "step_ms": round(1e3 * statistics.median(durations), 1),
        "tokens_per_s": round(tokens / sum(durations)), "threads": options.threads, "steps": steps,
        "rank_total": sum(map(sum, pattern.values())) if adalora else None,
    }))  # fmt: skip


if __name__ == "__main__":
    main()
