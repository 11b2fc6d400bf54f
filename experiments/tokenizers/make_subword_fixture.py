"""Makes Tests/ModelsTests/Fixtures/subword: small tokenizers of every kind in kinds.py, and the ids that HuggingFace gives for generated lines.

    python make_subword_fixture.py [FOLDER]

needs `pip install tokenizers==0.23.3 sentencepiece protobuf`. `pieces.json` holds checksums of what becomes of every scalar of Unicode in each
normaliser and pre-tokenizer.
"""

import base64
import json
import shutil
import sys
import tempfile
from pathlib import Path

from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

import kinds
from lines import generated, subword_line, write_ids, write_lines

MAX_LENGTH = 24
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# SentencePiece's own table is too large to be kept here: a few characters and sequences of each kind instead.
RULES = [
    "0009\t0020", "000A\t0020", "000D\t0020", "0085\t0020", "00A0\t0020", "3000\t0020", "2028\t0020", "0001\t", "007F\t", "00AD\t", "200B\t",
    "FB01\t0066 0069", "FDFA\t0635 0644 0649 0020 0627 0644 0644 0647", "2460\t0031", "00BD\t0031 2044 0032", "212B\t00C5", "0041 030A\t00C5",
    "0065 0301\t00E9", "0065 0323\t1EB9", "3042 3099\t3042", "304B 3099\t304C", "FF76 FF9E\t30AC", "FF76\t30AB", "1100 1161\tAC00", "33A2\t006B 006D",
    "2126\t03A9", "1F600\t003A 0029", "2026\t002E 002E 002E",
] + [f"{0xFF01 + i:04X}\t{0x21 + i:04X}" for i in range(0x5E)]


def charsmap(*_):
    import sentencepiece
    from sentencepiece import sentencepiece_model_pb2
    with tempfile.TemporaryDirectory() as folder:
        Path(f"{folder}/rules.tsv").write_text("\n".join(RULES) + "\n")
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a word and another"] * 50), model_prefix=f"{folder}/m", vocab_size=100, normalization_rule_tsv=f"{folder}/rules.tsv",
            minloglevel=2, hard_vocab_limit=False)
        model = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/m.model").serialized_model_proto()
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def fnv(value, data):
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def checksums(results):
    """FNV-1a (64 bits) of what becomes of a text around a scalar, per block of 4096 scalars that has any but ideographs and private ones."""
    sums = []
    for block in [*range(0x20), 0xE0]:
        value = 0xCBF29CE484222325
        for scalar in range(block << 12, block + 1 << 12):
            if not 0xD800 <= scalar < 0xE000:
                value = fnv(value, results(f"'{chr(scalar)} \u0301a{chr(scalar)}{chr(scalar)}1").encode())
        sums.append(f"{value:016x}")
    return sums


def pieces(table):
    content = json.loads(Tokenizer(kinds.models.Unigram()).to_str())
    content["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": table}
    precompiled = Tokenizer.from_str(json.dumps(content)).normalizer
    names = [normalizers.NFC(), normalizers.NFD(), normalizers.NFKC(), normalizers.NFKD(), normalizers.Lowercase(), normalizers.StripAccents(),
             normalizers.Nmt(), normalizers.Strip(), precompiled, normalizers.Replace(Regex(r"\s+"), "_")]
    for piece in names:
        yield {"normalizer": json.loads(piece.__getstate__()), "checksums": checksums(lambda text: piece.normalize_str(text) + "\n")}
    divisions = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in [GPT2, kinds.LLAMA3, kinds.QWEN2]] + [
        pre_tokenizers.Digits(True), pre_tokenizers.Digits(False), pre_tokenizers.Punctuation(), pre_tokenizers.Punctuation("contiguous"),
        pre_tokenizers.Whitespace(), pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()]
    for piece in divisions:
        yield {"pre_tokenizer": json.loads(piece.__getstate__()),
               "checksums": checksums(lambda text: "".join(word + "\n" for word, _ in piece.pre_tokenize_str(text)))}


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "Tests/ModelsTests/Fixtures/subword")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    kinds.charsmap = charsmap
    text = generated(6000, seed=21) + generated(6000, seed=22, line=subword_line)
    lines = generated(50, seed=23) + generated(100, seed=24, line=subword_line) + ["", " ", "\u0301", "a" * 3000, "'ſ 'S"]
    write_lines(lines, folder / "lines.txt")
    for name, make in kinds.KINDS.items():
        tokenizer = make(text, size=800)
        (folder / name).mkdir()
        (folder / name / "tokenizer.json").write_text(tokenizer.to_str() + "\n", encoding="utf-8")
        write_ids(tokenizer, lines, folder / name / "ids.txt", MAX_LENGTH)
    table = charsmap()
    (folder / "pieces.json").write_text(json.dumps(list(pieces(table)), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
