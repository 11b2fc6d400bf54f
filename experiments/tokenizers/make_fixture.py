"""Makes Tests/ModelsTests/Fixtures/wordpiece: a vocabulary trained on generated lines, and the ids that HuggingFace gives for such lines.

    python make_fixture.py [FOLDER]

needs `pip install tokenizers==0.23.3 transformers`. Three tokenizers share the vocabulary: `uncased` as BERT's; `cased` with a vocab.txt alone;
`added` with unusual settings and with added tokens of every kind. `scalars.json` holds checksums of what becomes of every scalar of Unicode.
"""

import json
import shutil
import sys
from pathlib import Path

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import BertTokenizer

from lines import generated, write_ids, write_lines

MAX_LENGTH = 32
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def train():
    def variants():
        cleaned = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
        folded = normalizers.BertNormalizer(lowercase=True)
        for text in generated(20_000, seed=1):
            yield cleaned.normalize_str(text)
            yield folded.normalize_str(text)

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        variants(), trainers.WordPieceTrainer(vocab_size=3000, limit_alphabet=900, special_tokens=SPECIAL, show_progress=False))
    return tokenizer.get_vocab()


def settings(vocabulary, normalizer, post_processor, added, limit=100):
    return {
        "version": "1.0", "truncation": {"direction": "Right", "max_length": 7, "strategy": "LongestFirst", "stride": 0}, "padding": None,
        "added_tokens": added, "normalizer": {"type": "BertNormalizer", **normalizer}, "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": post_processor, "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": limit,
                  "vocab": vocabulary},
    }


def added_token(identifier, content, **flags):
    return {"id": identifier, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": content.startswith("["), **flags}


def checksums(normalizer):
    """FNV-1a (64 bits) of the normalised text and the words of "a", a scalar, "b", per block of 4096 scalars."""
    words = pre_tokenizers.BertPreTokenizer()
    sums = []
    for start in range(0, 0x110000, 4096):
        value = 0xCBF29CE484222325
        for scalar in range(start, start + 4096):
            if 0xD800 <= scalar < 0xE000:
                continue
            text = normalizer.normalize_str("a" + chr(scalar) + "b")
            for byte in "\n".join([text] + [word for word, _ in words.pre_tokenize_str(text)]).encode():
                value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
        sums.append(f"{value:016x}")
    return sums


def special_token(content, type_id):
    return {"SpecialToken": {"id": content, "type_id": type_id}}


def sequence(name, type_id):
    return {"Sequence": {"id": name, "type_id": type_id}}


def main():
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2] / "Tests/ModelsTests/Fixtures/wordpiece")
    shutil.rmtree(folder, ignore_errors=True)
    for name in ["uncased", "cased", "added"]:
        (folder / name).mkdir(parents=True)

    vocabulary = dict(sorted(train().items(), key=lambda entry: entry[1]))
    assert list(vocabulary.values()) == list(range(len(vocabulary)))
    # Longer than the limit of 100 characters, hence never met.
    long = "a" * 101
    vocabulary[long] = len(vocabulary)
    # As the package numbers them: an added token has its own id only where the vocabulary lacks it.
    identifiers = dict(vocabulary)
    special = [added_token(vocabulary[token], token) for token in SPECIAL]
    template = {
        "type": "TemplateProcessing", "single": [special_token("[CLS]", 0), sequence("A", 0), special_token("[SEP]", 0)],
        "pair": [special_token("[CLS]", 0), sequence("A", 0), special_token("[SEP]", 0), sequence("B", 1), special_token("[SEP]", 1)],
        "special_tokens": {token: {"id": token, "ids": [vocabulary[token]], "tokens": [token]} for token in ["[CLS]", "[SEP]"]},
    }
    bert = {"type": "BertProcessing", "sep": ["[SEP]", vocabulary["[SEP]"]], "cls": ["[CLS]", vocabulary["[CLS]"]]}

    def write(name, value):
        text = json.dumps(value, ensure_ascii=False, indent=1)
        (folder / name).write_text(text + "\n", encoding="utf-8")
        return text

    uncased = settings(
        vocabulary, {"clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True}, template, special)
    added = settings(
        vocabulary, {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": True}, bert,
        special[:4] + [
            added_token(identifiers.setdefault(content, len(identifiers)), content, **flags) for content, flags in [
                ("[MASK]", dict(lstrip=True)), ("<new>", dict(normalized=True)), ("\u00e7aF\u00c9", dict(normalized=True)),
                ("RING", dict(single_word=True, lstrip=True)), ("<tag>", dict(lstrip=True, rstrip=True)), ("[SEP][SEP]", {}),
                ("<new>er", dict(normalized=True, rstrip=True)), ("ring", dict(single_word=True)),
            ]
        ], limit=20)
    vocabulary_lines = "".join(token + "\n" for token in vocabulary)
    for name in ["uncased", "cased"]:
        (folder / name / "vocab.txt").write_text(vocabulary_lines, encoding="utf-8")
    write("cased/tokenizer_config.json", {
        "tokenizer_class": "BertTokenizer", "do_lower_case": False, "strip_accents": None, "tokenize_chinese_chars": True,
        "unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]",
        "mask_token": {"__type": "AddedToken", "content": "[MASK]", "lstrip": False, "normalized": False, "rstrip": False, "single_word": False},
    })
    write("scalars.json", [
        {**flags, "checksums": checksums(normalizers.BertNormalizer(**flags))} for flags in [
            dict(clean_text=True, handle_chinese_chars=True, strip_accents=True, lowercase=True),
            dict(clean_text=True, handle_chinese_chars=True, strip_accents=False, lowercase=False),
            dict(clean_text=False, handle_chinese_chars=False, strip_accents=True, lowercase=False),
            dict(clean_text=False, handle_chinese_chars=True, strip_accents=True, lowercase=True),
            dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=True),
        ]])
    lines = generated(3000, seed=2) + ["", " ", long, long[1:], "\u0301" * 101, "[SEP]" * 40, "\\n \\ \n\r"]
    write_lines(lines, folder / "lines.txt")
    write_ids(Tokenizer.from_str(write("uncased/tokenizer.json", uncased)), lines, folder / "uncased/ids.txt", MAX_LENGTH)
    write_ids(Tokenizer.from_str(write("added/tokenizer.json", added)), lines[:700], folder / "added/ids.txt", MAX_LENGTH)
    write_ids(BertTokenizer.from_pretrained(folder / "cased").backend_tokenizer, lines[:700], folder / "cased/ids.txt", MAX_LENGTH)


if __name__ == "__main__":
    main()
