#!/usr/bin/env python3
"""Measures the dashboard from outside, through a pseudo-terminal: what ../dashboard.md tells.

    python3 experiments/dashboard/measure.py [figure ...] [--program PATH]

Figures: latency throughput idle bytes first-frame memory (all of them where none is named).
Python's standard library alone. MiniLM and its data are where experiments/quickstart.sh put them.
"""

import argparse
import fcntl
import glob
import os
import pty
import random
import re
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "ranktop")
FRAME_END = b"\x1b[?2026l"
# Some frames of training have been drawn.
READY = rb"training.*" + 4 * (re.escape(FRAME_END) + b".*")


class Program:
    """A process on a pseudo-terminal of its own, its output read by a thread with the time of each piece."""

    def __init__(self, arguments, width=120, height=40, environment=None):
        self.pieces = []  # (time, bytes)
        self.received = threading.Condition()
        self.start = time.perf_counter()
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            os.environ.update(TERM="xterm-256color", LANG="C.UTF-8", XDG_CONFIG_HOME="/nonexistent")
            for name in ("LC_ALL", "LC_CTYPE", "NO_COLOR"):
                os.environ.pop(name, None)
            os.execv(arguments[0], arguments)
        self.over = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            try:
                piece = os.read(self.terminal, 1 << 16)
            except OSError:
                piece = b""
            now = time.perf_counter()
            with self.received:
                self.over = not piece
                self.pieces.append((now, piece))
                self.received.notify_all()
            if not piece:
                return
            if b"\x1b[6n" in piece:  # where the cursor is after one narrow glyph
                self.type(b"\x1b[2;2R")

    def type(self, keys):
        os.write(self.terminal, keys)

    def wait_for(self, pattern, since=0, seconds=60):
        """The time at which the bytes from piece `since` on had the pattern in them."""
        deadline = time.perf_counter() + seconds
        text, index = b"", since
        with self.received:
            while True:
                while index < len(self.pieces):
                    moment, piece = self.pieces[index]
                    text += piece
                    index += 1
                    if re.search(pattern, text, re.DOTALL):
                        return moment
                if self.over or not self.received.wait(deadline - time.perf_counter()):
                    raise SystemExit(f"no {pattern} in {text[-300:]!r}")

    @property
    def count(self):
        with self.received:
            return len(self.pieces)

    def bytes_since(self, index):
        with self.received:
            return b"".join(piece for _, piece in self.pieces[index:])

    def cpu_seconds(self):
        """Of all threads, from the scheduler, in nanoseconds' resolution."""
        total = 0
        for path in glob.glob(f"/proc/{self.pid}/task/*/schedstat"):
            with open(path) as file:
                total += int(file.read().split()[0])
        return total * 1e-9

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status") as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read())[1])

    def end(self):
        """By SIGTERM, and waits."""
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
        self.reader.join(5)
        os.close(self.terminal)


class Steps:
    """A pipe with a name for --trace: the time at which each step's line came."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "trace")
        os.mkfifo(self.path)
        self.times = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        with open(self.path, "rb", buffering=0) as pipe:
            rest = b""
            while piece := pipe.read(1 << 16):
                now = time.perf_counter()
                lines = (rest + piece).split(b"\n")
                rest = lines.pop()
                self.times += [now for line in lines if line.startswith(b'{"step"')]

    def wait_for(self, count, program, seconds=300):
        deadline = time.perf_counter() + seconds
        while len(self.times) < count:
            if time.perf_counter() > deadline:
                raise SystemExit(f"only {len(self.times)} steps of {count}: {program.bytes_since(0)[-1000:]!r}")
            time.sleep(0.005)


def demo(program, *more, steps=1_000_000):
    return [program, "demo", "--steps", str(steps), *more]


def minilm(program, runs, *more):
    return [
        program, "train", os.path.join(ROOT, "experiments/movie-reviews.toml"), "--runs", runs,
        "--set", f"model.path={CACHE}/models/all-MiniLM-L6-v2",
        "--set", f"data.train={CACHE}/movie-reviews/reviews.tsv",
        "--set", "training.total_step=100000", "--set", "training.eval_every=0", *more,
    ]


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def bootstrap(values, seed=0, rounds=10_000):
    """95 % interval of the median."""
    generator = random.Random(seed)
    medians = sorted(statistics.median(generator.choices(values, k=len(values))) for _ in range(rounds))
    return medians[int(0.025 * rounds)], medians[int(0.975 * rounds)]


def load():
    return f"load {os.getloadavg()[0]:.2f}"


# Figures


def latency(options, runs):
    """From a key that moves the focus to the frame with the double border that marks it: no frame of training has one."""
    for name, arguments in (("MiniLM", minilm(options.program, runs)), ("demo", demo(options.program))):
        program = Program(arguments)
        program.wait_for(READY)
        time.sleep(2)
        generator = random.Random(1)
        waits = []
        before = program.cpu_seconds(), time.perf_counter()
        for index in range(options.keys):
            time.sleep(generator.uniform(0.02, 0.25))
            since = program.count
            sent = time.perf_counter()
            program.type(b"123456"[index % 6 : index % 6 + 1] if index else b"6")
            waits.append(1000 * (program.wait_for("╔".encode() + rb".*" + re.escape(FRAME_END), since) - sent))
        used = (program.cpu_seconds() - before[0]) / (time.perf_counter() - before[1])
        program.end()
        print(
            f"latency, {name} on {used:.2f} cores: {len(waits)} keys, median {statistics.median(waits):.1f} ms, "
            f"99th percentile {percentile(waits, 0.99):.1f} ms, largest {max(waits):.1f} ms ({load()})", flush=True)


def block(arguments, steps, skip):
    """Seconds a step, of `steps` steps after the first `skip`."""
    trace = Steps()
    program = Program(arguments + ["--trace", trace.path])
    trace.wait_for(skip + steps + 1, program)
    times = trace.times[skip : skip + steps + 1]
    program.end()
    return (times[-1] - times[0]) / steps


def throughput(options, runs):
    """Short runs of the same steps, headless and under the dashboard in turns."""
    for name, make, steps, skip in (
        ("MiniLM", lambda *more: minilm(options.program, runs, *more), 30, 3),
        ("demo", lambda *more: demo(options.program, *more), 600, 100),
    ):
        ratios, seconds = [], {True: [], False: []}
        for index in range(options.blocks):
            pair = {}
            for headless in ((True, False), (False, True))[index % 2]:
                # Both on a pseudo-terminal, so that the progress bar's cost is headless's own.
                pair[headless] = block(make(*(["--headless"] if headless else [])), steps, skip)
                seconds[headless].append(pair[headless])
            ratios.append(pair[True] / pair[False])
        low, high = bootstrap(ratios)
        print(
            f"throughput, {name}: dashboard over headless {statistics.median(ratios):.4f} "
            f"[{low:.4f}, {high:.4f}], median of {len(ratios)} pairs of {steps} steps; "
            f"headless {1000 * statistics.median(seconds[True]):.2f} ms a step ({load()})", flush=True)


def idle(options, runs):
    program = Program(demo(options.program))
    program.wait_for(READY)
    program.type(b" ")
    program.wait_for(b"paused")
    time.sleep(6)  # until every message is gone
    since, before = program.count, program.cpu_seconds()
    time.sleep(10)
    used, sent = program.cpu_seconds() - before, program.bytes_since(since)
    program.end()
    print(
        f"idle: paused for 10 s, {1000 * used:.2f} ms of CPU, {len(sent)} bytes, "
        f"{sent.count(FRAME_END)} frames", flush=True)


def sent_bytes(options, runs):
    for name, arguments in (("MiniLM", minilm(options.program, runs)), ("demo", demo(options.program))):
        program = Program(arguments)
        program.wait_for(READY)
        time.sleep(3)
        since = program.count
        time.sleep(20)
        sent = program.bytes_since(since)
        program.end()
        frames = sent.count(FRAME_END)
        print(
            f"bytes, {name} at 120x40: {len(sent) / 20:.0f} a second in {frames / 20:.1f} frames a second, "
            f"{len(sent) / max(frames, 1):.0f} a frame ({load()})", flush=True)


def first_frame(options, runs):
    waits = []
    for _ in range(21):
        program = Program(demo(options.program))
        waits.append(1000 * (program.wait_for(rb"Ranks.*" + re.escape(FRAME_END)) - program.start))
        program.end()
    print(
        f"first frame of the demo after exec: median of {len(waits)} {statistics.median(waits):.0f} ms, "
        f"largest {max(waits):.0f} ms ({load()})", flush=True)


def memory(options, runs):
    trace = Steps()
    program = Program(demo(options.program, "--trace", trace.path, steps=options.steps))
    points = []
    for share in (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.995):
        trace.wait_for(int(share * options.steps), program, seconds=36_000)
        points.append((len(trace.times), program.resident_kib() / 1024))
    program.end()
    text = ", ".join(f"{size:.1f} at {step}" for step, size in points)
    print(f"memory, demo of {options.steps} steps, MiB: {text} ({load()})", flush=True)


FIGURES = {
    "latency": latency, "throughput": throughput, "idle": idle, "bytes": sent_bytes, "first-frame": first_frame,
    "memory": memory,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", nargs="*", metavar="figure", help=" ".join(FIGURES))
    parser.add_argument("--program", default=os.path.join(ROOT, ".build/release/ranktop"))
    parser.add_argument("--keys", type=int, default=300, help="keys of the latency")
    parser.add_argument("--blocks", type=int, default=20, help="pairs of blocks of the throughput")
    parser.add_argument("--steps", type=int, default=50_000, help="steps of the memory")
    options = parser.parse_args()
    for name in options.figures:
        if name not in FIGURES:
            parser.error(f"no figure {name}: {' '.join(FIGURES)}")
    with tempfile.TemporaryDirectory() as runs:
        for name in options.figures or FIGURES:
            FIGURES[name](options, runs)


if __name__ == "__main__":
    main()
