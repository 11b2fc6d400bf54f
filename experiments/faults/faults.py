#!/usr/bin/env python3
"""Everything that can happen to a run, done to one: it must go on as if it had not happened.

    python3 experiments/faults/faults.py [--quick] [--kills 100] [--seed 0] [--model DIR] [--program PATH] [--only NAME]

Trains a small experiment once without interruption. Then kills it, cuts and changes its files, fills its disk, forges
them, each time resumes it, and compares the adapter's bytes and the database's rows with the uninterrupted run's. Prints
a table; ends with status 1 where something did not hold. Only the full disk needs root, and is left out without it.
"""

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from hostile import hostile_folders  # noqa: E402
from rig import ROOT, Failure, Rig, checkpoint, checkpoints, expect, has_temporary, size  # noqa: E402


class Bench:
    """Runs cases and counts what held."""

    def __init__(self, rig, chance, arguments):
        self.rig, self.chance, self.quick, self.kills = rig, chance, arguments.quick, arguments.kills
        self.rows, self.number, self.failed = [], 0, False

    def case(self, kind, body, *arguments):
        """One case: a note of it, or a failure. Counted under its kind."""
        row = next((row for row in self.rows if row[0] == kind), None)
        if row is None:
            row = [kind, 0, 0, {}]
            self.rows.append(row)
        row[1] += 1
        self.number += 1
        folder = f"case-{self.number}"
        os.makedirs(self.rig.path(folder))
        try:
            note = body(folder, *arguments)
            row[2] += 1
            if note:
                row[3][note] = row[3].get(note, 0) + 1
            shutil.rmtree(self.rig.path(folder))
        except (Failure, OSError, sqlite3.Error) as failure:
            self.failed = True
            print(f"FAILED {kind}, {folder}: {failure!r}", file=sys.stderr, flush=True)

    def skip(self, kind, why):
        self.rows.append([kind, 0, 0, {f"left out: {why}": 1}])

    def table(self):
        print("| what was done | times | held | of which |\n| --- | --- | --- | --- |")
        for kind, tried, held, notes in self.rows:
            told = ", ".join(name + (f" {count}" if tried else "") for name, count in sorted(notes.items()))
            print(f"| {kind} | {tried} | {held} | {told} |")

    # Beginnings

    def stopped(self, folder, with_wal=False):
        """A run that was killed in its middle, with at least two checkpoints; its WAL holds rows where asked for."""
        run = os.path.join(folder, "tiny-1")
        for _ in range(50):
            training = self.rig.train(folder)
            wal = self.rig.path(run + "/telemetry.sqlite-wal")

            def is_there():
                steps = checkpoints(self.rig.path(run))
                return len(steps) > 1 and steps[-1] >= self.rig.steps // 3 and (not with_wal or size(wal) > 8192)

            if training.wait_for(is_there):
                training.kill()
                return run
            training.end()
            shutil.rmtree(self.rig.path(run))
        raise Failure("the run is too short to be killed in its middle")

    def copy(self, run, folder):
        target = os.path.join(folder, "tiny-1")
        shutil.copytree(self.rig.path(run), self.rig.path(target), symlinks=True)
        return target


# Kills

def kill(folder, bench, how, twice):
    """Kills a training at a moment, perhaps its resumption as well, and resumes it to the end."""
    rig = bench.rig
    note = None
    run = os.path.join(folder, "tiny-1")
    place = rig.path(run)
    for _ in range(100):
        shutil.rmtree(place, ignore_errors=True)
        training = rig.train(folder)
        training.wait_for(lambda: os.path.exists(place + "/telemetry.sqlite"))
        killed, note = wait_and_kill(bench, training, place, how)
        if killed:
            break
    else:
        raise Failure("the moment never came")
    if twice:
        training = rig.resume(run)
        wait_for_moment(bench, training, place)
        training.kill()
    saved, logged = set(checkpoints(place)), size(place + "/interventions.jsonl")
    ended = rig.resume(run).end()
    expect("passed over" not in ended.error, f"a checkpoint was not whole: {ended.said()}")
    expect(ended.status == 0, f"resume ended with {ended.status}: {ended.said()}")
    expect(size(place + "/interventions.jsonl") >= logged - 200, "the log of changes has become shorter")
    if saved and max(saved) < rig.steps:
        expect(f"goes on after {max(saved)} of" in ended.error, f"not from step {max(saved)}: {ended.said()}")
    rig.expect_equal(place)
    expect(not has_temporary(place), "half a checkpoint was left behind")
    return note


def wait_and_kill(bench, training, place, how):
    """How: `time`, at any moment; `write`, inside a checkpoint's write; `change`, right after one was logged."""
    log = place + "/interventions.jsonl"
    before = size(log)
    if how == "change":
        changes = bench.chance.randrange(len(bench.rig.changes) // 2)
        training.wait_for(lambda: line_count(log) > changes)
    elif how == "write":
        step = bench.chance.randrange(bench.rig.steps - bench.rig.every)
        training.wait_for(lambda: max([0] + checkpoints(place)) >= step)
        training.wait_for(lambda: has_temporary(place))
    else:
        wait_for_moment(bench, training, place)
    was_over = training.is_over()
    ended = training.kill()
    if was_over or ended.status != -signal.SIGKILL:
        return False, None
    if how == "write":
        return has_temporary(place), "in a checkpoint's write"
    if how == "change":
        return size(log) > before, "after a change was logged"
    return True, "in a checkpoint's write" if has_temporary(place) else "elsewhere"


def wait_for_moment(bench, training, place):
    """Any moment: some milliseconds after a checkpoint of any step."""
    step = bench.chance.randrange(bench.rig.steps)
    training.wait_for(lambda: step < bench.rig.every or max([0] + checkpoints(place)) >= step - bench.rig.every)
    moment = time.monotonic() + bench.chance.expovariate(1 / 0.05)
    training.wait_for(lambda: time.monotonic() >= moment)


def line_count(path):
    try:
        with open(path, "rb") as file:
            return file.read().count(b"\n")
    except FileNotFoundError:
        return 0


def kills(bench):
    ways = ["time", "write"] + (["change"] if bench.rig.changes else [])
    for number in range(bench.kills):
        way = ways[number % len(ways)]
        bench.case("killed", kill, bench, way, number % 5 == 4)


# Damage

def damage(folder, bench, origin, change, reason, to_the_end):
    """Changes the newest checkpoint; the one before is taken, and the run says why."""
    rig = bench.rig
    run = bench.copy(origin, folder)
    steps = checkpoints(rig.path(run))
    path = checkpoint(rig.path(run), steps[-1])
    change(path)
    training = rig.resume(run)
    told = f"goes on after {steps[-2]} of"
    expect(training.wait_to_say(told), f"not said: {told}: {training.error()[-600:]}")
    said = training.error()
    line = next((line for line in said.splitlines() if "passed over" in line), "")
    expect(f"step-{steps[-1]}.ckpt" in line and reason in line, f"the reason is not said: {said}")
    if to_the_end:
        ended = training.end()
        expect(ended.status == 0, f"resume ended with {ended.status}: {ended.said()}")
        rig.expect_equal(rig.path(run))
    else:
        training.kill()


def truncated(count):
    def change(path):
        os.truncate(path, count)
    return change


def flipped(offset, bit):
    def change(path):
        with open(path, "r+b") as file:
            file.seek(offset)
            value = file.read(1)[0]
            file.seek(offset)
            file.write(bytes([value ^ 1 << bit]))
    return change


def damages(bench):
    os.makedirs(bench.rig.path("damage"))
    origin = bench.stopped("damage")
    path = checkpoint(bench.rig.path(origin), checkpoints(bench.rig.path(origin))[-1])
    count = size(path)
    ends = [*range(0, count, 4096), 7, 8, 23, 24, 27, 28, count - 4, count - 1]
    places = [*range(100, count, 4096), 0, 8, 15, 16, 23, 24, count - 5, count - 4, count - 1]
    if bench.quick:
        ends, places = [0, 4096, count - 1], [0, 100, count // 2, count - 1]
    whole = 1 if bench.quick else 5
    for number, end in enumerate(ends):
        reason = "not a checkpoint" if end < 28 else "bytes long, expected"
        bench.case(
            "newest checkpoint cut short", damage, bench, origin, truncated(end), reason,
            number % (len(ends) // whole) == 0)
    for number, place in enumerate(places):
        reason = "not a checkpoint" if place < 8 else "bytes long, expected" if place < 16 else "checksum"
        bench.case(
            "one bit of it flipped", damage, bench, origin, flipped(place, bench.chance.randrange(8)), reason,
            number % (len(places) // whole) == 0)


# The database

def cut_wal(folder, bench, origin, change):
    rig = bench.rig
    run = bench.copy(origin, folder)
    place = rig.path(run)
    saved = checkpoints(place)
    change(place + "/telemetry.sqlite-wal")
    ended = rig.finish(run)
    expect(f"goes on after {saved[-1]} of" in ended.error, f"not from the newest checkpoint: {ended.said()}")
    expect("not in the database" not in ended.error, f"rows before the checkpoint are gone: {ended.said()}")


def wals(bench):
    os.makedirs(bench.rig.path("wal"))
    origin = bench.stopped("wal", with_wal=True)
    count = size(bench.rig.path(origin + "/telemetry.sqlite-wal"))
    changes = [os.unlink, truncated(0), truncated(count // 2)]
    if not bench.quick:
        changes += [truncated(end) for end in [16, 32, 56, 4152, count // 3, count - 4096, count - 1]]
        changes += [flipped(offset, 3) for offset in [0, 40, 100, count // 2, count - 1]]
    for change in changes:
        bench.case("WAL removed, cut or changed after a kill", cut_wal, bench, origin, change)
    bench.case("database removed", lost_database, bench, origin)


def lost_database(folder, bench, origin):
    rig = bench.rig
    run = bench.copy(origin, folder)
    saved = checkpoints(rig.path(run))
    for name in ["telemetry.sqlite", "telemetry.sqlite-wal", "telemetry.sqlite-shm"]:
        os.unlink(rig.path(run + "/" + name))
    ended = rig.resume(run).end()
    expect(ended.status == 0, f"resume ended with {ended.status}: {ended.said()}")
    told = f"the rows of steps 0 to {saved[-1] - 1} are not in the database"
    expect(told in ended.error, f"not said: {told}: {ended.said()}")


# The full disk

class SmallDisk:
    def __init__(self, rig, folder, kilobytes):
        self.place = rig.path(folder)
        self.trouble = self.mount("-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs")

    def mount(self, *arguments):
        ended = subprocess.run(["mount", *arguments, self.place], capture_output=True, text=True)
        return ended.stderr.strip() if ended.returncode else None

    def free(self):
        trouble = self.mount("-o", "remount,size=64m")
        expect(not trouble, f"the disk cannot be made larger: {trouble}")

    def close(self):
        subprocess.run(["umount", "-l", self.place], check=False)


def full_disk(folder, bench, kilobytes, ending):
    """A disk that has room for a part of the run. It has more later on, or the training is ended while it waits."""
    rig = bench.rig
    disk = SmallDisk(rig, folder, kilobytes)
    expect(not disk.trouble, f"no small disk: {disk.trouble}")
    try:
        run = os.path.join(folder, "tiny-1")
        place = rig.path(run)
        training = rig.train(folder)
        expect(training.wait_to_say("training waits: "), f"it did not wait: {training.error()[-600:]}")
        time.sleep(0.2)
        saved, said = checkpoints(place), training.error()
        time.sleep(0.8 if bench.quick else 3)
        expect(checkpoints(place) == saved and training.error() == said, "it did not stand still")
        expect(not training.is_over(), f"it did not wait: {training.error()[-600:]}")
        if ending == "room":
            disk.free()
            ended = training.end()
            expect(ended.status == 0, f"ended with {ended.status}: {ended.said()}")
            expect("there is room again" in ended.error, f"does not say that it goes on: {ended.said()}")
            rig.expect_equal(place)
        else:
            training.signal(signal.SIGTERM)
            ended = training.end(60)
            expect(ended.status == 143, f"ended with {ended.status}, expected 143: {ended.said()}")
            told = f"the last checkpoint is after {saved[-1]} steps" if saved else "there is none"
            expect(told in ended.error, f"not said: {told}: {ended.said()}")
            expect(checkpoints(place) == saved, "a checkpoint that was saved is gone")
            disk.free()
            ended = rig.finish(run)
            if saved:
                expect(f"goes on after {saved[-1]} of" in ended.error, f"not from step {saved[-1]}: {ended.said()}")
        with open(place + "/log.txt") as file:
            expect("training waits: " in file.read() or kilobytes < 400, "the log does not say that it waited")
        return f"{ending} {'after a checkpoint' if saved else 'before the first'}"
    finally:
        disk.close()


def full_disks(bench):
    kind = "disk full, then room again or SIGTERM"
    os.makedirs(bench.rig.path("probe"))
    disk = SmallDisk(bench.rig, "probe", 64)
    if disk.trouble:
        return bench.skip(kind, disk.trouble)
    disk.close()
    for kilobytes in [384] if bench.quick else range(192, 672, 32):
        for ending in ["room", "SIGTERM"]:
            bench.case(kind, full_disk, bench, kilobytes, ending)


# Signals

def end_by(folder, bench, number):
    rig = bench.rig
    run = os.path.join(folder, "tiny-1")
    place = rig.path(run)
    for _ in range(50):
        shutil.rmtree(place, ignore_errors=True)
        training = rig.train(folder)
        training.wait_for(lambda: checkpoints(place))
        wait_for_moment(bench, training, place)
        training.signal(number)
        ended = training.end()
        if ended.status != 0:
            break
    expect(ended.status == 128 + number, f"ended with {ended.status}: {ended.said()}")
    step = checkpoints(place)[-1]
    expect(f"stopped after {step} steps" in ended.error, f"the checkpoint is of step {step}: {ended.said()}")
    told = f"goes on after {step} of"
    expect(told in rig.finish(run).error, f"not said: {told}")
    return signal.Signals(number).name


def signals(bench):
    for _ in range(1 if bench.quick else 5):
        for number in [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]:
            bench.case("ended by a signal", end_by, bench, number)


# Replay

def replay(folder, bench):
    rig = bench.rig
    end_by(folder, bench, signal.SIGTERM)
    run = os.path.join(folder, "tiny-1")
    ended = rig.run("replay", run, "--check", "--headless")
    expect(ended.status == 0, f"replay --check ended with {ended.status}: {ended.output}{ended.said()}")
    step = rig.steps // 2
    database = sqlite3.connect(rig.path(run + "/telemetry.sqlite"))
    with database:
        database.execute("UPDATE step SET task_loss = task_loss * (1 + 1e-15) + 1e-16 WHERE step = ?", [step])
    database.close()
    ended = rig.run("replay", run, "--check", "--headless")
    expect(ended.status == 1, f"replay --check of a changed number ended with {ended.status}")
    expect(f"step {step}: task_loss is" in ended.output, f"does not name step {step}: {ended.output}{ended.said()}")


def replays(bench):
    bench.case("replay --check, then with one number changed", replay, bench)


KINDS = {
    "kills": kills, "damage": damages, "wal": wals, "disk": full_disks, "signals": signals, "replay": replays,
    "hostile": hostile_folders,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one of each or a few, under a minute")
    parser.add_argument("--kills", type=int, help="default 100, with --quick 6")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, help="default 400, with --quick 120")
    parser.add_argument("--model", help="a BERT's folder, in place of the tiny one")
    parser.add_argument("--program", default=os.path.join(ROOT, ".build/release/ranktop"))
    parser.add_argument("--only", choices=KINDS, action="append")
    parser.add_argument("--keep", action="store_true", help="leave the folders of cases that failed")
    arguments = parser.parse_args()
    if arguments.kills is None:
        arguments.kills = 6 if arguments.quick else 100
    steps = arguments.steps or (120 if arguments.quick else 400)
    program = os.path.abspath(arguments.program)
    if not os.access(program, os.X_OK):
        sys.exit(f"{program}: no program; build it, or give --program")
    folder = tempfile.mkdtemp(prefix="ranktop-faults-")
    try:
        rig = Rig(program, os.path.join(folder, "rig"), steps, steps // 12, arguments.model, arguments.seed)
        rig.make_reference()
        bench = Bench(rig, random.Random(arguments.seed), arguments)
        begin = time.monotonic()
        for name, kind in KINDS.items():
            if not arguments.only or name in arguments.only:
                kind(bench)
                print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
        bench.table()
        print(f"\n{steps} steps, a checkpoint every {steps // 12}; seed {arguments.seed}")
    finally:
        if arguments.keep:
            print(f"left in {folder}", file=sys.stderr)
        else:
            shutil.rmtree(folder)
    sys.exit(1 if bench.failed else 0)


if __name__ == "__main__":
    main()
