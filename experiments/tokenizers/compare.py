"""Compares the Swift tokenizer with HuggingFace's on every line of the given files and on generated lines.

    python compare.py MODEL_FOLDER [--generated 300000] [--column sentence] FILE.tsv ...

needs `pip install tokenizers` (0.23.3 was compared) and, for folders without `tokenizer.json`, `transformers`. The texts are each line's column
of that name or 0-based index, or whole lines where there is none. Runs `swift test` and ends with its exit status.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lines import generated, subword_line, write_ids, write_lines


def texts(path, column):
    lines = Path(path).read_text(encoding="utf-8").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    if column is None:
        return lines
    rows = [line.split("\t") for line in lines]
    if column.isdigit():
        return [row[int(column)] for row in rows]
    index = rows[0].index(column)
    return [row[index] for row in rows[1:]]


def load(folder):
    if (Path(folder) / "tokenizer.json").exists():
        from tokenizers import Tokenizer
        return Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))
    from transformers import AutoTokenizer, BertTokenizer
    named = (Path(folder) / "config.json").exists()
    return (AutoTokenizer if named else BertTokenizer).from_pretrained(folder).backend_tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("files", nargs="*")
    parser.add_argument("--column")
    parser.add_argument("--generated", type=int, default=0, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-length", type=int, default=32, help="of the pairs")
    parser.add_argument("--prepare", metavar="FOLDER", help="only write lines.txt and ids.txt there")
    arguments = parser.parse_args()

    lines = [text for path in arguments.files for text in texts(path, arguments.column)]
    half = arguments.generated // 2
    lines += generated(half, arguments.seed) + generated(arguments.generated - half, arguments.seed, subword_line)
    tokenizer = load(arguments.model)
    folder = arguments.prepare or tempfile.mkdtemp(prefix="ranktop-tokenizer-")
    write_lines(lines, f"{folder}/lines.txt")
    write_ids(tokenizer, lines, f"{folder}/ids.txt", arguments.max_length)

    tokenizer.no_truncation()
    start = time.perf_counter()
    for text in lines:
        tokenizer.encode(text)
    one_by_one = time.perf_counter() - start
    start = time.perf_counter()
    tokenizer.encode_batch_fast(lines)
    batch = time.perf_counter() - start
    print(f"tokenizers: {len(lines)} lines, {len(lines) / one_by_one:.0f} lines/s one by one, {len(lines) / batch:.0f} in one batch "
          f"on {os.cpu_count()} cores", flush=True)
    if arguments.prepare:
        return 0
    environment = dict(
        os.environ, RANKTOP_TOKENIZER_MODEL=os.path.abspath(arguments.model), RANKTOP_TOKENIZER_LINES=f"{folder}/lines.txt",
        RANKTOP_TOKENIZER_IDS=f"{folder}/ids.txt", RANKTOP_TOKENIZER_MAX_LENGTH=str(arguments.max_length))
    command = ["swift", "test", "-c", "release", "-Xswiftc", "-enable-testing", "--scratch-path", ".build-tests", "--filter", "TokenizerComparisonTests"]
    return subprocess.run(command, env=environment, cwd=Path(__file__).parents[2]).returncode


if __name__ == "__main__":
    sys.exit(main())
