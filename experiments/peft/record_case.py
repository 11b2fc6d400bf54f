"""Records a run of HuggingFace PEFT on a tiny random model, as a folder that `ranktop parity` replays.

Usage: record_case.py FOLDER [--arch roberta] [--method lora] [--init-r 8 --target-r 3 …]   records a new case
       record_case.py --like CASE                                         repeats a recorded case, shows the differences
       record_case.py --variants PARENT                                   records every case of VARIANTS into PARENT

A case holds model/, init.safetensors, batches.json, trace.json, adapter/ and logits.json. Of each step, trace.json has:
    loss, task_loss  with and without the regulariser     orth  the regulariser R, unweighted
    grad_norm        over all trainable tensors, before the optimizer
    budget, masks    of the schedule at this step
    rank_pattern     of the last mask, from the first on: module -> 0 or 1 for each triplet
    scores           every fifth step, and the last on which PEFT keeps them: module -> one number for each triplet
    lambda_l1        the sum of |lambda| after the mask

A case is kept only if it is well conditioned: the same run in float64 must give the same patterns at every step, and
losses within 2e-6. Otherwise rounding alone could move a triplet across the threshold: choose another seed.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import peft
import torch
import transformers
from peft import AdaLoraConfig, LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    BertConfig,
    DebertaV2Config,
    DistilBertConfig,
    ElectraConfig,
    GPT2Config,
    LlamaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
)

BATCH, MIN_LENGTH, MAX_LENGTH, VOCABULARY = 4, 4, 12, 96
COMMON = dict(vocab_size=VOCABULARY, max_position_embeddings=64)
SHAPE = COMMON | dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64)
DEBERTA = SHAPE | dict(relative_attention=True, position_buckets=8, pos_att_type=["p2c", "c2p"])
BERT_LINEAR = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]
DEBERTA_LINEAR = ["query_proj", "key_proj", "value_proj"] + BERT_LINEAR[3:]
LLAMA = COMMON | dict(
    hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=32,
    head_dim=4, pad_token_id=0,
)  # fmt: skip
LLAMA_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16)
GPT2 = dict(vocab_size=VOCABULARY, n_positions=64, n_embd=16, n_layer=2, n_head=4, pad_token_id=0)
GPT2_LINEAR = ["c_attn", "c_proj", "c_fc"]

# Each architecture's shape, and the linear modules of its layers by PEFT's way of naming them.
ARCHITECTURES = {
    "bert": (BertConfig, SHAPE, BERT_LINEAR),
    "roberta": (RobertaConfig, SHAPE | dict(type_vocab_size=1), BERT_LINEAR),
    "electra": (ElectraConfig, SHAPE | dict(embedding_size=16), ["embeddings_project"] + BERT_LINEAR),
    "distilbert": (
        DistilBertConfig, COMMON | dict(dim=32, n_layers=2, n_heads=4, hidden_dim=64),
        ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"],
    ),
    # As DeBERTa-v3 has it: position and content share their projections.
    "deberta": (
        DebertaV2Config,
        DEBERTA | dict(share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False), DEBERTA_LINEAR,
    ),
    # All else: projections of their own for positions, absolute positions, token types, a narrow table, a convolution.
    "deberta-own-keys": (
        DebertaV2Config,
        DEBERTA | dict(share_att_key=False, type_vocab_size=2, embedding_size=16, conv_kernel_size=3, conv_act="gelu"),
        DEBERTA_LINEAR + ["pos_key_proj", "pos_query_proj", "embed_proj"],
    ),
    "llama": (LlamaConfig, LLAMA, LLAMA_LINEAR),
    "llama3": (
        LlamaConfig, LLAMA | dict(rope_parameters=LLAMA3 | dict(original_max_position_embeddings=16)), LLAMA_LINEAR,
    ),
    "llama-yarn-classifier": (
        LlamaConfig, LLAMA | dict(rope_parameters=YARN, attention_bias=True, mlp_bias=True), LLAMA_LINEAR,
    ),
    "mistral": (MistralConfig, LLAMA | dict(sliding_window=32), LLAMA_LINEAR),
    "qwen2": (Qwen2Config, LLAMA | dict(tie_word_embeddings=True), LLAMA_LINEAR),
    "qwen3": (Qwen3Config, LLAMA | dict(head_dim=8), LLAMA_LINEAR),
    "gpt2": (GPT2Config, GPT2, GPT2_LINEAR),
    "gpt2-classifier": (GPT2Config, GPT2, GPT2_LINEAR),
}  # fmt: skip
# Those that predict the next token; the others classify.
LANGUAGE_MODELS = {"llama", "llama3", "mistral", "qwen2", "qwen3", "gpt2"}
DEFAULTS = {
    "arch": "bert", "seed": 0, "steps": 60, "rank": 6, "target_rank": 2, "tinit": 10, "tfinal": 15, "deltaT": 4,
    "beta1": 0.85, "beta2": 0.9, "orth_reg_weight": 0.1, "lora_alpha": 16,
    "optimizer": "AdamW(betas=0.9,0.999 eps=1e-8 weight_decay=0.01)", "lr": 0.005, "labels": 3, "method": "adalora",
    "target_modules": BERT_LINEAR, "dropout": 0.0,
}  # fmt: skip

# What each case changes; PEFT itself fails where a mask step has nothing to prune, so none of these has such a step.
VARIANTS = {
    "rank-8-3": dict(rank=8, target_rank=3),
    "rank-4-1": dict(rank=4, target_rank=1, tinit=5),
    "rank-12-8": dict(rank=12, target_rank=8, deltaT=3),
    "rank-3-2": dict(rank=3, target_rank=2, tinit=20, tfinal=1),
    "tinit-0": dict(tinit=0, deltaT=3, tfinal=10),
    "tfinal-0": dict(tfinal=0, deltaT=3),
    "tfinal-1-mask-each": dict(tinit=5, tfinal=1, deltaT=1),
    "tfinal-30": dict(tinit=5, tfinal=30, deltaT=10),
    "beta-low-high": dict(beta1=0.5, beta2=0.99),
    "beta-high-low": dict(beta1=0.99, beta2=0.5, deltaT=1),
    "labels-2-long": dict(labels=2, max_length=40),
    "labels-5": dict(labels=5, orth_reg_weight=0.5),
    "alpha-1": dict(lora_alpha=1),
    "alpha-64": dict(lora_alpha=64, lr=0.001),
    "orth-0": dict(orth_reg_weight=0.0),
    "query-value": dict(target_modules=["query", "value"], rank=8, target_rank=4),
    "lora-1": dict(method="lora", rank=1),
    "lora-16": dict(method="lora", rank=16, lora_alpha=64, max_length=40, labels=5),
}


def model_class(config):
    return AutoModelForCausalLM if config["arch"] in LANGUAGE_MODELS else AutoModelForSequenceClassification


def make_model(config):
    """A small random model whose biases and layer norms are not at their trivial start."""
    torch.manual_seed(config["seed"])
    kind, shape, _ = ARCHITECTURES[config["arch"]]
    model = model_class(config).from_config(kind(**shape, num_labels=config["labels"]))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.05 * torch.randn_like(parameter)
    return model


def make_batches(config, max_length):
    """Random sequences of MIN_LENGTH to max_length tokens, padded with 0 to the longest of their batch."""
    generator = torch.Generator().manual_seed(1000 + config["seed"])

    def draw(low, high, count):
        return torch.randint(low, high, (count,), generator=generator).tolist()

    batches = []
    for _ in range(config["steps"]):
        lengths = draw(MIN_LENGTH, max_length + 1, BATCH)
        width = max(lengths)
        ids = [draw(5, VOCABULARY, n) for n in lengths]
        if config["arch"] in LANGUAGE_MODELS:
            # Every other sequence has a prompt, a third of it, that does not count; nor does padding.
            labels = [[-100] * (i % 2 * n // 3) + row[i % 2 * n // 3 :] for i, (n, row) in enumerate(zip(lengths, ids))]
            labels = [row + [-100] * (width - len(row)) for row in labels]
        else:
            labels = draw(0, config["labels"], BATCH)
        batches.append({
            "input_ids": [row + [0] * (width - len(row)) for row in ids],
            "attention_mask": [[1] * n + [0] * (width - n) for n in lengths],
            "labels": labels,
        })  # fmt: skip
    return batches


def wrap(model, config):
    """The model with fresh adapters, and every dropout off."""
    torch.manual_seed(config["seed"] + 1)
    shared = dict(
        task_type="CAUSAL_LM" if config["arch"] in LANGUAGE_MODELS else "SEQ_CLS", lora_alpha=config["lora_alpha"],
        lora_dropout=config["dropout"], target_modules=list(config["target_modules"]),
    )  # fmt: skip
    if config["method"] == "lora":
        adapter = LoraConfig(r=config["rank"], **shared)
    else:
        adapter = AdaLoraConfig(
            init_r=config["rank"], target_r=config["target_rank"], total_step=config["steps"], tinit=config["tinit"],
            tfinal=config["tfinal"], deltaT=config["deltaT"], beta1=config["beta1"], beta2=config["beta2"],
            orth_reg_weight=config["orth_reg_weight"], **shared,
        )  # fmt: skip
    wrapped = get_peft_model(model, adapter)
    for module in wrapped.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return wrapped.train()


def trainable(model):
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def module_of(name):
    """bert.encoder.layer.0.attention.self.query, of any of its parameters' names."""
    return name.removeprefix("base_model.model.").partition(".lora_")[0]


def orthogonality(model):
    terms = []
    for name, parameter in trainable(model).items():
        p = parameter.detach()
        if ".lora_A." in name:
            terms.append(torch.linalg.norm(p @ p.T - torch.eye(p.shape[0], dtype=p.dtype)))
        elif ".lora_B." in name:
            terms.append(torch.linalg.norm(p.T @ p - torch.eye(p.shape[1], dtype=p.dtype)))
    return (sum(terms) / len(terms)).item()


def triplet_scores(model, allocator):
    """S = s(lambda) + mean s(P) + mean s(Q), with s the product of smoothed sensitivity and uncertainty."""
    parts = {"A": {}, "B": {}, "E": {}}
    for name in allocator.exp_avg_ipt:
        element = allocator.exp_avg_ipt[name] * allocator.exp_avg_unc[name]
        parts[name.partition(".lora_")[2][0]][module_of(name)] = element
    return {
        module: (parts["E"][module].view(-1) + parts["B"][module].mean(0) + parts["A"][module].mean(1)).tolist()
        for module in parts["A"]
    }


def train(model, config, batches):
    """One entry for each step, as described at the top."""
    adalora = config["method"] == "adalora"
    parameters = list(trainable(model).values())
    optimizer = torch.optim.AdamW(parameters, lr=config["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
    adapter = model.peft_config["default"]
    steps = []
    for step, batch in enumerate(batches):
        orth = orthogonality(model) if adalora else 0.0
        loss = model(**{key: torch.tensor(value) for key, value in batch.items()}).loss
        loss.backward()
        squares = [p.grad.double().square().sum().item() for p in parameters if p.grad is not None]
        entry = {
            "step": step,
            "loss": loss.item(),
            "task_loss": loss.item() - config["orth_reg_weight"] * orth,
            "orth": orth,
            "grad_norm": math.sqrt(sum(squares)),
        }
        optimizer.step()
        if adalora:
            allocator = model.base_model.rankallocator
            entry["budget"], entry["masks"] = allocator.budget_schedule(step)
            model.base_model.update_and_allocate(step)
            if adapter.rank_pattern:
                entry["rank_pattern"] = {
                    module_of(name): [int(kept) for kept in pattern] for name, pattern in adapter.rank_pattern.items()
                }
            last = config["steps"] - config["tfinal"] - 1
            if step <= last and (step % 5 == 0 or step == last):
                entry["scores"] = triplet_scores(model, allocator)
            lambdas = [p.detach() for name, p in trainable(model).items() if ".lora_E." in name]
            entry["lambda_l1"] = torch.cat(lambdas).abs().sum().item()
        optimizer.zero_grad()
        steps.append(entry)
    return steps


def run(model_folder, config, batches, init, dtype):
    """The trained model and its trace, from the given trainable tensors or (None) fresh ones."""
    model = wrap(model_class(config).from_pretrained(model_folder), config)
    with torch.no_grad():
        for name, parameter in trainable(model).items():
            if init is not None:
                parameter.copy_(init[name])
    start = {name: parameter.detach().clone() for name, parameter in trainable(model).items()}
    model.to(dtype)
    torch.set_default_dtype(dtype)
    try:
        return model, train(model, config, batches), start
    finally:
        torch.set_default_dtype(torch.float32)


def rounded(numbers):
    """To the nine digits that a float has."""
    return [rounded(n) for n in numbers] if isinstance(numbers, list) else float(f"{numbers:.9g}")


def compare(ours, theirs):
    """The largest differences between two traces of the same run."""
    report = {"steps": [len(ours), len(theirs)]}
    for key in ["loss", "task_loss", "orth", "grad_norm", "lambda_l1"]:
        pairs = [(a[key], b[key]) for a, b in zip(ours, theirs) if key in a and key in b]
        report[key] = max((abs(a - b) for a, b in pairs), default=0.0)
    worst = 0.0
    for a, b in zip(ours, theirs):
        if "scores" in a and "scores" in b:
            top = max(map(max, b["scores"].values()))
            pairs = [pair for module in b["scores"] for pair in zip(a["scores"][module], b["scores"][module])]
            worst = max(worst, max(abs(x - y) for x, y in pairs) / top)
    report["scores"] = worst
    for key in ["budget", "masks", "rank_pattern"]:
        report[f"{key}_mismatches"] = sum(a.get(key) != b.get(key) for a, b in zip(ours, theirs))
    report["fields_mismatches"] = sum(sorted(a) != sorted(b) for a, b in zip(ours, theirs))
    return report


def well_conditioned(report):
    return report["rank_pattern_mismatches"] == 0 and report["loss"] < 2e-6 and report["task_loss"] < 2e-6


def record(folder, config, max_length):
    """Writes the case; returns what float64 gives differently, and keeps the folder only if that is next to nothing."""
    batches = make_batches(config, max_length)
    with tempfile.TemporaryDirectory() as scratch:
        case = Path(scratch) / "case"
        make_model(config).save_pretrained(case / "model")
        model, steps, init = run(case / "model", config, batches, None, torch.float32)
        save_file({name: tensor.contiguous() for name, tensor in init.items()}, case / "init.safetensors")
        _, exact, _ = run(case / "model", config, batches, init, torch.float64)
        report = compare(steps, exact)
        model.save_pretrained(case / "adapter")
        (case / "adapter" / "README.md").unlink(missing_ok=True)
        settings = case / "adapter" / "adapter_config.json"
        written = json.loads(settings.read_text()) | {"base_model_name_or_path": None}
        settings.write_text(json.dumps(written, indent=2, sort_keys=True) + "\n")

        base = model_class(config).from_pretrained(case / "model")
        loaded = PeftModel.from_pretrained(base, case / "adapter").eval()
        with torch.no_grad():
            inputs = {key: torch.tensor(value) for key, value in batches[0].items() if key != "labels"}
            (case / "logits.json").write_text(json.dumps(rounded(loaded(**inputs).logits.tolist())))
        (case / "batches.json").write_text(json.dumps(batches))
        versions = {"peft": peft.__version__, "transformers": transformers.__version__, "torch": torch.__version__}
        (case / "trace.json").write_text(json.dumps({"reference": versions, "config": config, "steps": steps}))
        if well_conditioned(report):
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(case, folder)
        ranks = [sum(pattern) for pattern in steps[-1].get("rank_pattern", {}).values()]
        return report | {"ranks": ranks}


def repeat(case):
    """Runs a recorded case again from its own model, tensors and batches."""
    recorded = json.loads((case / "trace.json").read_text())
    batches = json.loads((case / "batches.json").read_text())
    init = load_file(case / "init.safetensors")
    _, steps, _ = run(case / "model", recorded["config"], batches, init, torch.float32)
    return compare(steps, recorded["steps"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--like", type=Path, metavar="CASE")
    parser.add_argument("--variants", type=Path, metavar="PARENT")
    parser.add_argument("--max-length", type=int, default=MAX_LENGTH)
    parser.add_argument("--arch", choices=ARCHITECTURES, default="bert")
    parser.add_argument("--target-modules", nargs="+", help="all linear modules of the layers, where not given")
    parser.add_argument("--method", choices=["adalora", "lora"], default="adalora")
    flags = {"--init-r": "rank", "--target-r": "target_rank", "--deltaT": "deltaT"}
    for key in ["seed", "steps", "tinit", "tfinal", "beta1", "beta2", "orth_reg_weight", "lora_alpha", "lr", "labels"]:
        flags["--" + key.replace("_", "-")] = key
    for flag, key in flags.items():
        parser.add_argument(flag, dest=key, type=type(DEFAULTS[key]), default=DEFAULTS[key])
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()

    if options.like:
        print(json.dumps(repeat(options.like)))
    elif options.variants:
        for number, (name, changes) in enumerate(VARIANTS.items(), start=1):
            longest = changes.get("max_length", MAX_LENGTH)
            changes = {key: value for key, value in changes.items() if key != "max_length"}
            for seed in range(number, number + 20):
                report = record(options.variants / name, DEFAULTS | changes | {"seed": seed}, longest)
                if well_conditioned(report):
                    break
            print(json.dumps({"case": name, "seed": seed, "kept": well_conditioned(report), **report}), flush=True)
    elif options.folder:
        options.target_modules = options.target_modules or ARCHITECTURES[options.arch][2]
        config = {key: getattr(options, key, value) for key, value in DEFAULTS.items()}
        report = record(options.folder, config, options.max_length)
        print(json.dumps({"kept": well_conditioned(report), **report}))
        sys.exit(0 if well_conditioned(report) else 1)
    else:
        parser.error("a folder, --like or --variants is needed")


if __name__ == "__main__":
    main()
