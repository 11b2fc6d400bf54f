"""Generated lines that try every corner of a tokenizer, and the files that the Swift test reads."""

import random
import unicodedata

SPECIAL = ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]", "[cls]", "[Mask]", "[ CLS ]", "[CLS", "CLS]", "[[SEP]]", "[SEP][SEP]",
           "<new>", "<NEW>", "<new>er", "Çafé", "çafés", "ÇAFE\u0301", "ring", "RING", "rings", "<tag>", "\u00a0<tag>\t"]
SPACES = [" ", "  ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x85", "\u00a0", "\u1680", "\u2003", "\u2009", "\u2028", "\u2029",
          "\u202f", "\u205f", "\u3000", "\u200b", "\ufeff", "\u180e"]
SYLLABLES = ["ba", "lo", "ring", "ment", "un", "re", "ti", "on", "er", "ka", "zu", "th", "ough", "s", "ed", "qu", "x", "pre", "ly", "i"]
CASED = ["Straße", "STRASSE", "ẞ", "İstanbul", "ISPARTA", "ıspanak", "ΟΔΥΣΣΕΥΣ", "Σίσυφος", "ΣΑΣ", "ǅ", "Ǆ", "ﬁn", "Ⅷ", "K", "Å", "Ω", "Ⱥ",
         "Ꭰ", "ᏸ", "Ა", "𐐀", "𞤀", "i̇", "É", "É", "ñandú", "N̈", "Ḍ̇", "Ḍ̇", "ệ", "ﬃ", "Ĳ", "ŉ", "ΐ", "ᾳ", "ᾼ", "Ώ"]
EMOJI = ["😀", "👩‍👩‍👧‍👦", "👍🏽", "🏳️‍🌈", "🇩🇪", "❤️", "☺", "1️⃣", "🤖", "🫠", "🫨", "👨🏿‍🚀", "✈︎", "⌚", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"]
BLOCKS = [
    (0x00, 0x7F), (0x80, 0xFF), (0x100, 0x24F), (0x250, 0x2FF), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x530, 0x58F),
    (0x590, 0x5FF), (0x600, 0x6FF), (0x700, 0x7FF), (0x800, 0x8FF), (0x900, 0x97F), (0x980, 0xDFF), (0xE00, 0xEFF), (0xF00, 0xFFF),
    (0x1000, 0x109F), (0x10A0, 0x137F), (0x13A0, 0x17FF), (0x1800, 0x1AFF), (0x1B00, 0x1CFF), (0x1D00, 0x1DFF), (0x1E00, 0x1FFF),
    (0x2000, 0x206F), (0x2070, 0x2BFF), (0x2C00, 0x2E7F), (0x2E80, 0x33FF), (0x3400, 0x4DFF), (0x4E00, 0x9FFF), (0xA000, 0xABFF),
    (0xAC00, 0xD7FF), (0xE000, 0xF8FF), (0xF900, 0xFAFF), (0xFB00, 0xFDFF), (0xFE00, 0xFE6F), (0xFE70, 0xFFFF), (0x10000, 0x10FFF),
    (0x11000, 0x11FFF), (0x12000, 0x16FFF), (0x17000, 0x1CFFF), (0x1D000, 0x1D3FF), (0x1D400, 0x1DFFF), (0x1E000, 0x1EFFF),
    (0x1F000, 0x1FAFF), (0x1FB00, 0x2A6DF), (0x2A700, 0x2EBFF), (0x2F800, 0x2FA1F), (0x30000, 0x3FFFF), (0xE0000, 0xE0FFF), (0x100000, 0x10FFFF),
]
# Marks that stay when accents are stripped and yet have a combining class: their order matters.
LASTING = [chr(c) for c in (0x302E, 0x302F, 0x1D165, 0x1D166, 0x1D16D, 0x1D16E, 0x1D172, 0x1B44, 0x1BAA, 0xA953, 0x111C0, 0x116B6)] + [
    chr(c) for c in (0x1D15E, 0x1D15F, 0x1D160, 0x1D1BB, 0x1D1BF, 0x8D4, 0x1DFB, 0x1E000, 0x1E944, 0x1E94A, 0x10D24)]
MARKS = [chr(c) for c in range(0x300, 0x1E000) if unicodedata.category(chr(c)) == "Mn"]


def character(rng):
    while True:
        first, last = rng.choice(BLOCKS)
        value = rng.randint(first, last)
        if not 0xD800 <= value < 0xE000:
            return chr(value)


def plain_word(rng):
    word = "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(1, 4)))
    return rng.choice([word, word, word, word.capitalize(), word.upper(), word + rng.choice(".,;:!?'\")"), "(" + word])


def word(rng):
    kind = rng.randrange(15)
    if kind < 4:
        return plain_word(rng)
    if kind == 4:
        return rng.choice(CASED)
    if kind == 5:
        return rng.choice(EMOJI)
    if kind == 6:
        return rng.choice(SPECIAL)
    if kind == 7:  # accents on Latin letters, in either form
        text = "".join(rng.choice("aeiouncsyAEIOUNCSYdl") + rng.choice(["", "", rng.choice(MARKS[:112])]) for _ in range(rng.randint(1, 8)))
        return unicodedata.normalize(rng.choice(["NFC", "NFD"]), text)
    if kind == 8:  # one script
        first, last = rng.choice(BLOCKS)
        values = [rng.randint(first, last) for _ in range(rng.randint(1, 7))]
        return "".join(chr(v) for v in values if not 0xD800 <= v < 0xE000)
    if kind == 9:  # any characters
        return "".join(character(rng) for _ in range(rng.randint(1, 6)))
    if kind == 10:  # runs of marks
        marks = LASTING if rng.random() < 0.5 else MARKS
        return rng.choice(["a", "", "\U0001D158", "\u0915", "\uAC00"]) + "".join(
            rng.choice([rng.choice(marks), rng.choice(LASTING), rng.choice(MARKS), rng.choice(["\u200d", "\x01", ""])])
            for _ in range(rng.randint(1, 5)))
    if kind == 11:  # numbers, signs, addresses
        return rng.choice(["3.14", "1,000", "$5", "50%", "a_b", "x=y+z", "C++", "#1", "##ing", "e@f.org", "http://a.b/c?d=e", "it's", "``", "''", "--", "...", "~`^|<>"])
    if kind == 12:
        return rng.choice(["\x00", "\x01", "\x7f", "\x9f", "\ufffd", "\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\ue000", "\u0378", "\U000e0041"]) + plain_word(rng)
    if kind == 13 and rng.random() < 0.1:  # around the limit of 100 characters
        return rng.choice(["a", "ab", "é", "\u0301", "ß", "한", "x\u0301", "ки"]) * rng.choice([33, 49, 50, 51, 99, 100, 101, 150])
    return plain_word(rng)


def line(rng):
    parts = []
    for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 12, 20])):
        parts.append(word(rng))
        parts.append(rng.choice([" "] * 12 + [rng.choice(SPACES)] * 3 + [""]))
    return "".join(parts)


CONTRACTIONS = ["'s", "'S", "'t", "'T", "'re", "'RE", "'Re", "'ve", "'vE", "'m", "'M", "'ll", "'LL", "'lL", "'d", "'D", "'\u017f", "'l", "'r", "'", "''s",
                "\u2019s", "'\u212a", "'st", "'rever", "'\u00ff"]
SUBWORD_SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<0x41>",
                   "<|", "|>", "<s", "\u2581", "\u2581a", "\u2581\u2581", "</w>", "##a", "\u0120", "\u010a", "``", "''"]


def subword_part(rng):
    """Where words meet: apostrophes, runs of digits, of signs, of spaces and of line ends."""
    kind = rng.randrange(8)
    if kind == 0:
        return plain_word(rng) + rng.choice(CONTRACTIONS) + rng.choice(["", "", " ", "x", "1", "\u0301"])
    if kind == 1:
        return "".join(rng.choice(["0", "1", "7", "99", "12345", "\u0663", "\u00bd", "\u2167", "\u096a", "\U0001d7d9", "\U00011de0"]) for _ in range(rng.randint(1, 6)))
    if kind == 2:
        return "".join(rng.choice(["!", "?!", "...", "--", "\u2026", "\u20ac", "+", "=", "_", "\U0001F600", "\u0301", "\n", "\r\n"]) for _ in range(rng.randint(1, 5)))
    if kind == 3:
        return "".join(rng.choice([" ", " ", "  ", "\n", "\n", "\r\n", "\r", "\t", "\u00a0", "\u3000", "\u2028", "\x85", "\x0b"]) for _ in range(rng.randint(1, 6)))
    if kind == 4:
        return rng.choice(SUBWORD_SPECIAL)
    if kind == 5:
        return rng.choice(["\u1100\u1161", "\uac00\u11a8", "\u1100\u1161\u11a8", "\uac01\u11a8", "\u0958", "\u212b", "\ufb01", "\ufdfa", "\u2126", "e\u0301\u0323",
                           "\u0344", "\u0f73", "\u1e9b\u0323", "\u3099", "\u304b\u3099", "\uff76\uff9e", "\u33a2", "\u2460", "\ufb01\u0301", "\u00bd\u0327", "\U0001d15e"])
    return word(rng)


def subword_line(rng):
    return "".join(subword_part(rng) + rng.choice([" ", " ", " ", "", "  "]) for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13])))


def generated(count, seed, line=line):
    rng = random.Random(seed)
    return [line(rng) for _ in range(count)]


def escaped(text):
    """One line of a file: backslash and line ends are escaped, all else stands as it is."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")


def write_lines(lines, path):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.writelines(escaped(text) + "\n" for text in lines)


def write_ids(tokenizer, lines, path, max_length):
    """For each line its ids, then, for it and the line after it, cut to `max_length`, the number of ids of segment 0 and the ids."""
    tokenizer.no_padding()
    with open(path, "w") as file:
        for start in range(0, len(lines), 10_000):
            batch = lines[start:start + 10_000]
            following = (lines + lines[:1])[start + 1:start + 1 + len(batch)]
            tokenizer.no_truncation()
            singles = tokenizer.encode_batch(batch)
            tokenizer.enable_truncation(max_length)
            pairs = tokenizer.encode_batch(list(zip(batch, following)))
            for single, pair in zip(singles, pairs):
                zeros = pair.type_ids.count(0)
                assert pair.type_ids == [0] * zeros + [1] * (len(pair.ids) - zeros) and not any(single.type_ids)
                file.write(" ".join(map(str, single.ids)) + "\n")
                file.write(" ".join(map(str, [zeros] + pair.ids)) + "\n")
