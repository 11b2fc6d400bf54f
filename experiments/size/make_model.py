#!/usr/bin/env python3
"""Writes a Llama of 1.5 billion random parameters: FOLDER/bf16 (config.json and model.safetensors) or FOLDER/q4_1.gguf.

Usage: make_model.py FOLDER bf16|q4_1, with numpy and gguf (experiments/gguf/requirements.txt).

Weights are near N(0, 0.02^2) in bfloat16; in Q4_1, which holds 16 values a block evenly apart, uniform with that deviation.
Files that are there are left alone.
"""

import json
import struct
import sys
from pathlib import Path

import numpy as np

LAYERS, WIDTH, INNER, HEADS, KEY_HEADS, VOCABULARY, POSITIONS = 32, 2048, 5632, 16, 4, 32000, 4096
DEVIATION = 0.02


def tensors() -> list[tuple[str, str, tuple[int, ...]]]:
    """HuggingFace's name, llama.cpp's, and the shape."""
    keys = WIDTH // HEADS * KEY_HEADS
    found = [("model.embed_tokens", "token_embd", (VOCABULARY, WIDTH)), ("model.norm", "output_norm", (WIDTH,))]
    for layer in range(LAYERS):
        ours, theirs = f"model.layers.{layer}.", f"blk.{layer}."
        found += [
            (ours + "input_layernorm", theirs + "attn_norm", (WIDTH,)),
            (ours + "self_attn.q_proj", theirs + "attn_q", (WIDTH, WIDTH)),
            (ours + "self_attn.k_proj", theirs + "attn_k", (keys, WIDTH)),
            (ours + "self_attn.v_proj", theirs + "attn_v", (keys, WIDTH)),
            (ours + "self_attn.o_proj", theirs + "attn_output", (WIDTH, WIDTH)),
            (ours + "post_attention_layernorm", theirs + "ffn_norm", (WIDTH,)),
            (ours + "mlp.gate_proj", theirs + "ffn_gate", (INNER, WIDTH)),
            (ours + "mlp.up_proj", theirs + "ffn_up", (INNER, WIDTH)),
            (ours + "mlp.down_proj", theirs + "ffn_down", (WIDTH, INNER)),
        ]
    return found


def write_bf16(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": VOCABULARY, "hidden_size": WIDTH,
        "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KEY_HEADS, "max_position_embeddings": POSITIONS, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": True,
    }  # fmt: skip
    header, end = {}, 0
    for name, _, shape in tensors():
        begin, end = end, end + 2 * int(np.prod(shape))
        header[name + ".weight"] = {"dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    random = np.random.default_rng(1)
    partial = folder / "partial"
    with open(partial, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, _, shape in tensors():
            values = np.ones(shape, np.float32)
            if len(shape) == 2:
                values = random.standard_normal(shape, np.float32) * np.float32(DEVIATION)
            file.write((values.view(np.uint32) >> 16).astype(np.uint16).tobytes())
    (folder / "config.json").write_text(json.dumps(config))
    partial.rename(folder / "model.safetensors")


def write_q4_1(path: Path) -> None:
    from gguf import GGMLQuantizationType, GGUFWriter

    path.parent.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    # Of 16 evenly apart the deviation is sqrt((16^2 - 1) / 12) = 4.61 steps.
    step = np.float16(DEVIATION / 4.61)
    ends = np.array([step, -7.5 * step], np.float16).view(np.uint8)
    partial = path.with_suffix(".partial")
    writer = GGUFWriter(partial, "llama")
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    for _, name, shape in tensors():
        if len(shape) == 1:
            writer.add_tensor(name + ".weight", np.ones(shape, np.float32))
            continue
        blocks = random.integers(0, 256, (shape[0], shape[1] // 32, 20), np.uint8)
        blocks[:, :, :4] = ends
        writer.add_tensor(name + ".weight", blocks.reshape(shape[0], -1), raw_dtype=GGMLQuantizationType.Q4_1)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.rename(path)


def main() -> None:
    if len(sys.argv) != 3 or sys.argv[2] not in ("bf16", "q4_1"):
        sys.exit("usage: make_model.py FOLDER bf16|q4_1")
    folder = Path(sys.argv[1])
    count = sum(int(np.prod(shape)) for _, _, shape in tensors())
    print(f"{count:,} parameters", file=sys.stderr)
    if sys.argv[2] == "bf16" and not (folder / "bf16/model.safetensors").exists():
        write_bf16(folder / "bf16")
    if sys.argv[2] == "q4_1" and not (folder / "q4_1.gguf").exists():
        write_q4_1(folder / "q4_1.gguf")


if __name__ == "__main__":
    main()
