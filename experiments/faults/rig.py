"""What the faults are tried on: a small experiment, processes that train it, and what must be equal at the end."""

import hashlib
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
WORDS = ["good", "bad", "so", "very", "dull", "bright", "film", "scene", "end", "the"]


class Failure(Exception):
    pass


def expect(holds, what):
    if not holds:
        raise Failure(what)


class Ended:
    """A process that has ended: status, and all that it said on standard error and output."""

    def __init__(self, status, error, output):
        self.status, self.error, self.output = status, error, output

    def said(self):
        return self.error.strip()[-600:]


class Training:
    """A ranktop process. Its output goes to files, so that it never waits for a reader."""

    def __init__(self, rig, *arguments):
        rig.started += 1
        self.place = os.path.join(rig.folder, f"said-{rig.started}")
        with open(self.place + ".err", "wb") as error, open(self.place + ".out", "wb") as output:
            self.process = subprocess.Popen(
                [rig.program, *arguments], cwd=rig.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=error)

    def error(self):
        with open(self.place + ".err", errors="replace") as file:
            return file.read()

    def is_over(self):
        return self.process.poll() is not None

    def kill(self):
        self.process.kill()
        return self.end()

    def signal(self, number):
        self.process.send_signal(number)

    def end(self, timeout=300):
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failure(f"did not end in {timeout} s: {self.error()[-600:]}")
        with open(self.place + ".out", errors="replace") as file:
            ended = Ended(status, self.error(), file.read())
        os.unlink(self.place + ".err")
        os.unlink(self.place + ".out")
        return ended

    def wait_for(self, what, timeout=60):
        """Waits until `what()` is true or the process is over; polls without sleeping long, for moments are short."""
        deadline = time.monotonic() + timeout
        while not self.is_over():
            if what():
                return True
            if time.monotonic() > deadline:
                self.kill()
                raise Failure("what was waited for did not come")
            time.sleep(0.0002)
        return False

    def wait_to_say(self, text, timeout=60):
        return self.wait_for(lambda: text in self.error(), timeout) or text in self.error()


class Rig:
    """A folder with an experiment, and its uninterrupted run."""

    def __init__(self, program, folder, steps, every, model=None, seed=0):
        self.program, self.folder, self.steps, self.every, self.started = program, folder, steps, every, 0
        os.makedirs(folder)
        source = model or os.path.join(ROOT, "Tests/TrainingTests/Fixtures/bert-adalora/model")
        if model:
            os.symlink(os.path.abspath(source), self.path("model"))
        else:
            shutil.copytree(source, self.path("model"))
            with open(self.path("model/vocab.txt"), "w") as file:
                file.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS))
        for name, count in [("train", 60), ("dev", 12)]:
            with open(self.path(name + ".tsv"), "w") as file:
                file.write("sentence\tlabel\n")
                for row in range(count):
                    words = [WORDS[(row * 7 + i * (row % 5 + 1)) % len(WORDS)] for i in range(6)]
                    file.write(" ".join(words) + "\t" + ["no", "so", "yes"][row % 3] + "\n")
        with open(self.path("tiny.toml"), "w") as file:
            file.write(
                f'name = "tiny"\nseed = {seed}\n[model]\npath = "model"\ntask = "SEQ_CLS"\n'
                '[data]\ntrain = "train.tsv"\neval = "dev.tsv"\ntext = "sentence"\nlabel = "label"\nmax_length = 16\n'
                '[adapter]\npeft_type = "ADALORA"\ntarget_modules = ["query", "value", "output.dense"]\n'
                f"init_r = 4\ntarget_r = 2\ntinit = {steps // 6}\ntfinal = {steps // 3}\ndeltaT = 2\n"
                f"lora_dropout = 0.1\n[training]\ntotal_step = {steps}\nbatch_size = 8\nlearning_rate = 1e-2\n"
                f"gradient_accumulation_steps = 2\neval_every = {max(steps // 7, 1)}\ncheckpoint_every = {every}\n"
                f"threads = 1\n[telemetry]\nscores_every = 10\n")
        self.changes = []
        if "--at" in self.run("train", "--help").output:
            for share, command in [(4, "set beta1 0.9"), (3, "target 1.5"), (2, "set gamma 0.2")]:
                self.changes += ["--at", f"{steps // share}:{command}"]

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self, *arguments):
        return Training(self, *arguments)

    def run(self, *arguments, timeout=300):
        return self.start(*arguments).end(timeout)

    def train(self, runs):
        return self.start("train", "tiny.toml", "--headless", "--runs", runs, *self.changes)

    def resume(self, run, *arguments):
        return self.start("resume", run, "--headless", *arguments)

    def make_reference(self):
        ended = self.train("reference").end()
        expect(ended.status == 0, f"the uninterrupted run ended with {ended.status}: {ended.said()}")
        self.reference = result(self.path("reference/tiny-1"))
        rows = self.reference["step"]
        expect([row[0] for row in rows] == list(range(self.steps)), "the uninterrupted run has not a row a step")

    def expect_equal(self, run):
        """Adapter and rows of a run that was interrupted are those of the run that was not."""
        found = result(self.path(run))
        for name, value in self.reference.items():
            if found[name] != value:
                raise Failure(f"{name} differs from the uninterrupted run's{first_difference(value, found[name])}")

    def finish(self, run):
        """Resumes a run to its end, which must be that of the uninterrupted run."""
        ended = self.resume(run).end()
        expect(ended.status == 0, f"resume ended with {ended.status}: {ended.said()}")
        self.expect_equal(run)
        return ended


def first_difference(expected, found):
    if not isinstance(expected, list):
        return ""
    if len(expected) != len(found):
        return f": {len(found)} rows, expected {len(expected)}"
    for a, b in zip(expected, found):
        if a != b:
            columns = [f"column {i} is {y!r}, expected {x!r}" for i, (x, y) in enumerate(zip(a, b)) if x != y]
            return f" at {a[:2]!r}: " + ", ".join(columns)[:400]
    return ""


def result(run):
    """All that must not depend on interruptions: the adapter's bytes, and the database's rows but for times."""
    with open(os.path.join(run, "adapter/adapter_model.safetensors"), "rb") as file:
        values = {"adapter": hashlib.sha256(file.read()).hexdigest()}
    database = sqlite3.connect(f"file:{os.path.join(run, 'telemetry.sqlite')}?mode=ro", uri=True)
    columns = [row[1] for row in database.execute("PRAGMA table_info(step)") if row[1] != "step_ms"]
    values["step"] = database.execute(f"SELECT {', '.join(columns)} FROM step ORDER BY step").fetchall()
    for table in ["rank", "triplets", "schedule", "evaluation"]:
        values[table] = database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()
    values["intervention"] = database.execute(
        "SELECT step, parameter, old, new, is_undo FROM intervention ORDER BY id").fetchall()
    database.close()
    return values


def checkpoints(run):
    """Steps of the checkpoints that are there."""
    try:
        names = os.listdir(os.path.join(run, "checkpoints"))
    except FileNotFoundError:
        return []
    return sorted(int(name[5:-5]) for name in names if name.startswith("step-") and name.endswith(".ckpt"))


def checkpoint(run, step):
    return os.path.join(run, f"checkpoints/step-{step}.ckpt")


def has_temporary(run):
    try:
        return any(name.endswith(".tmp") for name in os.listdir(os.path.join(run, "checkpoints")))
    except FileNotFoundError:
        return False


def size(path):
    try:
        return os.path.getsize(path)
    except FileNotFoundError:
        return 0


def fingerprint(folder):
    """Names, kinds, contents and times of all that is in a folder."""
    found = []
    for place, folders, files in os.walk(folder):
        for name in sorted(folders + files):
            path = os.path.join(place, name)
            state = os.lstat(path)
            content = b""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).digest()
            found.append((path, state.st_mode, state.st_size, state.st_mtime_ns, content))
    return sorted(found)


# The container of a checkpoint, so that one can be forged whose checksum is right.

CRC = []
for index in range(256):
    for _ in range(8):
        index = index >> 1 ^ 0x82F63B78 if index & 1 else index >> 1
    CRC.append(index)


def crc32c(data):
    value = 0xFFFFFFFF
    for byte in data:
        value = value >> 8 ^ CRC[(value ^ byte) & 255]
    return value ^ 0xFFFFFFFF


def forge(path, change):
    """Rewrites a checkpoint with its header as `change` leaves it. The checksum is right again."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack("<Q", data[16:24])[0]
    header = json.loads(data[24:24 + length])
    body = data[(24 + length + 63) // 64 * 64:-4]
    change(header)
    text = json.dumps(header).encode()
    head = b"RKTPCKP1" + struct.pack("<QQ", 0, len(text)) + text
    data = head + bytes(-len(head) % 64) + body
    data = data[:8] + struct.pack("<Q", len(data) + 4) + data[16:]
    with open(path, "wb") as file:
        file.write(data + struct.pack("<I", crc32c(data)))
