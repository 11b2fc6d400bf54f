#!/usr/bin/env python3
"""PEFT over the same GGUF file as ranktop, which transformers dequantises to float32. Prints one JSON object.

    peft_smollm2.py logits FOLDER ADAPTER TEXT LOGITS [--length N]
    peft_smollm2.py step FOLDER TOML [--batch N --length N --steps N --threads N]

FOLDER holds the GGUF file. `logits` loads a saved adapter and compares its logits with those that `ranktop eval --logits`
wrote for TEXT, cut into blocks of N tokens: of what follows each block; it passes where none differs by more than 1e-3.
`step` trains on random tokens with the adapter that TOML asks for and times a step; masks fall as TOML says.
"""

import argparse
import json
import statistics
import time
import tomllib
import warnings
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

TOLERANCE = 1e-3
WARM_UP = 2


def base(folder):
    (file,) = Path(folder).glob("*.gguf")
    return AutoModelForCausalLM.from_pretrained(folder, gguf_file=file.name, dtype=torch.float32), file.name


def logits(options):
    from peft import PeftModel

    model, file = base(options.folder)
    tokenizer = AutoTokenizer.from_pretrained(options.folder, gguf_file=file)
    ids = tokenizer(Path(options.text).read_text(encoding="utf-8")).input_ids + [tokenizer.eos_token_id]
    blocks = [ids[start : start + options.length] for start in range(0, len(ids), options.length)]
    blocks = [torch.tensor([block]) for block in blocks if len(block) > 1]
    with open(options.logits, encoding="utf-8") as lines:
        ours = [torch.tensor(json.loads(line)) for line in lines if line.strip()]
    assert len(ours) == len(blocks), f"{len(ours)} lines, {len(blocks)} blocks"
    total, before, counted = 0.0, 0.0, 0
    with torch.no_grad():
        for block in blocks:
            before += model.eval()(block, labels=block).loss.item() * (block.shape[1] - 1)
        model = PeftModel.from_pretrained(model, options.adapter).eval()
        worst, spread = 0.0, 0.0
        for block, row in zip(blocks, ours):
            # Without labels, for which PEFT would want an adapter that trains.
            out = model(block).logits[0]
            theirs = out[-1]
            worst = max(worst, (row - theirs).abs().max().item())
            spread = max(spread, (theirs.max() - theirs.min()).item())
            total += torch.nn.functional.cross_entropy(out[:-1], block[0, 1:], reduction="sum").item()
            counted += block.shape[1] - 1
    print(json.dumps({
        "blocks": len(blocks), "loss_before": before / counted, "loss": total / counted, "logits_max_abs": worst,
        "logits_spread": spread, "pass": worst <= TOLERANCE,
    }))  # fmt: skip


def step(options):
    from peft import AdaLoraConfig, get_peft_model

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    experiment = tomllib.loads(Path(options.toml).read_text())
    adapter = experiment["adapter"]
    keys = ["target_modules", "init_r", "target_r", "deltaT", "orth_reg_weight", "lora_alpha"]
    model, _ = base(options.folder)
    model = get_peft_model(model, AdaLoraConfig(
        task_type="CAUSAL_LM", tinit=1, tfinal=1, total_step=WARM_UP + options.steps + 2, lora_dropout=0.0,
        **{key: adapter[key] for key in keys},
    )).train()  # fmt: skip
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    durations = []
    for number in range(WARM_UP + options.steps):
        tokens = torch.randint(20, model.config.vocab_size, (options.batch, options.length))
        start = time.perf_counter()
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(number)
        optimizer.zero_grad()
        durations.append(time.perf_counter() - start)
    median = statistics.median(durations[WARM_UP:])
    print(json.dumps({"step_ms": 1e3 * median, "tokens_per_s": options.batch * options.length / median}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("logits")
    one.set_defaults(run=logits)
    for name in ["folder", "adapter", "text", "logits"]:
        one.add_argument(name)
    one.add_argument("--length", type=int, default=256)
    two = commands.add_parser("step")
    two.set_defaults(run=step)
    two.add_argument("folder")
    two.add_argument("toml")
    for name, default in [("batch", 8), ("length", 256), ("steps", 4), ("threads", 2)]:
        two.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    options.run(options)


if __name__ == "__main__":
    main()
