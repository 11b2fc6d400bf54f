"""Checks ranktop_peft.py by training for real, and reading back what it wrote.

Usage: check_ranktop_peft.py [--overhead MODEL]      with the Python that has PEFT (setup.sh)

A loop of one's own against a recorded trace, commands sent through the file, transformers.Trainer, two processes under
DDP (gloo), a loop that never calls update_and_allocate, a database that fails.
Prints a line for each; exits 1 at the first that does not hold. --overhead times MiniLM's step with and without.
"""

import argparse
import json
import os
import pathlib
import socket
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
import warnings

import numpy
import torch
import torch.distributed as dist
import transformers
from peft import AdaLoraConfig, get_peft_model
from safetensors.torch import load_file
from torch.nn.parallel import DistributedDataParallel
from transformers import (
    AutoModelForSequenceClassification,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import record_case  # noqa: E402
from ranktop_peft import Ranktop  # noqa: E402

CASE = HERE.parents[1] / "Tests/TrainingTests/Fixtures/bert-adalora"
TRACE = json.loads((CASE / "trace.json").read_text())
BATCHES = json.loads((CASE / "batches.json").read_text())
FIRST = {name: tensor for name, tensor in load_file(CASE / "init.safetensors").items()}
STEPS, MODULES, RANK = 60, 12, 6


def make(**changes):
    """The recorded case's model at its start, and its optimizer."""
    config = TRACE["config"] | changes
    model = record_case.wrap(AutoModelForSequenceClassification.from_pretrained(CASE / "model"), config)
    if not changes:
        with torch.no_grad():
            for name, parameter in record_case.trainable(model).items():
                parameter.copy_(FIRST[name])
    parameters = list(record_case.trainable(model).values())
    return model, torch.optim.AdamW(parameters, lr=config["lr"], betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)


def tensors(step):
    return {key: torch.tensor(value) for key, value in BATCHES[step].items()}


def rows(folder, query, *values):
    database = sqlite3.connect(f"file:{folder}/telemetry.sqlite?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    try:
        return database.execute(query, values).fetchall()
    finally:
        database.close()


def send(folder, *commands):
    with open(folder / "commands.jsonl", "a") as file:
        file.write("".join(json.dumps(command) + "\n" for command in commands))


def resume_when_paused(folder, seen, *commands):
    """Plays the watcher, from a thread: waits for the pause, looks a while, sends commands and lets it go on."""
    deadline = time.time() + 120
    while time.time() < deadline:
        try:
            live = rows(folder, "SELECT * FROM live")[0]
        except (sqlite3.Error, IndexError):
            live = None
        if live and live["state"] == "paused":
            time.sleep(0.5)
            seen.append((live["steps_done"], rows(folder, "SELECT steps_done FROM live")[0][0]))
            return send(folder, *commands, {"command": "resume"})
        time.sleep(0.02)


def ranks_of(folder, step):
    return [row["kept"] for row in rows(folder, "SELECT kept FROM rank WHERE step = ? ORDER BY module", step)]


def pattern_of(config):
    """PEFT's own pattern, in the order of the recorded modules."""
    return {record_case.module_of(name): [int(bit) for bit in bits] for name, bits in config.rank_pattern.items()}


def kept_bits(row):
    bits = numpy.unpackbits(numpy.frombuffer(row["kept"], numpy.uint8), bitorder="little")[: MODULES * RANK]
    return bits.reshape(MODULES, RANK).tolist()


def bf16(blob):
    return (numpy.frombuffer(blob, numpy.uint16).astype(numpy.uint32) << 16).view(numpy.float32)


def expect(holds, what):
    if not holds:
        raise SystemExit(f"does not hold: {what}")


def check_trace(folder):
    """The recorded case through the bare loop: the same numbers, budgets, patterns and scores."""
    model, optimizer = make()
    watch = Ranktop(folder).start(model, optimizer)
    for step in range(STEPS):
        loss = model(**tensors(step)).loss
        loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        watch.step()
        optimizer.zero_grad()
    steps, expected = rows(folder, "SELECT * FROM step ORDER BY step"), TRACE["steps"]
    expect([row["step"] for row in steps] == list(range(STEPS)), "a row for every step")
    worst = {key: max(abs(a[key] - b[key]) for a, b in zip(steps, expected)) for key in ["loss", "task_loss", "orth"]}
    worst["grad_norm"] = max(abs(a["grad_norm"] / b["grad_norm"] - 1) for a, b in zip(steps, expected))
    expect(max(worst.values()) < 2e-6, f"the trace's numbers: {worst}")
    expect([row["budget"] for row in steps] == [entry["budget"] for entry in expected], "the trace's budgets")
    names = [row["name"] for row in rows(folder, "SELECT name FROM module ORDER BY id")]
    expect(set(names) == set(expected[-1]["rank_pattern"]) and names[0].startswith("bert.encoder"), "module names")
    last = STEPS - TRACE["config"]["tfinal"]
    kept, masks = [[1] * RANK] * MODULES, 0
    by_step = {row["step"]: row for row in rows(folder, "SELECT * FROM triplets")}
    for row, entry in zip(steps, expected):
        row_triplets, step = by_step.get(row["step"]), row["step"]
        if "rank_pattern" in entry:
            kept = [entry["rank_pattern"][name] for name in names]
        expect(row["kept"] == sum(map(sum, kept)), f"triplets kept at step {step}")
        if entry["masks"] and step <= last or step == last:
            masks += 1
            expect(row_triplets is not None and row_triplets["masked"] == 1, f"scores of the mask at step {step}")
        if row_triplets is None:
            continue
        expect(kept_bits(row_triplets) == kept, f"the pattern of step {step}")
        expect(ranks_of(folder, step) == [sum(bits) for bits in kept], f"the ranks of step {step}")
        score = numpy.frombuffer(row_triplets["score"], numpy.float32)
        parts = sum(bf16(row_triplets[column]) for column in ["lambda_part", "p_part", "q_part"])
        expect(abs(parts - score).max() <= 0.005 * score.max(), f"the score's parts at step {step}")
        l1 = float(abs(numpy.frombuffer(row_triplets["lambda"], numpy.float32)).sum())
        expect(abs(l1 - entry["lambda_l1"]) < 1e-5, f"λ at step {step}")
        if "scores" in entry:
            theirs = numpy.array([entry["scores"][name] for name in names]).ravel()
            expect(abs(score - theirs).max() <= 1e-5 * theirs.max(), f"PEFT's scores at step {step}")
        if row_triplets["masked"]:
            flat = numpy.array(kept).ravel().astype(bool)
            threshold = numpy.float32(row["threshold"])
            expect(score[~flat].max() == threshold < score[flat].min(), f"the threshold of step {step}")
    expect(
        sorted(step for step in by_step if by_step[step]["masked"])
        and masks == sum(r["masked"] for r in by_step.values()),
        "masks",
    )
    live = rows(folder, "SELECT * FROM live")[0]
    expect((live["state"], live["steps_done"]) == ("done", STEPS), "the live row")
    expect(
        [row["schedule"] for row in rows(folder, "SELECT anchors AS schedule FROM schedule")] == ["[[10, 72, 24]]"],
        "schedule",
    )
    return {"steps": len(steps), "masks": masks, **{key: float(f"{value:.1e}") for key, value in worst.items()}}


def curve(step, target, start=10, high=72, end=45):
    return int((high - target) * (1 - (step - start) / (end - start)) ** 3 + target)


def check_commands(folder):
    """Each command, at a known step; a linear schedule of the rate stays in force."""
    model, optimizer = make()
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / STEPS)
    watch, seen = Ranktop(folder).start(model, optimizer, scheduler), []
    allocator, config = model.base_model.rankallocator, model.peft_config["default"]
    at = {
        4: [{"command": "set", "parameter": "beta1", "value": 0.9}],
        6: [
            {"command": "set", "parameter": "orth_reg_weight", "value": 0.3},
            {"command": "set", "parameter": "beta2", "value": 1},
        ],
        14: [{"command": "set", "parameter": "target_r", "value": 3}, {"command": "pause"}],
        18: [{"command": "set", "parameter": "deltaT", "value": 2}, {"command": "dance"}],
        30: [{"command": "set", "parameter": "learning_rate", "value": 0.001}],
        54: [{"command": "stop"}],
    }
    watcher = threading.Thread(target=resume_when_paused, args=(folder, seen, {"command": "step", "count": 1}))
    watcher.start()
    used = []
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for step in range(STEPS):
            used.append([allocator.beta1, config.orth_reg_weight, config.deltaT, optimizer.param_groups[0]["lr"]])
            loss = model(**tensors(step)).loss
            loss.backward()
            optimizer.step()
            model.base_model.update_and_allocate(step)
            if step in at:
                send(folder, *at[step])
            watch.step()
            scheduler.step()
            optimizer.zero_grad()
            if watch.should_stop:
                break
    watcher.join()
    steps = rows(folder, "SELECT * FROM step ORDER BY step")
    recorded = [[row["beta1"], row["orth_reg_weight"], row["deltaT"], row["lr"]] for row in steps]
    expect(recorded == used and len(steps) == 55, "what a step used is what is recorded, until the stop")
    changes = [tuple(row)[1:5] for row in rows(folder, "SELECT * FROM intervention ORDER BY id")]
    expect(changes == [(5, "beta1", 0.85, 0.9), (7, "orth_reg_weight", 0.1, 0.3), (15, "target_r", 2.0, 3.0),
                       (19, "deltaT", 4.0, 2.0), (31, "learning_rate", 0.005, 0.001)], f"{changes}")  # fmt: skip
    expect([row["beta1"] for row in steps] == [0.85] * 5 + [0.9] * 50, "β₁ from its step on")
    expect(abs(steps[40]["lr"] - 0.001 * (1 - 40 / STEPS)) < 1e-9, "the schedule's multiplier goes on")
    expect(seen and seen[0] == (15, 15), f"the pause holds: {seen}")
    expected = [72] * 11 + [curve(s, 24) for s in range(11, 15)] + [curve(s, 36) for s in range(15, 46)] + [36] * 9
    expect([row["budget"] for row in steps] == expected, "b(t) follows the new target's curve")
    schedules = [tuple(row) for row in rows(folder, "SELECT step, target_budget, deltaT, anchors FROM schedule")]
    expect(schedules[0] == (0, 24, 4, "[[10, 72, 24]]") and (15, 36, 4, "[[10, 72, 36]]") in schedules
           and (19, 36, 2, "[[10, 72, 36]]") in schedules, f"schedules {schedules}")  # fmt: skip
    kinds = [row["kind"] for row in rows(folder, "SELECT kind FROM event")]
    expect(kinds == ["warning"] * 2 and not told, "β₂ = 1 and the unknown dance are events, and nothing else is")
    pattern = pattern_of(config)
    names = [row["name"] for row in rows(folder, "SELECT name FROM module ORDER BY id")]
    expect(ranks_of(folder, 45) == [sum(pattern[name]) for name in names] and steps[-1]["kept"] == 36, "PEFT's pattern")
    expect(
        sum(int((p != 0).sum()) for n, p in model.named_parameters() if ".lora_E." in n) == steps[-1]["nonzero"],
        "λ ≠ 0",
    )
    return {"steps": len(steps), "interventions": len(changes), "paused_at": seen[0][0]}


class Allocate(TrainerCallback):
    def on_optimizer_step(self, args, state, control, model=None, **_):
        model.base_model.update_and_allocate(state.global_step)


class Norms(TrainerCallback):
    """What the Trainer itself logs."""

    def __init__(self):
        self.logged = []

    def on_log(self, args, state, control, logs=None, **_):
        if "grad_norm" in logs:
            self.logged.append([logs["loss"], logs["grad_norm"], logs["learning_rate"]])


def check_trainer(folder):
    """transformers.Trainer, clipping, warm-up, a pause and a stop."""
    model, _ = make(labels=3, seed=0)
    rows_of = [
        {k: torch.tensor(v[i]) for k, v in batch.items()} for batch in BATCHES for i in range(len(batch["labels"]))
    ]
    arguments = TrainingArguments(
        output_dir=str(folder / "out"), max_steps=STEPS, per_device_train_batch_size=8,
        learning_rate=5e-3, warmup_steps=5, max_grad_norm=0.5, logging_steps=1,
        save_strategy="no", report_to=[], disable_tqdm=True, use_cpu=True, seed=0,
    )  # fmt: skip
    norms, callback, seen = Norms(), Ranktop(folder), []
    trainer = Trainer(
        model=model, args=arguments, train_dataset=rows_of,
        data_collator=lambda some: {k: torch.nn.utils.rnn.pad_sequence([row[k] for row in some], batch_first=True)
                                    if k != "labels" else torch.stack([row[k] for row in some]) for k in some[0]},
        callbacks=[Allocate(), callback, norms],
    )  # fmt: skip

    class Sender(TrainerCallback):
        def on_step_begin(self, args, state, control, **_):
            if state.global_step in (7, 52):
                send(folder, {"command": "set", "parameter": "learning_rate", "value": 2e-3} if state.global_step == 7
                     else {"command": "stop"}, *[{"command": "pause"}] * (state.global_step == 7))  # fmt: skip

    trainer.add_callback(Sender())
    trainer.remove_callback(PrinterCallback)
    watcher = threading.Thread(target=resume_when_paused, args=(folder, seen))
    watcher.start()
    trainer.train()
    watcher.join()
    steps = rows(folder, "SELECT * FROM step ORDER BY step")
    expect(len(steps) == 53 == trainer.state.global_step, f"stopped after {len(steps)} steps")
    logged = norms.logged[: len(steps)]
    expect(all(abs(row["grad_norm"] / min(log[1], 0.5) - 1) < 1e-4 for row, log in zip(steps, logged)), "clipped norms")
    expect(max(abs(row["loss"] - log[0]) for row, log in zip(steps, logged)) < 2e-4, "the Trainer's losses, as rounded")
    expect(max(abs(row["lr"] - log[2]) for row, log in zip(steps, logged)) < 1e-12, "the rates that were used")
    expect(
        steps[7]["learning_rate"] == 5e-3 and steps[8]["learning_rate"] == 2e-3 and seen[0][0] == 8, "η, and the pause"
    )
    expect(abs(steps[8]["lr"] - 2e-3 * (STEPS - 8) / (STEPS - 5)) < 1e-9, "warm-up and decay go on with the new η")
    pattern = pattern_of(model.peft_config["default"])
    names = [row["name"] for row in rows(folder, "SELECT name FROM module ORDER BY id")]
    expect(ranks_of(folder, 45) == [sum(pattern[name]) for name in names], "PEFT's pattern")
    expect(rows(folder, "SELECT state FROM live")[0][0] == "done", "done")
    return {
        "steps": len(steps),
        "clipped_steps": sum(log[1] > 0.5 for log in logged),
    }


def ddp_worker(rank, port, folder, results):
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    quiet()
    dist.init_process_group("gloo", rank=rank, world_size=2)
    model, optimizer = make()
    parallel = DistributedDataParallel(model)
    watch = Ranktop(folder).start(parallel, optimizer)
    used = []
    for step in range(STEPS):
        used.append(
            [
                model.base_model.rankallocator.beta1,
                model.base_model.rankallocator.target_bgt,
                optimizer.param_groups[0]["lr"],
            ]
        )
        loss = parallel(**tensors((step + 7 * rank) % STEPS)).loss
        loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        if rank == 0 and step == 12:
            send(folder, {"command": "set", "parameter": "beta1", "value": 0.9}, {"command": "pause"})
        watch.step()
        optimizer.zero_grad()
    lambdas = torch.cat([p.detach().ravel() for n, p in model.named_parameters() if ".lora_E." in n])
    (results / f"{rank}.json").write_text(json.dumps({
        "pid": os.getpid(), "used": used, "pattern": pattern_of(model.peft_config["default"]),
        "database": watch.db is not None, "lambda": lambdas.tolist(),
    }))  # fmt: skip
    dist.destroy_process_group()


def check_ddp(folder):
    """Two processes: the commands reach both at the same step, and only rank 0 writes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    results, seen = folder.parent, []
    watcher = threading.Thread(target=resume_when_paused, args=(
        folder, seen, {"command": "set", "parameter": "target_r", "value": 1}))  # fmt: skip
    watcher.start()
    torch.multiprocessing.spawn(ddp_worker, (port, folder, results), nprocs=2)
    watcher.join()
    zero, one = (json.loads((results / f"{rank}.json").read_text()) for rank in (0, 1))
    steps = rows(folder, "SELECT * FROM step ORDER BY step")
    expect([row["step"] for row in steps] == list(range(STEPS)), "a row for every step")
    changes = {row["parameter"]: row["step"] for row in rows(folder, "SELECT * FROM intervention")}
    expect(changes == {"beta1": 13, "target_r": 13} and seen[0] == (13, 13), f"changes {changes} in the pause {seen}")
    expect(
        zero["used"] == one["used"] == [[0.85, 24, 0.005]] * 13 + [[0.9, 12, 0.005]] * 47,
        "both ranks use them from there on",
    )
    expect([row["beta1"] for row in steps] == [use[0] for use in one["used"]], "the recorded β₁ is rank 1's too")
    expect(zero["lambda"] == one["lambda"], "the same λ")
    names = [row["name"] for row in rows(folder, "SELECT name FROM module ORDER BY id")]
    expect(zero["pattern"] == one["pattern"], "the same pattern")
    expect(ranks_of(folder, 45) == [sum(one["pattern"][name]) for name in names], "and it is the recorded one")
    expect((zero["database"], one["database"]) == (True, False), "only rank 0 has the database")
    expect(rows(folder, "SELECT pid FROM live")[0][0] == zero["pid"], "rank 0's process")
    return {"steps": len(steps), "changes_at": 13, "kept": steps[-1]["kept"]}


def check_never_called(folder):
    model, optimizer = make()
    watch = Ranktop(folder).start(model, optimizer)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        for step in range(20):
            loss = model(**tensors(step)).loss
            loss.backward()
            optimizer.step()
            watch.step()
            optimizer.zero_grad()
    texts = [row for row in rows(folder, "SELECT step, text FROM event WHERE kind = 'warning'")]
    expect(len(texts) == 1 and "never called" in texts[0]["text"], "one warning event")
    expect(sum("never called" in str(one.message) for one in told) == 1, "and one of Python's")
    expect({row[0] for row in rows(folder, "SELECT kept FROM step")} == {MODULES * RANK}, "no rank has changed")
    return {"warned_at_step": texts[0]["step"]}


def last_step(watch, model, optimizer):
    watch.start(model, optimizer, done=STEPS - 1)
    model(**tensors(0)).loss.backward()
    watch.step()


def check_failure(folder):
    """The database is gone in the middle: one warning, and the same adapter as without."""
    ends = []
    for broken in (False, True):
        model, optimizer = make()
        watch = Ranktop(folder / str(broken)).start(model, optimizer)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            for step in range(STEPS):
                loss = model(**tensors(step)).loss
                loss.backward()
                optimizer.step()
                model.base_model.update_and_allocate(step)
                if broken and step == 20:
                    watch.db.execute("PRAGMA max_page_count = 1")  # as on a full disk
                watch.step()
                optimizer.zero_grad()
        count = sum("ranktop" in str(one.message) for one in told)
        expect(count == int(broken), f"{count} warnings where broken is {broken}")
        ends.append(torch.cat([p.detach().ravel() for p in record_case.trainable(model).values()]))
    expect(torch.equal(*ends), "the same weights")
    (folder / "file").write_text("")
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        last_step(Ranktop(folder / "file"), model, optimizer)
    expect(len(told) == 1, "a folder that cannot be made")
    other = sqlite3.connect(folder / "telemetry.sqlite", timeout=0)
    other.executescript(
        "CREATE TABLE meta(key TEXT, value TEXT); INSERT INTO meta VALUES ('writer', 'ranktop 0.2.0');"
    )
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        last_step(Ranktop(folder), model, optimizer)
    expect(len(told) == 1 and rows(folder, "SELECT count(*) FROM meta")[0][0] == 1, "another run stays")
    other.execute("DELETE FROM meta")  # and is not locked
    return {"warnings": 1}


def overhead(path, folder, pairs=40):
    """MiniLM, 32 sequences of 64 tokens, r = 12 on every linear module, masks each step: every other step recorded."""
    base = AutoModelForSequenceClassification.from_pretrained(path, num_labels=2)
    adapter = AdaLoraConfig(
        task_type="SEQ_CLS", init_r=12, target_r=8, tinit=1, tfinal=1, deltaT=1, orth_reg_weight=0.1, lora_alpha=16,
        total_step=2 * pairs + 20, target_modules=record_case.ALL_LINEAR,
    )  # fmt: skip
    model = get_peft_model(base, adapter).train()
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-3)
    ids = torch.randint(5, base.config.vocab_size, (32, 64))
    batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": torch.randint(0, 2, (32,))}
    watch, times = Ranktop(folder).start(model, optimizer), {True: [], False: []}
    for step in range(2 * pairs + 6):
        watched = step % 2 == 0
        watch.records = watched  # nothing is recorded, every hook returns at once
        watch.done = step
        start = time.perf_counter()
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        model.base_model.update_and_allocate(step)
        if watched:
            watch.step()
        optimizer.zero_grad()
        if step >= 6:
            times[watched].append(1e3 * (time.perf_counter() - start))
    on, off = statistics.median(times[True]), statistics.median(times[False])
    watch.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = (folder / "telemetry.sqlite").stat().st_size / (pairs + 3)
    return {
        "with_ms": round(on, 1),
        "without_ms": round(off, 1),
        "ratio": round(on / off, 4),
        "ratio_of_pairs": round(statistics.median(a / b for a, b in zip(times[True], times[False])), 4),
        "bytes_a_step": round(size),
    }


def quiet():
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", category=FutureWarning)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overhead", metavar="MODEL")
    options = parser.parse_args()
    torch.set_num_threads(1)
    quiet()
    checks = [check_trace, check_commands, check_trainer, check_ddp, check_never_called, check_failure]
    with tempfile.TemporaryDirectory() as scratch:
        if options.overhead:
            return print(json.dumps(overhead(options.overhead, pathlib.Path(scratch))))
        for check in checks:
            folder = pathlib.Path(scratch) / check.__name__ / "run"
            folder.mkdir(parents=True)
            print(json.dumps({"check": check.__name__.removeprefix("check_"), **check(folder)}), flush=True)


if __name__ == "__main__":
    main()
