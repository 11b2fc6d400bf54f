"""Records PEFT's AdaLoRA in FOLDER/telemetry.sqlite and obeys FOLDER/commands.jsonl: `ranktop watch FOLDER`.
A loop of your own calls Ranktop(FOLDER).start(model, optimizer) and step(); for a Trainer it is a callback."""
import json, math, os, pathlib, re, sqlite3, time, warnings  # noqa: E401
import numpy, torch, torch.distributed as dist, transformers  # noqa: E401

TABLES = """CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT); PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
 BEGIN; PRAGMA application_id = 0x524B5450; PRAGMA user_version = 1; CREATE TABLE module(id INTEGER PRIMARY KEY, name,
 layer INTEGER, type, output_size, input_size, planted_rank); CREATE TABLE step(step INTEGER PRIMARY KEY, loss,
 task_loss, orth, grad_norm, lr, beta1, beta2, orth_reg_weight, deltaT, target_r, budget, kept, nonzero, threshold,
 tokens, step_ms, learning_rate); CREATE TABLE rank(step, module, kept, nonzero, PRIMARY KEY(step, module)); CREATE
 TABLE triplets(step INTEGER PRIMARY KEY, kept, score, lambda, lambda_part, p_part, q_part, smoothed, uncertainty,
 sensitivity, orth, masked); CREATE TABLE schedule(step INTEGER PRIMARY KEY, tinit, initial_budget, target_budget,
 tfinal, deltaT, total_step, anchors); CREATE TABLE evaluation(step, split, loss, accuracy, matthews, f1); CREATE TABLE
 intervention(id INTEGER PRIMARY KEY, step, parameter, old REAL, new REAL, is_undo, time); CREATE TABLE event( id
 INTEGER PRIMARY KEY, step, kind, text, time); CREATE TABLE live(id INTEGER PRIMARY KEY, state, reason, steps_done, pid,
 updated, tokens_per_s, eta, beta1, beta2, orth_reg_weight, learning_rate, target_r, deltaT, triplets);"""
MEANS = ("E", torch.ravel), ("B", lambda p: p.mean(0)), ("A", lambda q: q.mean(1))  # λ; over a triplet's P and Q

def pack(x, is_half=True):  # bfloat16 or float32
    return (x.to(torch.bfloat16).view(torch.int16) if is_half else x.float()).cpu().numpy().tobytes()

class Ranktop(transformers.TrainerCallback):
    def __init__(self, folder):
        self.folder, self.should_stop = pathlib.Path(folder), False
    def on_train_begin(self, args, state, control, model, optimizer, lr_scheduler, **_):
        self.start(model, optimizer, lr_scheduler, state.global_step)
    def on_optimizer_step(self, args, state, control, **_):
        self.step()
        control.should_training_stop |= self.should_stop

    def start(self, model, optimizer, scheduler=None, done=0):  # on every rank; `done`: steps that are over already
        model, self.optimizer, self.scheduler = getattr(model, "module", model), optimizer, scheduler
        self.allocator, self.config = model.base_model.rankallocator, model.active_peft_config
        self.final, self.adapter = self.config.total_step - self.config.tfinal, self.allocator.adapter_name
        self.layers = {name: [side[self.adapter].data for side in (m.lora_E, m.lora_B, m.lora_A)]
                       for name, m in model.base_model.model.named_modules() if hasattr(m, "lora_E")}
        self.kept = torch.ones(len(self.layers), self.config.init_r, dtype=torch.bool)
        self.rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else None
        self.records, self.done, self.changed_at, self.lines_read = not self.rank, done, done, 0
        self.db = self.sums = self.threshold = self.left = None  # left: steps until a pause
        self.losses, self.clock, _ = [], time.perf_counter(), model.register_forward_hook(self.saw_forward)
        return self
    def saw_forward(self, model, _, output):
        if model.training and torch.is_grad_enabled() and getattr(output, "loss", None) is not None:
            self.losses.append(output.loss.detach().clone())
            sides = [x.float() for _, p, q in self.layers.values() for x in (p.T, q)]  # R: the mean of the norms
            self.norms = torch.stack([torch.dist(x @ x.T, torch.eye(len(x), device=x.device)) for x in sides])

    def open(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.db, c = sqlite3.connect(self.folder / "telemetry.sqlite", check_same_thread=False), self.config
        self.db.executescript(TABLES)  # fails where a run is already: a folder is one run's
        self.db.executemany("INSERT INTO meta VALUES (?, ?)", dict(
            writer="ranktop_peft 1", model=c.base_model_name_or_path or "", method="ADALORA", control="commands.jsonl",
            initial_rank=c.init_r, total_steps=c.total_step, effective_scale=c.lora_alpha / (c.init_r + 1e-5)).items())
        for i, (name, (_, p, q)) in enumerate(self.layers.items()):
            layer, kind = re.fullmatch(r"(?:.*\.(\d+)\.)?(?:.*\.(?=query|key|value))?(.*)", name).groups()
            self.put("module", id=i, name=name, layer=layer, type=kind, output_size=p.shape[0], input_size=q.shape[1])
    def put(self, table, **row):
        row = {key: None if isinstance(x, float) and not math.isfinite(x) else x for key, x in row.items()}
        self.db.execute(f"INSERT OR REPLACE INTO {table}({','.join(row)}) VALUES (:{',:'.join(row)})", row)
    def write(self, work, *args, **row):  # on rank 0, until the first failure: recording never costs the training
        try:
            if self.records:
                self.db or self.open()
                work(*args, **row)
                self.db.commit()
        except Exception as error:
            self.records = False
            warnings.warn(f"ranktop records no more, the training goes on: {error!r}")
    def values(self):  # what the next step will use
        a, c, group = self.allocator, self.config, self.optimizer.param_groups[0]
        return dict(beta1=a.beta1, beta2=a.beta2, orth_reg_weight=float(c.orth_reg_weight), deltaT=c.deltaT,
                    target_r=a.target_bgt / len(self.layers), learning_rate=float(group.get("initial_lr", group["lr"])))

    def record(self):
        a, c, step, values, orth = self.allocator, self.config, self.done, self.values(), float(self.norms.mean())
        (budget, masks), first, last = a.budget_schedule(step), a.init_bgt, a.target_bgt
        kept = {key.partition(".lora_E")[0]: bits for key, bits in (c.rank_pattern or {}).items()}
        self.kept = torch.tensor([kept[name] for name in self.layers]) if kept else self.kept
        masked = bool(kept) and (step == self.final or masks and step < self.final)
        if a.ipt:
            self.sums = a.exp_avg_ipt, a.exp_avg_unc, a.ipt  # held on to: PEFT drops them with its last mask
        elif step == 2 < self.final:
            self.put("event", step=step, kind="warning", text="update_and_allocate was never called")
            warnings.warn("ranktop: update_and_allocate was never called, and without it no rank changes")
        if step == self.changed_at:
            self.put("schedule", step=step, tinit=c.tinit, tfinal=c.tfinal, deltaT=c.deltaT, total_step=c.total_step,
                     initial_budget=first, target_budget=last, anchors=f"[[{c.tinit}, {first}, {last}]]")
        lambdas = torch.stack([e.ravel() for e, _, _ in self.layers.values()]).cpu()
        if masked or step % 100 == 0 or step + 1 == c.total_step:
            for i, (bits, other) in enumerate(zip(self.kept, lambdas != 0)):
                self.put("rank", step=step, module=i, kept=int(bits.sum()), nonzero=int(other.sum()))
            if self.sums:
                self.put_triplets(masked, lambdas)
        loss = float(sum(self.losses) / len(self.losses))  # of the micro-batches
        grads = [p.grad for g in self.optimizer.param_groups for p in g["params"] if p.grad is not None]
        self.put("step", step=step, loss=loss, task_loss=loss - values["orth_reg_weight"] * orth, orth=orth,
                 grad_norm=float(torch.nn.utils.get_total_norm(grads)), lr=float(self.optimizer.param_groups[0]["lr"]),
                 budget=int(budget), kept=int(self.kept.sum()), nonzero=int((lambdas != 0).sum()),
                 threshold=self.threshold, step_ms=1e3 * (time.perf_counter() - self.clock), **values)
    def put_triplets(self, masked, lambdas):
        def parts(table):
            return [torch.cat([of(table[f"{m}.lora_{x}.{self.adapter}"]) for m in self.layers]) for x, of in MEANS]
        three = parts({key: x * self.sums[1][key] for key, x in self.sums[0].items()})
        halves = [*map(pack, three), *(pack(sum(parts(table))) for table in self.sums), pack(self.norms, False)]
        self.threshold = float(sum(three).cpu()[~self.kept.ravel()].max()) if masked else self.threshold
        blobs = numpy.packbits(self.kept, bitorder="little").tobytes(), pack(sum(three), False), pack(lambdas, False)
        self.db.execute(f"INSERT INTO triplets VALUES ({'?, ' * 11}?)", (self.done, *blobs, *halves, masked))

    def step(self):  # after update_and_allocate, before zero_grad, on every rank
        self.write(self.record)
        self.done, self.left, file = self.done + 1, self.left and self.left - 1, self.folder / "commands.jsonl"
        while True:
            lines = [file.read_bytes().split(b"\n")[self.lines_read:-1] if not self.rank and file.exists() else []]
            if self.rank is not None:
                dist.broadcast_object_list(lines)
            self.lines_read += len(lines[0])
            for line in lines[0]:
                try:
                    self.obey(**json.loads(line))
                except Exception as error:
                    self.write(self.put, "event", step=self.done, kind="warning", text=f"{line}: {error!r}")
            is_over = self.should_stop or self.done >= self.config.total_step
            self.write(self.put, "live", id=0, steps_done=self.done, pid=os.getpid(), updated=time.time(),
                       state="done" if is_over else "paused" if self.left == 0 else "training", **self.values())
            if is_over or self.left != 0:
                break
            time.sleep(0.1)
        self.losses, self.clock = [], time.perf_counter()
    def obey(self, command, parameter=None, value=None, count=1):
        if command != "set":
            self.left = {"pause": 0, "resume": None, "step": int(count), "stop": None}[command]
            self.should_stop |= command == "stop"
            return
        a, old, target = self.allocator, self.values()[parameter], round(value * len(self.layers))
        if not {"orth_reg_weight": value >= 0, "learning_rate": value > 0, "deltaT": value == int(value) > 0,
                "target_r": 0 <= target < a.init_bgt}.get(parameter, 0 < value < 1):
            raise ValueError("out of range")
        if parameter == "learning_rate":
            for group in self.optimizer.param_groups:
                group.update({key: group[key] * value / old for key in ("lr", "initial_lr") if key in group})
            if self.scheduler:
                self.scheduler.base_lrs = [rate * value / old for rate in self.scheduler.base_lrs]
        else:
            name, new = ("target_bgt", target) if parameter == "target_r" else (parameter, type(old)(value))
            setattr(self.config if parameter in ("orth_reg_weight", "deltaT") else a, name, new)
        self.changed_at = self.done
        self.write(self.put, "intervention", step=self.done, parameter=parameter, old=old, new=value, is_undo=0)
