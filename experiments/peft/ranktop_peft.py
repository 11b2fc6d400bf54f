"""Records PEFT's AdaLoRA or LoRA in FOLDER/telemetry.sqlite and obeys FOLDER/commands.jsonl: `ranktop watch FOLDER`.
Ranktop is for a loop of your own, RanktopCallback for transformers.Trainer; the README beside this file shows both."""
import atexit, functools, json, math, os, pathlib, platform, re, sqlite3, time, warnings, weakref  # noqa: E401
import numpy, peft, torch, torch.distributed as dist, transformers  # noqa: E401

KINDS = {"T": "TEXT", "I": "INTEGER", "R": "REAL", "B": "BLOB", "N": "NOT NULL", "K": "PRIMARY KEY"}
TABLES = """meta(key T K, value T N);
module(id I K, name T N, layer I, type T N, output_size I N, input_size I N, planted_rank I);
live(id I K CHECK (id = 0), state T N, reason T, steps_done I, pid I, updated R, tokens_per_s R, eta R,
  beta1 R, beta2 R, orth_reg_weight R, learning_rate R, target_r R, deltaT I, triplets B);
step(step I K, loss R, task_loss R, orth R, grad_norm R, lr R, beta1 R, beta2 R, orth_reg_weight R, deltaT I,
  target_r R, budget I, kept I, nonzero I, threshold R, tokens I, step_ms R, learning_rate R);
rank(step I, module I, kept I N, nonzero I N, K(step, module)) WITHOUT ROWID,;
triplets(step I K, kept B, score B N, lambda B, lambda_part B, p_part B, q_part B, sensitivity B, smoothed B,
  uncertainty B, orth B, masked I N);
schedule(step I K, initial_budget I, target_budget I, tinit I, tfinal I, deltaT I, total_step I, anchors T);
evaluation(step I, split T, loss R, accuracy R, matthews R, f1 R, K(step, split));
intervention(id I K, step I N, parameter T N, old R, new R, is_undo I N, time R);
event(id I K, step I N, kind T N, text T N, time R)"""
TABLES = re.sub(r"\b[TIRBNK]\b", lambda kind: KINDS[kind[0]], TABLES).split(";\n")
COLUMNS = ("kept", "score", "lambda", "lambda_part", "p_part", "q_part", "sensitivity", "smoothed", "uncertainty")
WATCHED = weakref.WeakValueDictionary()  # id of a tuner or of a rank allocator: its Ranktop

def listen(owner, name, hear):
    """`hear` follows, and may answer, calls on what is watched. Classes are wrapped: objects still copy and pickle."""
    plain = getattr(owner, name)
    @functools.wraps(plain)
    def call(self, *args, **kwargs):
        result, watch = plain(self, *args, **kwargs), WATCHED.get(id(self))
        answer = hear(watch, result, *args, **kwargs) if watch else None
        return result if answer is None else answer
    setattr(owner, name, call)

def recording(method):
    """On rank 0 alone and until the first failure: recording never costs the training."""
    def guarded(self, *args, **kwargs):
        try:
            return method(self, *args, **kwargs) if self.rank == 0 and not self.failed else None
        except Exception as error:
            self.failed = True
            warnings.warn(f"ranktop records no more, the training goes on: {error!r}")
    return guarded

class Ranktop:
    """Make it on every rank, after model, optimizer and scheduler; a resumed run says from which step in `start`."""
    def __init__(self, model, folder, optimizer, scheduler=None, total_steps=None, start=0):
        model = getattr(model, "module", model)  # out of DDP's wrapping; the next two out of Accelerate's
        self.optimizer = getattr(optimizer, "optimizer", optimizer)
        self.scheduler = getattr(scheduler, "scheduler", scheduler)
        self.tuner, self.adapter, self.config = model.base_model, model.active_adapter, model.active_peft_config
        self.allocator = a = getattr(self.tuner, "rankallocator", None)  # LoRA has none
        self.layers = {n: m for n, m in self.tuner.model.named_modules() if self.adapter in getattr(m, "lora_A", ())}
        self.ends = numpy.cumsum([m.r[self.adapter] for m in self.layers.values()])
        self.kept, self.trained = numpy.ones(self.ends[-1], bool), [p for p in model.parameters() if p.requires_grad]
        self.folder, self.done, self.budget, self.start = pathlib.Path(folder), start, int(self.ends[-1]), start
        self.total = total_steps or getattr(self.config, "total_step", None)
        if not self.total:
            raise ValueError("Ranktop needs total_steps: LoRA's configuration does not have it")
        self.rank = dist.get_rank() if dist.is_available() and dist.is_initialized() else 0
        self.failed, self.should_stop, self.state, self.offset, self.updated = False, False, "", 0, 0
        self.given = self.sums = self.threshold = self.pace = None
        self.allowance = None  # how many steps until a pause
        self.anchors, self.said = [[self.config.tinit, self.budget, a.target_bgt]] if a else [], set()
        self.final = self.config.total_step - self.config.tfinal if a else 0
        WATCHED.update({id(x): self for x in (self.tuner, a) if x})
        self.optimizer.register_step_pre_hook(lambda *_: self.before_optimizer())
        atexit.register(lambda me=weakref.ref(self): me() and me().finish("the process ended before the run"))
        self.forget()
        self.open()

    def forget(self):
        self.losses, self.tokens, self.summed, self.masked = [], 0, False, False
        self.norm = self.norms = self.lr = None
        self.clock = time.perf_counter()

    @recording
    def open(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "commands.jsonl").touch()
        self.offset = (self.folder / "commands.jsonl").stat().st_size  # what was sent to an earlier run is over
        self.db = sqlite3.connect(self.folder / "telemetry.sqlite", timeout=1, check_same_thread=False)
        if self.db.execute("SELECT 1 FROM sqlite_master").fetchone() and not self.db.execute(
                "SELECT 1 FROM meta WHERE key = 'writer' AND value LIKE 'ranktop_peft %'").fetchone():
            raise ValueError(f"{self.folder} holds another program's run")
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.execute("BEGIN IMMEDIATE")  # whoever looks sees all of this or nothing
        self.db.execute("PRAGMA application_id = 0x524B5450")
        self.db.execute("PRAGMA user_version = 1")
        for number, table in enumerate(TABLES):  # of an earlier run, the rows before `start` stay
            self.db.execute(f"CREATE TABLE IF NOT EXISTS {table} STRICT")
            self.db.execute(f"DELETE FROM {table.split('(')[0]}" + f" WHERE step >= {self.done}" * (number > 2))
        kind, r, layer = self.config.peft_type.value, int(self.ends[0]), next(iter(self.layers.values()))
        for key, value in dict(
                writer="ranktop_peft 1", run=self.folder.name, model=self.config.base_model_name_or_path or "",
                method=kind, score="smoothed", dialect="peft", initial_rank=r, total_steps=self.total,
                metric="accuracy", effective_scale=layer.scaling[self.adapter] / (r + 1e-5 if self.allocator else 1),
                threads=torch.get_num_threads(), blas_core="", seed=torch.initial_seed(), cpu=platform.processor(),
                experiment=json.dumps(self.config.to_dict(), default=lambda x: sorted(x) if type(x) is set else str(x)),
                cores=os.cpu_count(), system=platform.platform(), control="commands.jsonl",
                versions=f"torch {torch.__version__}, peft {peft.__version__}, transformers {transformers.__version__}",
                started=time.strftime("%FT%TZ", time.gmtime())).items():
            self.put("meta", key=key, value=str(value))
        for number, (name, m) in enumerate(self.layers.items()):
            layer, rest = re.fullmatch(r"(?:.*\.(\d+)\.)?(.*)", name).groups()
            p, q = (getattr(side[self.adapter], "weight", side[self.adapter]).shape for side in (m.lora_B, m.lora_A))
            self.put("module", id=number, name=name, layer=layer and int(layer), output_size=p[0], input_size=q[1],
                     type=re.sub(r".*\.(query|key|value)$", r"\1", rest))
        self.say("started", f"{kind} by PEFT {peft.__version__}, {self.total} steps")
        if self.allocator and self.config.total_step != self.total:
            self.warn(f"the training has {self.total} steps, PEFT's schedule {self.config.total_step}")
        self.put_schedule()
        self.live()

    def put(self, table, **row):
        row = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}
        self.db.execute(f"INSERT OR REPLACE INTO {table}({','.join(row)}) VALUES (:{',:'.join(row)})", row)

    def put_schedule(self):
        c, a = self.config, self.allocator
        if a:
            self.put("schedule", step=self.done, initial_budget=a.init_bgt, target_budget=a.target_bgt, tinit=c.tinit,
                     tfinal=c.tfinal, deltaT=c.deltaT, total_step=c.total_step, anchors=json.dumps(self.anchors))

    @recording
    def say(self, kind, text):
        self.put("event", step=self.done, kind=kind, text=text, time=time.time())

    @recording
    def warn(self, text):
        if text not in self.said:
            self.said.add(text)
            self.say("warning", text)
            warnings.warn(f"ranktop: {text}")

    def values(self):
        """What the next step will use."""
        a, c, group = self.allocator, self.config, self.optimizer.param_groups[0]
        own = {k: getattr(a, k, getattr(c, k, 0.0)) for k in ("beta1", "beta2", "orth_reg_weight", "deltaT")}
        target, rate = a.target_bgt if a else int(self.ends[-1]), float(group.get("initial_lr", group["lr"]))
        return dict(own, deltaT=int(own["deltaT"]), target_r=target / len(self.ends), learning_rate=rate)

    @recording
    def saw_forward(self, output, *_, **inputs):
        if self.tuner.training and torch.is_grad_enabled():
            if getattr(output, "loss", None) is not None:
                self.losses.append(output.loss.detach().clone())
            self.summed = inputs.get("num_items_in_batch") is not None  # then a loss is its part of the whole batch's
            real = inputs.get("attention_mask")
            if real is not None:
                self.tokens += real.sum()

    def saw_schedule(self, result, step):
        """After a change of the target while budgeting, the same cubic from b at the change to the new target."""
        start, high, target = self.anchors[-1]
        if self.config.tinit < start <= step <= self.final and start < self.final:
            return int((high - target) * (1 - (step - start) / (self.final - start)) ** 3 + target), result[1]

    def saw_allocation(self, result, global_step):
        a, (self.budget, masks) = self.allocator, self.allocator.budget_schedule(global_step)
        if self.given is not None and global_step != self.given + 1:
            self.warn("update_and_allocate is not given one more at each call, and PEFT's schedule follows it")
        self.given, self.masked = global_step, global_step == self.final or masks and global_step < self.final
        if a.exp_avg_ipt:
            self.sums = a.ipt, a.exp_avg_ipt, a.exp_avg_unc  # PEFT drops them before the final phase

    def regulariser(self):
        """‖PᵀP−I‖ and ‖QQᵀ−I‖ of each module; PEFT's R is their mean."""
        name, layers = self.adapter, self.layers.values()
        sides = [x.detach().float() for m in layers for x in (m.lora_B[name].T, m.lora_A[name])]
        norms = [torch.linalg.norm(x @ x.T - torch.eye(len(x), device=x.device)) for x in sides]
        return torch.stack([norm.to(norms[0].device) for norm in norms]).cpu()

    @recording
    def before_optimizer(self):
        if self.norm is None:  # else clipping has told what it was before
            norms = [torch.linalg.vector_norm(p.grad.float()) for p in self.trained if p.grad is not None]
            self.norm = torch.linalg.vector_norm(torch.stack([norm.to(norms[0].device) for norm in norms]))
        self.lr = float(self.optimizer.param_groups[0]["lr"])
        self.norms = self.regulariser() if self.allocator else None

    def blobs(self):
        """The columns of `triplets`: what PEFT has for each element, of λ plus the means over the triplet's P and Q."""

        def joined(of, side, mean):
            rows = [mean(of(f"{name}.lora_{side}.{self.adapter}").float()) for name in self.layers]
            return torch.cat([row.to(rows[0].device) for row in rows]).cpu()

        def parts(of):
            means = dict(E=torch.ravel, B=lambda x: x.mean(0), A=lambda x: x.mean(1))
            return [joined(of, side, mean) for side, mean in means.items()]

        three = parts(lambda name: self.sums[1][name] * self.sums[2][name])
        self.scores = sum(three).numpy()
        halves = [*three, *(sum(parts(table.get)) for table in self.sums)]
        halves = [half.to(torch.bfloat16).view(torch.int16).numpy() for half in halves]
        bits = numpy.packbits(self.kept, bitorder="little")
        return dict(zip(COLUMNS, (array.tobytes() for array in (bits, self.scores, self.lambdas, *halves))))

    @recording
    def record(self, loss):
        a, step, values, ms = self.allocator, self.done, self.values(), 1e3 * (time.perf_counter() - self.clock)
        count, orth = len(self.losses), float(self.norms.mean()) if self.norms is not None else 0.0
        share = 1 if self.summed or not count else 1 / count
        loss = float(sum(self.losses) * share if loss is None else loss.detach() if hasattr(loss, "detach") else loss)
        if a and not count:
            self.warn("the model's output has no loss, so PEFT adds no orthogonality regulariser")
        if a and self.given is None and step > max(self.start, self.config.tinit) + 2:
            self.warn("update_and_allocate was never called, so no rank will change: call model.base_model."
                      "update_and_allocate(step) between optimizer.step() and zero_grad()")
        if self.masked:
            pattern = {name.partition(".lora_E")[0]: kept for name, kept in self.config.rank_pattern.items()}
            self.kept = numpy.array([bit for name in self.layers for bit in pattern[name]], bool)
        if a:
            lambdas = [m.lora_E[self.adapter].detach().float().ravel() for m in self.layers.values()]
            self.lambdas = torch.cat([x.to(lambdas[0].device) for x in lambdas]).cpu().numpy()
        alive = self.lambdas != 0 if a else self.kept
        if self.masked or step % 100 == 0 or step + 1 == self.total:
            if self.sums:
                orth_blob = self.norms.numpy().tobytes()
                self.put("triplets", step=step, orth=orth_blob, masked=int(self.masked), **self.blobs())
            ranks = [[int(part.sum()) for part in numpy.split(bits, self.ends[:-1])] for bits in (self.kept, alive)]
            for module, (kept, nonzero) in enumerate(zip(*ranks)):
                self.put("rank", step=step, module=module, kept=kept, nonzero=nonzero)
        if self.masked:
            self.threshold = float(self.scores[~self.kept].max(initial=-math.inf))  # NaN scores prune nothing
            self.say("mask", f"mask to b(t) = {self.budget}: {self.kept.sum()} triplets kept")
        tokens, self.pace = int(self.tokens), ms if self.pace is None else 0.9 * self.pace + 0.1 * ms
        self.speed = 1e3 * tokens / ms
        added = values["orth_reg_weight"] * orth * share * count  # as often as PEFT has added it
        self.put("step", step=step, loss=loss, task_loss=loss - added, orth=orth, lr=self.lr, budget=self.budget,
                 grad_norm=None if self.norm is None else float(self.norm), kept=int(self.kept.sum()),
                 nonzero=int(alive.sum()), threshold=self.threshold, tokens=tokens, step_ms=ms, **values)

    @recording
    def live(self, state="training", reason=None):
        if state != self.state or time.time() - self.updated > 0.1:
            self.state, self.updated = state, time.time()
            ahead = self.pace and 1e-3 * self.pace * max(self.total - self.done, 0)
            self.put("live", id=0, state=state, reason=reason, steps_done=self.done, pid=os.getpid(), eta=ahead,
                     updated=self.updated, tokens_per_s=self.pace and self.speed, **self.values(),
                     triplets=b"".join(self.blobs().values()) if self.sums else None)
        self.db.commit()

    def step(self, loss=None):
        """After update_and_allocate, on every rank. Without `loss`, the one in the model's output is recorded."""
        self.record(loss)
        self.done, self.allowance = self.done + 1, self.allowance and self.allowance - 1
        while True:
            lines = [self.new_lines() if self.rank == 0 else None]
            if dist.is_available() and dist.is_initialized():
                dist.broadcast_object_list(lines)
            for line in lines[0]:
                self.obey(line)
            if self.allowance != 0 or self.should_stop or self.done >= self.total:
                break
            self.live("paused")
            time.sleep(0.1)
        if self.done >= self.total or self.should_stop:
            self.finish()
        else:
            self.live()
        self.forget()

    def new_lines(self):
        try:
            with open(self.folder / "commands.jsonl", "rb") as file:
                file.seek(self.offset)
                text = file.read()
        except OSError:
            return []
        self.offset += text.rfind(b"\n") + 1
        return text[:text.rfind(b"\n") + 1].splitlines()

    def obey(self, line):
        try:
            command = json.loads(line)
            kind = command["command"]
            if kind == "set":
                why = self.change(command["parameter"], command["value"])
                if why:
                    self.say("refused", f"{command['parameter']} {command['value']}: {why}")
            elif kind == "stop":
                self.should_stop = True
            elif kind in ("pause", "resume", "step"):
                self.allowance = {"pause": 0, "resume": None, "step": max(int(command.get("count", 1)), 1)}[kind]
                paused = "paused", f"after {self.done} steps"
                self.say(*paused if kind == "pause" else ("resumed", "training goes on"))
            else:
                self.warn(f"unknown command {kind!r}")
        except Exception as error:
            self.warn(f"not a command: {line[:80]!r} ({error!r})")

    def change(self, name, value):
        """What a command sets, on every rank alike. Returns why not."""
        a, c, old = self.allocator, self.config, self.values().get(name)
        ahead = self.done if self.given is None else self.given + 1  # what PEFT will call the next step
        if old is None or isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            return "no such parameter, or not a number"
        if not a and name != "learning_rate":
            return "LoRA has a fixed rank and no regulariser"
        target = round(value * len(self.ends))
        fits = {"beta1": 0 < value < 1, "beta2": 0 < value < 1, "orth_reg_weight": value >= 0,
                "learning_rate": value > 0 < old, "deltaT": value == int(value) > 0,
                "target_r": a and 0 <= target < a.init_bgt}  # PEFT fails where it has nothing to prune
        if not fits[name]:
            return "out of range"
        if name in ("deltaT", "target_r") and ahead > self.final:
            return "fixed in the final phase"
        if name == "learning_rate":
            if "initial_lr" in self.optimizer.param_groups[0] and not self.scheduler:
                return "Ranktop was not given the scheduler, which would undo it"
            for group in self.optimizer.param_groups:
                group.update({key: group[key] * value / old for key in ("lr", "initial_lr") if key in group})
            for scheduler in [self.scheduler, *getattr(self.scheduler, "_schedulers", [])]:
                if hasattr(scheduler, "base_lrs"):
                    scheduler.base_lrs = [rate * value / old for rate in scheduler.base_lrs]
                    scheduler._last_lr = [group["lr"] for group in self.optimizer.param_groups]
        elif name == "target_r":
            anchor = [ahead, a.budget_schedule(ahead)[0], target]
            self.anchors = [*self.anchors, anchor] if ahead > c.tinit else [[c.tinit, a.init_bgt, target]]
            a.target_bgt, c.target_r = target, value
        else:
            setattr(c, name, int(value) if name == "deltaT" else value)
            a.beta1, a.beta2 = c.beta1, c.beta2
        self.changed(name, old, value)

    @recording
    def changed(self, name, old, new):
        self.put("intervention", step=self.done, parameter=name, old=old, new=new, is_undo=0, time=time.time())
        self.say("intervention", f"{name} {old:g} → {new:g}")
        if name in ("deltaT", "target_r"):
            self.put_schedule()

    @recording
    def evaluation(self, loss=None, split="eval", **metrics):
        """`loss` as the model gives it: PEFT adds its regulariser in an evaluation too."""
        if loss is not None and self.allocator:
            loss -= self.config.orth_reg_weight * float(self.regulariser().mean())
        self.put("evaluation", step=max(self.done - 1, 0), split=split, loss=loss, **metrics)
        self.db.commit()

    def finish(self, failure=None):
        if self.state not in ("done", "failed"):
            end = f"stopped after {self.done} steps" if self.done < self.total else f"{self.done} steps done"
            self.say("failed" if failure else "finished", failure or end)
            self.live("failed" if failure else "done", failure)

class RanktopCallback(transformers.TrainerCallback):
    def __init__(self, folder):
        self.folder = folder

    def on_train_begin(self, args, state, control, model, optimizer, lr_scheduler, **_):
        self.watch = Ranktop(model, self.folder, optimizer, lr_scheduler, state.max_steps, state.global_step)

    def on_step_begin(self, *_, **__):
        self.watch.clock = time.perf_counter()

    def on_step_end(self, args, state, control, **_):
        self.watch.step()
        control.should_training_stop |= self.watch.should_stop

    def on_evaluate(self, args, state, control, metrics, **_):
        names = dict(loss="loss", accuracy="accuracy", f1="f1", matthews="matthews_correlation")
        self.watch.evaluation(**{key: metrics.get(f"eval_{name}") for key, name in names.items()})

    def on_train_end(self, *_, **__):
        self.watch.finish()

@functools.wraps(torch.nn.utils.clip_grad_norm_)
def clip_grad_norm_(parameters, *args, **kwargs):
    parameters = [parameters] if isinstance(parameters, torch.Tensor) else list(parameters)
    norm = clip_grad_norm_.__wrapped__(parameters, *args, **kwargs)
    for watch in set(WATCHED.values()):
        if any(parameter is watch.trained[0] for parameter in parameters):
            watch.norm = norm
    return norm

torch.nn.utils.clip_grad_norm_ = clip_grad_norm_  # the norm before clipping is known only there
listen(peft.LoraModel, "forward", Ranktop.saw_forward)
listen(peft.AdaLoraModel, "forward", Ranktop.saw_forward)
listen(peft.AdaLoraModel, "update_and_allocate", Ranktop.saw_allocation)
listen(peft.tuners.adalora.RankAllocator, "budget_schedule", Ranktop.saw_schedule)
