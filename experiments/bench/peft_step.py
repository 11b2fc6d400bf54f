"""PEFT's half of bench.py: one figure a call, as a JSON line.

    peft_step.py step      [--model DIR | --shape NAME] [--batch N --length N --rank N --bf16]
    peft_step.py update    [--rank N]
    peft_step.py tokenize  --model DIR --file FILE

`step` is forward, backward, AdamW, update_and_allocate and zero_grad of AdaLoRA on all six linear modules of each layer:
dropout off, every sequence of the full length, data made beforehand, a mask every step. `update` is AdamW and the
allocator alone, at Llama-7B's shapes. `tokenize` is HuggingFace's tokenizers over the lines of a file. All take --threads
and --steps; times are medians, those of the first steps left out.
"""

import argparse
import json
import os
import resource
import statistics
import time
import warnings

ALL_LINEAR = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
# Layers, width, heads, inner width.
SHAPES = {
    "bert-tiny": (2, 128, 2, 512), "bert-mini": (4, 256, 4, 1024), "minilm": (6, 384, 12, 1536),
    "bert-base": (12, 768, 12, 3072),
}  # fmt: skip
LLAMA_7B = 32 * ([(4096, 4096)] * 4 + [(11008, 4096)] * 2 + [(4096, 11008)])
WARM_UP = 4


def median_ms(seconds):
    return round(1e3 * statistics.median(seconds), 3)


def base_model(options):
    import transformers
    from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if options.model:
        return AutoModelForSequenceClassification.from_pretrained(options.model, num_labels=2)
    layers, width, heads, inner = SHAPES[options.shape]
    return BertForSequenceClassification(BertConfig(
        num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads, intermediate_size=inner,
    ))  # fmt: skip


def step(options):
    import torch
    from peft import AdaLoraConfig, get_peft_model

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    base = base_model(options)
    total = WARM_UP + options.steps
    model = get_peft_model(base, AdaLoraConfig(
        task_type="SEQ_CLS", init_r=options.rank, target_r=max(1, options.rank * 2 // 3), tinit=1, tfinal=1, deltaT=1,
        orth_reg_weight=0.1, lora_alpha=16, lora_dropout=0.0, total_step=total + 2, target_modules=ALL_LINEAR,
    )).train()  # fmt: skip
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    tokens = torch.randint(5, base.config.vocab_size, (options.batch, options.length))
    batch = {
        "input_ids": tokens, "attention_mask": torch.ones_like(tokens), "labels": torch.randint(0, 2, (options.batch,)),
    }  # fmt: skip
    durations = []
    for number in range(total):
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=options.bf16):
            loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(number)
        optimizer.zero_grad()
        durations.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"step_ms": median_ms(durations[WARM_UP:]), "peak_rss_bytes": peak}


def update(options):
    import torch
    from peft import AdaLoraConfig
    from peft.tuners.adalora.layer import RankAllocator

    class Adapter(torch.nn.Module):
        def __init__(self, outputs, inputs):
            super().__init__()
            for name, shape in [
                ("lora_A", (options.rank, inputs)), ("lora_B", (outputs, options.rank)), ("lora_E", (options.rank, 1))
            ]:  # fmt: skip
                parameter = torch.nn.Parameter(0.02 * torch.randn(shape))
                parameter.grad = torch.randn(shape)
                setattr(self, name, torch.nn.ParameterDict({"default": parameter}))

    torch.set_num_threads(options.threads)
    model = torch.nn.ModuleList([Adapter(*shape) for shape in LLAMA_7B])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    config = AdaLoraConfig(
        init_r=options.rank, target_r=options.rank * 2 // 3, tinit=1, tfinal=1, deltaT=1, total_step=100 + options.steps
    )
    allocator = RankAllocator(model, config, "default")
    both, optimizing = [], []
    for number in range(2, 2 + WARM_UP + options.steps):
        start = time.perf_counter()
        optimizer.step()
        optimizing.append(time.perf_counter() - start)
        allocator.update_and_allocate(model, number)
        both.append(time.perf_counter() - start)
    return {
        "update_ms": median_ms(both[WARM_UP:]), "adamw_ms": median_ms(optimizing[WARM_UP:]),
        "parameters": sum(p.numel() for p in model.parameters()),
    }  # fmt: skip


def tokenize(options):
    os.environ["RAYON_NUM_THREADS"] = str(options.threads)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(os.path.join(options.model, "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(512)
    with open(options.file, encoding="utf-8") as file:
        lines = file.read().rstrip("\n").split("\n")
    durations, tokens = [], 0
    for _ in range(max(options.steps, 1)):
        start = time.perf_counter()
        encodings = tokenizer.encode_batch_fast(lines, add_special_tokens=True)
        durations.append(time.perf_counter() - start)
        tokens = sum(map(len, encodings))
    return {"lines_per_s": len(lines) / statistics.median(durations), "tokens": tokens}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["step", "update", "tokenize"])
    parser.add_argument("--file", help="whose lines are tokenized")
    parser.add_argument("--model")
    parser.add_argument("--shape", choices=SHAPES, default="minilm")
    parser.add_argument("--bf16", action="store_true")
    for name, default in [("batch", 32), ("length", 64), ("rank", 12), ("steps", 12), ("threads", 2)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(json.dumps({"step": step, "update": update, "tokenize": tokenize}[options.what](options)))


if __name__ == "__main__":
    main()
