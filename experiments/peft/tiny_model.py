"""Writes a tiny random classifier of an architecture, with another model's tokenizer, as a folder.

Usage: tiny_model.py ARCH TOKENIZER FOLDER      ARCH is one of record_case.py's; TOKENIZER a model's folder

Prints the linear modules of its layers, a JSON array.
"""

import json
import shutil
import sys
import warnings
from pathlib import Path

import transformers
from record_case import ARCHITECTURES, DEFAULTS, make_model

# Of these the tokenizers say nothing of a pair's texts.
WITHOUT_TYPES = {"roberta", "distilbert", "llama-yarn-classifier", "gpt2-classifier"}


def main():
    arch, tokenizer, folder = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    kind, shape, modules = ARCHITECTURES[arch]
    vocabulary = len(json.loads((tokenizer / "tokenizer.json").read_text())["model"]["vocab"])
    ARCHITECTURES[arch] = (kind, shape | {"vocab_size": vocabulary}, modules)
    make_model(DEFAULTS | {"arch": arch, "labels": 2}).save_pretrained(folder)
    shutil.copy(tokenizer / "tokenizer.json", folder)
    inputs = ["input_ids", "attention_mask"] + ([] if arch in WITHOUT_TYPES else ["token_type_ids"])
    special = {f"{name}_token": f"[{name.upper()}]" for name in ["unk", "sep", "pad", "cls", "mask"]}
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": inputs} | special
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    print(json.dumps(modules))


if __name__ == "__main__":
    main()
