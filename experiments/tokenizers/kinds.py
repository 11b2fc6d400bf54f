"""Makes tokenizers of every family, to be compared by compare.py.

    python kinds.py FOLDER FILE ...

trains, on the lines of the given files and on generated ones, a vocabulary for each family's own normaliser, pre-tokenizer, model and special
tokens, and writes FOLDER/<kind>/tokenizer.json. Needs `pip install tokenizers==0.23.3`, and `sentencepiece` for the families that carry a table of
characters (`Precompiled`).
"""

import base64
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from lines import generated, subword_line

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
CHAT = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def byte_level(text, pre_tokenizer, special, size, normalizer=None, post_processor=None, ignore_merges=False):
    tokenizer = Tokenizer(models.BPE(ignore_merges=ignore_merges))
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
    tokenizer.post_processor = post_processor(tokenizer) if post_processor else processors.ByteLevel(trim_offsets=False)
    return tokenizer


def split(pattern):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def gpt2(text, size=16000):
    return byte_level(text, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"], size)


def roberta(text, size=12000):
    tokenizer = byte_level(
        text, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], size,
        post_processor=lambda t: processors.RobertaProcessing(("</s>", t.token_to_id("</s>")), ("<s>", t.token_to_id("<s>"))))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


def llama3(text, size=32000):
    def post_processor(tokenizer):
        begin = "<|begin_of_text|>"
        return processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(
            single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1", special_tokens=[(begin, tokenizer.token_to_id(begin))])])
    return byte_level(
        text, split(LLAMA3), ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], size,
        post_processor=post_processor, ignore_merges=True)


def qwen2(text, size=24000):
    return byte_level(text, split(QWEN2), CHAT, size, normalizer=normalizers.NFC())


def smollm2(text, size=16000):
    return byte_level(
        text, pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]), CHAT, size)


def claude(text, size=16000):
    return byte_level(text, pre_tokenizers.ByteLevel(add_prefix_space=True), ["<EOT>", "<META>"], size, normalizer=normalizers.NFKC())


def bos(tokenizer, begin="<s>"):
    return processors.TemplateProcessing(
        single=f"{begin} $A", pair=f"{begin} $A {begin}:1 $B:1", special_tokens=[(begin, tokenizer.token_to_id(begin))])


def sentencepiece_bpe(text, legacy, size=16000):
    """Llama 2: spaces become visible in the normaliser and a text is one word; or, not legacy, in the pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokenizer.train_from_iterator(
        text, trainers.BpeTrainer(vocab_size=size, limit_alphabet=size // 4, special_tokens=special, show_progress=False))
    # The bytes are ordinary tokens.
    content = json.loads(tokenizer.to_str())
    content["added_tokens"] = content["added_tokens"][:3]
    if legacy:
        content["normalizer"] = {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
        content["pre_tokenizer"] = None
    else:
        content["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.post_processor = bos(tokenizer)
    return tokenizer


def charsmap(name, text):
    """SentencePiece's own table for one of its normalisation rules."""
    import sentencepiece
    with tempfile.TemporaryDirectory() as folder:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(text[:2000]), model_prefix=f"{folder}/m", vocab_size=600, normalization_rule_name=name, minloglevel=2,
            hard_vocab_limit=False)
        model = sentencepiece.SentencePieceProcessor(model_file=f"{folder}/m.model").serialized_model_proto()
    from sentencepiece import sentencepiece_model_pb2
    proto = sentencepiece_model_pb2.ModelProto.FromString(model)
    return base64.b64encode(proto.normalizer_spec.precompiled_charsmap).decode()


def unigram(text, rule, before, after, pre_tokenizer, special, unknown, post_processor, size, byte_fallback=False):
    """`before` and `after` are what stands around the table of characters."""
    table = {"type": "Precompiled", "precompiled_charsmap": charsmap(rule, text)}
    sequence = {"type": "Sequence", "normalizers": [*before, table, *after]}
    start = json.loads(Tokenizer(models.Unigram()).to_str())
    start["normalizer"] = sequence
    tokenizer = Tokenizer.from_str(json.dumps(start))
    tokenizer.pre_tokenizer = pre_tokenizer
    # Every character of what it trains on becomes a token.
    common = {character for character, _ in Counter("".join(text)).most_common(min(1500, size // 4))}
    text = [line for line in text if common.issuperset(line)]
    pieces = special + ([f"<0x{b:02X}>" for b in range(256)] if byte_fallback else [])
    tokenizer.train_from_iterator(
        text, trainers.UnigramTrainer(vocab_size=size, special_tokens=pieces, unk_token=unknown, show_progress=False))
    content = json.loads(tokenizer.to_str())
    content["model"]["byte_fallback"] = byte_fallback
    content["added_tokens"] = content["added_tokens"][:len(special)]
    tokenizer = Tokenizer.from_str(json.dumps(content))
    tokenizer.post_processor = post_processor(tokenizer)
    return tokenizer


def cls_sep(cls="[CLS]", sep="[SEP]", second=1):
    return lambda tokenizer: processors.TemplateProcessing(
        single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B:{second} {sep}:{second}",
        special_tokens=[(cls, tokenizer.token_to_id(cls)), (sep, tokenizer.token_to_id(sep))])


def deberta3(text, size=16000):
    tokenizer = unigram(
        text, "nmt_nfkc", [{"type": "Strip", "strip_left": True, "strip_right": True}],
        [{"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}], pre_tokenizers.Metaspace(prepend_scheme="always"),
        ["[PAD]", "[CLS]", "[SEP]", "[UNK]"], "[UNK]", cls_sep(), size)
    tokenizer.add_special_tokens([AddedToken("[MASK]", normalized=True)])
    return tokenizer


def albert(text, size=12000):
    def replace(pattern, content):
        return {"type": "Replace", "pattern": pattern, "content": content}
    tokenizer = unigram(
        text, "nmt_nfkc",
        [replace({"String": "``"}, '"'), replace({"String": "''"}, '"'), {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"}],
        [replace({"Regex": " {2,}"}, " ")], pre_tokenizers.Metaspace(prepend_scheme="always"),
        ["<pad>", "<unk>", "[CLS]", "[SEP]"], "<unk>", cls_sep(), size)
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True, normalized=False)])
    return tokenizer


def xlm_roberta(text, size=20000):
    tokenizer = unigram(
        text, "nmt_nfkc", [], [], pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]),
        ["<s>", "<pad>", "</s>", "<unk>"], "<unk>", cls_sep("<s>", "</s>", 0), size)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    return tokenizer


def unigram_bytes(text, size=8000):
    return unigram(
        text, "nfkc_cf", [{"type": "Nmt"}, {"type": "NFD"}], [], pre_tokenizers.Sequence([
            pre_tokenizers.Punctuation(), pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Metaspace(prepend_scheme="always")]),
        ["<unk>", "<s>"], "<unk>", bos, size, byte_fallback=True)


def affixes(text, size=8000):
    """What few tokenizers have: characters marked by where they stand in a word, and unknown ones that are not fused."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(text, trainers.BpeTrainer(
        vocab_size=size, limit_alphabet=size // 4, special_tokens=["<unk>"], continuing_subword_prefix="##", end_of_word_suffix="</w>", show_progress=False))
    return tokenizer


KINDS = {
    "gpt2": gpt2, "roberta": roberta, "llama3": llama3, "qwen2": qwen2, "smollm2": smollm2, "claude": claude,
    "llama2-legacy": lambda text, **size: sentencepiece_bpe(text, True, **size), "llama2": lambda text, **size: sentencepiece_bpe(text, False, **size),
    "deberta3": deberta3, "albert": albert, "xlm-roberta": xlm_roberta, "unigram-bytes": unigram_bytes, "affixes": affixes,
}


def main():
    folder, *files = sys.argv[1:]
    text = [line for path in files for line in Path(path).read_text(encoding="utf-8").split("\n") if line]
    text += generated(20_000, seed=11) + generated(20_000, seed=12, line=subword_line)
    for name, make in KINDS.items():
        tokenizer = make(text)
        (Path(folder) / name).mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(Path(folder) / name / "tokenizer.json"))
        print(f"{name}: {tokenizer.get_vocab_size()} tokens", flush=True)


if __name__ == "__main__":
    main()
