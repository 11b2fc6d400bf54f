#!/usr/bin/env python3
"""Records what ggml's Python package makes of every format that ranktop reads: a GGUF file and the same values in float32.

Usage: python -m pip install -r experiments/gguf/requirements.txt
       python experiments/gguf/record_formats.py Tests/ModelsTests/Fixtures/gguf

Blocks are random bytes but for their scales, which are finite and of ordinary size.
"""

import sys
from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter, quants
from safetensors.numpy import save_file

ROWS, COLUMNS = 3, 512
#: Where in a block half floats lie.
SCALES = {"Q8_0": [0], "Q4_0": [0], "Q4_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def blocks(name: str, random: np.random.Generator) -> np.ndarray:
    """[ROWS, bytes of a row]"""
    values, size = GGML_QUANT_SIZES[GGMLQuantizationType[name]]
    data = random.integers(0, 256, (ROWS, COLUMNS // values, size), dtype=np.uint8)
    for at in SCALES[name]:
        scales = random.standard_normal(data.shape[:2]).astype(np.float16)
        data[:, :, at : at + 2] = scales[:, :, None].view(np.uint8)
    # One block with a scale that has no leading one, one with 0.
    data[0, 0, SCALES[name][0] : SCALES[name][0] + 2] = [3, 0x80]
    data[1, 0, SCALES[name][0] : SCALES[name][0] + 2] = [0, 0]
    return data.reshape(ROWS, -1)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    writer = GGUFWriter(folder / "formats.gguf", "qwen2")
    writer.add_context_length(64)
    writer.add_embedding_length(COLUMNS)
    writer.add_block_count(1)
    writer.add_feed_forward_length(8)
    writer.add_head_count(8)
    writer.add_layer_norm_rms_eps(1e-6)
    expected: dict[str, np.ndarray] = {}
    floats = random.standard_normal((ROWS, COLUMNS)).astype(np.float32)
    writer.add_tensor("token_embd.weight", floats)
    for name in ["F16", "BF16", *SCALES]:
        kind = GGMLQuantizationType[name]
        data = quants.quantize(floats, kind) if name not in SCALES else blocks(name, random)
        writer.add_tensor(name, data, raw_dtype=kind)
        expected[name] = quants.dequantize(data, kind).astype(np.float32)
        assert expected[name].shape == (ROWS, COLUMNS) and np.isfinite(expected[name]).all()
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    save_file(expected, folder / "formats.safetensors")


if __name__ == "__main__":
    main()
