"""Run folders that were made to do harm: each is refused in one sentence, or what is bad in it is passed over; nothing
outside it is touched."""

import os
import resource
import shutil
import sqlite3

from rig import checkpoint, checkpoints, expect, fingerprint, forge

MEMORY = 1 << 30
REFUSALS = {64, 65, 66, 73}


def hostile_folders(bench):
    rig = bench.rig
    os.makedirs(rig.path("hostile"))
    origin = bench.stopped("hostile")
    newest = checkpoints(rig.path(origin))[-1]

    def forged(change):
        return lambda place, outside: forge(checkpoint(place, newest), change)

    def section(name, key, value):
        def change(header):
            next(part for part in header["sections"] if part["name"] == name)[key] = value
        return forged(change)

    def linked(name, target):
        """Puts a link in the place of a file or folder, and what was there outside, or something else."""
        def change(place, outside):
            path = os.path.join(place, name)
            there = os.path.join(os.path.abspath(outside), target)
            if os.path.lexists(path) and not os.path.exists(there) and os.path.isdir(os.path.dirname(there)):
                shutil.move(path, there)
            elif os.path.isdir(path):
                shutil.rmtree(path)
            elif os.path.lexists(path):
                os.unlink(path)
            os.symlink(there, path)
        return change

    def log(text):
        def change(place, outside):
            with open(place + "/interventions.jsonl", "ab") as file:
                file.write(text)
        return change

    def database(sql):
        def change(place, outside):
            connection = sqlite3.connect(place + "/telemetry.sqlite", isolation_level=None)
            connection.execute(sql)
            connection.close()
        return change

    def bytes_of_database(data):
        def change(place, outside):
            for name in ["-wal", "-shm"]:
                if os.path.exists(place + "/telemetry.sqlite" + name):
                    os.unlink(place + "/telemetry.sqlite" + name)
            with open(place + "/telemetry.sqlite", "wb") as file:
                file.write(data)
        return change

    def named(name):
        def change(place, outside):
            with open(place + "/experiment.toml") as file:
                text = file.read()
            with open(place + "/experiment.toml", "w") as file:
                file.write(text.replace('name = "tiny"', f'name = "{name}"'))
        return change

    passed_over = {
        "a tensor of 10 GB": section("weights", "count", 10 << 30),
        "a tensor at 2^62": section("weights", "offset", 1 << 62),
        "a negative length": section("weights", "count", -4),
        "a section off its grid": section("weights", "offset", 4),
        "another step": forged(lambda header: header["state"].update(step=3)),
        "a negative step": forged(lambda header: header["state"].update(step=-1)),
        "another version": forged(lambda header: header["state"].update(version=2)),
        "no state": forged(lambda header: header.pop("state")),
        "a linked checkpoint": linked(f"checkpoints/step-{newest}.ckpt", "step.ckpt"),
        "a link to nothing": linked(f"checkpoints/step-{newest}.ckpt", "nothing/at/all"),
    }
    refused = {
        "a tensor too short": (section("weights", "count", 64), 65, "section weights"),
        "another layout": (forged(lambda header: header["state"]["layout"].append("more")), 65, "layout"),
        "an order out of range": (section("order", "offset", 0), 65, "section order"),
        "database of another version": (database("PRAGMA user_version = 99"), 65, "telemetry.sqlite"),
        "another program's database": (database("PRAGMA application_id = 7"), 65, "telemetry.sqlite"),
        "not a database": (bytes_of_database(b"not a database, " * 1000), 65, "telemetry.sqlite"),
        "a damaged database": (
            bytes_of_database(b"SQLite format 3\0\x10\0\x01\x01\0\x40\x20\x20" + b"\xff" * 8168), 65, "telemetry.sqlite"),
        "garbage in the log of changes": (log(b"garbage\n"), 65, "interventions.jsonl: line"),
        "zeros in the log of changes": (log(b"\0" * 100 + b"\n"), 65, "interventions.jsonl: line"),
        "a change of nothing": (log(b'{"time":"now"}\n'), 65, "interventions.jsonl: line"),
        "name ../": (named("../../outside/x"), 65, "name"),
    }
    for name in ["checkpoints", "telemetry.sqlite", "telemetry.sqlite-wal", "interventions.jsonl", "log.txt", "adapter",
                 "snapshots", ".lock"]:
        refused[f"{name} is a link"] = (linked(name, name.strip(".") + "-there"), None, name)
        refused[f"{name} is a link to nothing"] = (linked(name, "not/there/" + name), None, name)
    if bench.quick:
        passed_over = {key: passed_over[key] for key in ["a tensor of 10 GB", "a linked checkpoint"]}
        keys = ["database of another version", "not a database", "name ../", "garbage in the log of changes",
                "checkpoints is a link", "telemetry.sqlite is a link", "interventions.jsonl is a link",
                "log.txt is a link to nothing"]
        refused = {key: refused[key] for key in keys}
    for name, change in passed_over.items():
        bench.case("hostile checkpoint, passed over", hostile, bench, origin, change, 0, "passed over: ")
    for name, (change, status, told) in refused.items():
        bench.case("hostile run folder, refused", hostile, bench, origin, change, status, told)
    bench.case("torn line at the end of the log of changes", hostile, bench, origin, log(b'{"chan'), 0, "goes on")
    for arguments, status in [
        (["train", "tiny.toml", "--set", "name=../x"], 64), (["train", "tiny.toml", "--set", "name=.."], 64),
        (["fork", origin, "--at", "10", "--set", "name=../../x"], 64), (["resume", "../../x"], 66),
        (["resume", "../outside"], 66), (["replay", "../../x", "--check"], 66),
    ]:
        bench.case("names with ../", names, bench, arguments, status)


def hostile(folder, bench, origin, change, status, told):
    """Status None: any that is a refusal."""
    rig = bench.rig
    run = bench.copy(origin, folder)
    outside = rig.path(folder + "/outside")
    os.makedirs(outside)
    with open(outside + "/file", "w") as file:
        file.write("untouched")
    change(rig.path(run), outside)
    before = fingerprint(outside)
    # None of these may crash either; looking at a hostile folder must not take it over.
    for arguments in [["runs", "--runs", folder], ["fork", run, "--at", "40", "--only", "--runs", folder + "/forks"],
                      ["export", run, "--to", folder + "/exported"]]:
        ended = rig.run(*arguments)
        expect(ended.status in REFUSALS | {0}, f"{arguments} ended with {ended.status}: {ended.said()}")
    expect(fingerprint(outside) == before, "something outside was changed by looking")
    children = resources()
    ended = rig.resume(run).end()
    expect(fingerprint(outside) == before, "something outside was changed")
    expect(resources() <= max(children, MEMORY), "it took more than 1 GB of memory")
    expect(told in ended.error, f"not said: {told}: {ended.said()}")
    if status == 0:
        expect(ended.status == 0, f"ended with {ended.status}: {ended.said()}")
        rig.expect_equal(rig.path(run))
    else:
        expect(ended.status in ({status} if status else REFUSALS), f"ended with {ended.status}: {ended.said()}")
        errors = [line for line in ended.error.splitlines() if line.startswith("ranktop: ")]
        expect(len(errors) == 1, f"not one error: {ended.said()}")


def resources():
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def names(folder, bench, arguments, status):
    rig = bench.rig
    before = {name for name, _, _, _, _ in fingerprint(os.path.dirname(rig.folder)) if "said-" not in name}
    runs = ["--runs", folder] if arguments[0] != "fork" else ["--runs", folder + "/forks"]
    ended = rig.run(*arguments, "--headless", *runs)
    expect(ended.status == status, f"ended with {ended.status}: {ended.said()}")
    after = {name for name, _, _, _, _ in fingerprint(os.path.dirname(rig.folder)) if "said-" not in name}
    made = {name for name in after - before if "/" + folder + "/" not in name}
    expect(not made, f"made outside: {sorted(made)}")
