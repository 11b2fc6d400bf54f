"""Times one AdaLoRA step of HuggingFace PEFT at a fixed shape, in float32: what ranktop's own step is divided by.

Usage: step_time.py [MODEL] [--batch 32] [--length 64] [--rank 12] [--steps 20] [--threads 2]

MODEL is a folder; without it, MiniLM-L6's shape with random weights, which takes the same time. All six linear modules
of each layer are adapted, dropout is off, every sequence has the full length, every step masks, and the data are made
beforehand. A step is forward, backward, AdamW, update_and_allocate and zero_grad. Prints one JSON line.
"""

import argparse
import json
import statistics
import time
import warnings

import torch
import transformers
from peft import AdaLoraConfig, get_peft_model
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

ALL_LINEAR = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
WARM_UP = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64)
    parser.add_argument("--rank", type=int, default=12)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    if options.model:
        base = AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=2)
    else:
        base = BertForSequenceClassification(BertConfig(
            num_hidden_layers=6, hidden_size=384, num_attention_heads=12, intermediate_size=1536, vocab_size=30522,
        ))  # fmt: skip
    total = WARM_UP + options.steps
    adapter = AdaLoraConfig(
        task_type="SEQ_CLS", init_r=options.rank, target_r=max(1, options.rank * 2 // 3), tinit=1, tfinal=1, deltaT=1,
        orth_reg_weight=0.1, lora_alpha=16, lora_dropout=0.0, total_step=total + 2, target_modules=ALL_LINEAR,
    )  # fmt: skip
    model = get_peft_model(base, adapter).train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    tokens = torch.randint(5, base.config.vocab_size, (options.batch, options.length))
    batch = {
        "input_ids": tokens,
        "attention_mask": torch.ones_like(tokens),
        "labels": torch.randint(0, 2, (options.batch,)),
    }

    durations = []
    for step in range(total):
        start = time.perf_counter()
        model(**batch).loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        optimizer.zero_grad()
        durations.append(1e3 * (time.perf_counter() - start))
    measured = durations[WARM_UP:]
    print(json.dumps({
        "batch": options.batch, "length": options.length, "rank": options.rank, "threads": options.threads,
        "step_ms_median": round(statistics.median(measured), 1), "step_ms_min": round(min(measured), 1),
        "steps": len(measured),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
