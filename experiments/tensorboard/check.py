"""Reads a demo run's events with the tensorboard package and compares them with the run's trace.

Usage: check.py EVENTS TRACE OUTCOME

EVENTS is the folder that --tensorboard was given, TRACE the run's step trace and OUTCOME what `ranktop demo` printed, its
table of ranks. Reads twice, as old readers do (EventAccumulator) and through TensorBoard's own HTTP server, which must
agree. Prints one JSON object; exits 1 where something differs.
"""

import json
import struct
import subprocess
import sys
import time
import urllib.parse
import urllib.request

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

RUN = "demo"
# Tag -> key of the trace.
SCALARS = {
    "train/loss": "loss",
    "train/task_loss": "task_loss",
    "train/orth": "orth",
    "train/grad_norm": "grad_norm",
    "train/lr": "lr",
    "train/beta1": "beta1",
    "train/beta2": "beta2",
    "train/orth_reg_weight": "orth_reg_weight",
    "train/deltaT": "deltaT",
    "train/target_r": "target_r",
    "train/tokens": "tokens",
    "train/step_ms": "step_ms",
    "Budget/budget": "budget",
    "Budget/total_rank": "kept",
    "Budget/nonzero": "nonzero",
    "Budget/mask_threshold": "threshold",
}

differences = []


def expect(what, found, wanted):
    if found != wanted:
        differences.append(f"{what}: {found!r}, expected {wanted!r}")


def single(value):
    """The nearest number of single precision."""
    return struct.unpack("f", struct.pack("f", value))[0]


class Server:
    """`tensorboard` on a port of its own choice."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", folder, "--port", "0"],
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in self.process.stderr:
            if "http://" in line:
                self.address = "http://" + line.split("http://")[1].split()[0].rstrip("/")
                return
        raise SystemExit("tensorboard did not start")

    def get(self, path, **query):
        url = f"{self.address}/data/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=20) as answer:
            return json.load(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def ranks_of(outcome):
    """Module -> allocated rank, from the demo's table."""
    rows = [line.split() for line in open(outcome, encoding="utf-8").read().splitlines()[1:-1]]
    return {module: 0 if rank == "·" else int(rank) for module, _, rank in rows}


def check_events(events, records, ranks):
    tags = events.Tags()
    modules = list(ranks)
    expect(
        "scalar tags",
        sorted(tags["scalars"]),
        sorted(
            [*SCALARS, "Budget/sum_param", "train/orth_regu_loss"]
            + [f"Ranknum/{module}.lora_E" for module in modules]
            + [f"Orth_regu_loss/{module}.lora_{factor}" for module in modules for factor in "AB"]
        ),
    )
    expect(
        "histogram tags",
        sorted(tags["histograms"]),
        sorted(["Scores/S"] + [f"Importance/{module}" for module in modules]),
    )
    for tag, key in SCALARS.items():
        found = [(event.step, event.value) for event in events.Scalars(tag)]
        expect(tag, found, [(r["step"], single(r[key])) for r in records if r[key] is not None])
    for module, rank in ranks.items():
        expect(f"rank of {module}", events.Scalars(f"Ranknum/{module}.lora_E")[-1].value, rank)
    for record in records:
        norms = [
            event.value
            for module in modules
            for factor in "AB"
            for event in events.Scalars(f"Orth_regu_loss/{module}.lora_{factor}")
            if event.step == record["step"]
        ]
        if not norms:
            continue
        mean = [e.value for e in events.Scalars("train/orth_regu_loss") if e.step == record["step"]]
        if len(mean) != 1 or abs(mean[0] - sum(norms) / len(norms)) > 1e-5 * mean[0]:
            differences.append(f"orth_regu_loss at step {record['step']}: {mean}, of norms {norms}")
    previous = None
    for record in records:
        # R of a step is that of the weights after the step before.
        if previous is not None:
            mean = [e.value for e in events.Scalars("train/orth_regu_loss") if e.step == previous]
            if mean and abs(mean[0] - record["orth"]) > 1e-5 * record["orth"]:
                differences.append(f"R at step {record['step']}: {record['orth']}, norms after {previous}: {mean[0]}")
        previous = record["step"]
    per_module = len(ranks) and events.Histograms("Scores/S")[-1].histogram_value.num / len(ranks)
    for tag in tags["histograms"]:
        for event in events.Histograms(tag):
            h = event.histogram_value
            wanted = per_module * (len(ranks) if tag == "Scores/S" else 1)
            expect(f"{tag} at step {event.step}: count", (h.num, sum(h.bucket)), (wanted, wanted))
            if not (h.bucket_limit == sorted(h.bucket_limit) and h.bucket_limit[-1] > h.max):
                differences.append(f"{tag} at step {event.step}: limits {h.bucket_limit}, largest {h.max}")
    return tags


def check_server(folder, events, tags):
    """What TensorBoard shows is what the file holds."""
    server = Server(folder)
    try:
        for _ in range(100):
            if RUN in server.get("plugin/scalars/tags"):
                break
            time.sleep(0.2)
        # Loading goes on for a moment.
        last = events.Scalars("train/loss")[-1].step
        for _ in range(100):
            if server.get("plugin/scalars/scalars", run=RUN, tag="train/loss")[-1][1] == last:
                break
            time.sleep(0.2)
        expect("scalar tags shown", sorted(server.get("plugin/scalars/tags")[RUN]), sorted(tags["scalars"]))
        expect("histogram tags shown", sorted(server.get("plugin/histograms/tags")[RUN]), sorted(tags["histograms"]))
        for tag in tags["scalars"]:
            shown = [(step, value) for _, step, value in server.get("plugin/scalars/scalars", run=RUN, tag=tag)]
            expect(f"{tag} shown", shown, [(e.step, e.value) for e in events.Scalars(tag)])
        for tag in tags["histograms"]:
            shown = server.get("plugin/histograms/histograms", run=RUN, tag=tag)
            stored = events.Histograms(tag)
            expect(f"{tag} shown at", [row[1] for row in shown], [event.step for event in stored])
            counts = [sum(bucket[2] for bucket in row[2]) for row in shown]
            expect(f"{tag} shown counts", counts, [event.histogram_value.num for event in stored])
    finally:
        server.stop()


def main():
    folder, trace, outcome = sys.argv[1:]
    records = [json.loads(line) for line in open(trace, encoding="utf-8")]
    records = [record for record in records if "step" in record]
    # Size 0 keeps everything.
    events = EventAccumulator(f"{folder}/{RUN}", size_guidance={"scalars": 0, "histograms": 0})
    events.Reload()
    tags = check_events(events, records, ranks_of(outcome))
    check_server(folder, events, tags)
    for difference in differences[:20]:
        print(difference if len(difference) < 300 else difference[:297] + "...", file=sys.stderr)
    print(
        json.dumps(
            {
                "steps": len(records),
                "scalar_tags": len(tags["scalars"]),
                "scalars": sum(len(events.Scalars(tag)) for tag in tags["scalars"]),
                "histogram_tags": len(tags["histograms"]),
                "histograms": sum(len(events.Histograms(tag)) for tag in tags["histograms"]),
                "differences": len(differences),
                "pass": not differences,
            }
        )
    )
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
