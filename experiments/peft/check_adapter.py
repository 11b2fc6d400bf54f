"""Loads an adapter of ours in HuggingFace PEFT and compares its logits with those that `ranktop eval --logits` wrote.

Usage: check_adapter.py MODEL ADAPTER DATA.tsv LOGITS.jsonl [--text COLUMN] [--max-length N]

MODEL is the base model's folder; DATA has a header line, and its TEXT column is read literally, without quoting;
LOGITS has one JSON array a line, in the order of DATA. Prints one JSON object; exits 1 where the largest absolute
difference exceeds 1e-4, or the numbers of lines disagree.
"""

import argparse
import json
import sys
import warnings

import torch
import transformers
from peft import PeftModel
from safetensors import safe_open
from transformers import AutoModelForSequenceClassification, AutoTokenizer

TOLERANCE = 1e-4


def read_texts(path, column):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [line.rstrip("\r").split("\t") for line in file.read().split("\n") if line]
    index = rows[0].index(column)
    return [row[index] for row in rows[1:]]


def ranks_of(adapter):
    """Module -> rank as the saved tensors have it (rows of lora_A), and the number of classes."""
    with safe_open(f"{adapter}/adapter_model.safetensors", "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}
    prefix = "base_model.model."
    rows = {name.partition(".lora_A")[0]: shape[0] for name, shape in shapes.items() if ".lora_A" in name}
    ranks = {name.removeprefix(prefix): rank for name, rank in rows.items()}
    heads = ["classifier.weight", "classifier.out_proj.weight", "score.weight"]
    return ranks, next(shapes[prefix + head][0] for head in heads if prefix + head in shapes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("adapter")
    parser.add_argument("data")
    parser.add_argument("logits")
    parser.add_argument("--text", default="text")
    parser.add_argument("--max-length", type=int, default=128)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)

    ranks, classes = ranks_of(options.adapter)
    base = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=classes)
    model = PeftModel.from_pretrained(base, options.adapter).eval()
    settings = model.peft_config["default"]
    pattern = settings.rank_pattern if settings.peft_type == "ADALORA" else None

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    texts = read_texts(options.data, options.text)
    theirs = []
    with torch.no_grad():
        for start in range(0, len(texts), 32):
            inputs = tokenizer(
                texts[start : start + 32], padding=True, truncation=True, max_length=options.max_length,
                return_tensors="pt",
            )  # fmt: skip
            theirs += model(**inputs).logits.tolist()
    with open(options.logits, encoding="utf-8") as file:
        ours = [json.loads(line) for line in file if line.strip()]

    comparable = len(ours) == len(theirs) and all(len(a) == len(b) for a, b in zip(ours, theirs))
    worst = (torch.tensor(ours) - torch.tensor(theirs)).abs().max().item() if comparable and ours else float("nan")
    passed = worst <= TOLERANCE  # false for NaN too
    print(json.dumps({
        "model": model.config.model_type, "peft_type": str(settings.peft_type.value), "lines": [len(ours), len(theirs)],
        "logits_max_abs": worst,
        "logits_spread": max(map(max, theirs)) - min(map(min, theirs)),
        "ranks": ranks, "rank_total": sum(ranks.values()),
        "rank_pattern_total": sum(map(sum, pattern.values())) if pattern else None,
        "has_rank_0": 0 in ranks.values(), "pass": passed,
    }))  # fmt: skip
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
