"""How fast this machine answers and trains: measured in seconds on the task's own rows, and kept in the home for the next climb."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.climb.outlook.machine import Load, Machine, fit
from rung.climb.outlook.questions import Reader
from rung.disk import write_whole
from rung.errors import BrokenEnvironment
from rung.json_form import as_json, digest, from_json
from rung.rungs.base import BuildContext, labelled
from rung.types import Candidate, Example, Task
from rung.verify.environment import environment
from rung.verify.run import random_order

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.train.config import TrainConfig

# Rows of the first timing, the most of any, demonstrations where prompts are long, and rows whose answers are written freely.
FIRST, MOST, SHOWN, FREE = 4, 48, 4, 8
# Rows asked at a time, as evaluation does.
CHUNK = 64


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One form of the question: what it is asked on, and the share of the time that it may take."""

    what: str
    candidate: Candidate
    share: float
    most: int


def measure(context: BuildContext, reader: Reader, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> Machine:
    """The machine that answers this task's rows: about `seconds` of questions, dev rows, none of which is kept.

    The first questions, which load the base and warm its caches, are not counted among the answers.
    """
    runtime = replace(context.runtime, cache=None)
    rows = random_order(context.task, "dev") or random_order(context.task, "train")
    started = clock()
    with context.progress.stage("Measuring how fast this machine answers"):
        asking = _Asking(runtime, rows, reader, clock)
        timings = _timings(context.task, context)
        first = timings[0]
        load_s = asking.ask(first.candidate, 1)[1]
        asking.ask(first.candidate, 2)
        found = [asking.ask(first.candidate, FIRST)]
        each = found[0][1] / FIRST
        for timing in timings:
            affordable = int(seconds * timing.share / max(each * _heavier(reader, timing.candidate, first.candidate), 1e-6))
            if timing is first and affordable <= FIRST:
                continue
            if clock() - started - load_s > seconds:
                break
            found.append(asking.ask(timing.candidate, max(2, min(timing.most, affordable))))
    return Machine(cost=fit(found), load_s=load_s, precision=_precision(context, context.task), took_s=clock() - started)


class _Asking:
    """Asks ever other rows, and says what that was and took."""

    def __init__(self, runtime: Any, rows: Sequence[Example], reader: Reader, clock: Callable[[], float]) -> None:
        self.runtime, self.rows, self.reader, self.clock = runtime, rows, reader, clock
        self.at = 0

    def ask(self, candidate: Candidate, rows: int) -> tuple[Load, float]:
        from rung.engine.answer import answer

        asked = [self.rows[(self.at + place) % len(self.rows)] for place in range(min(rows, len(self.rows)))]
        self.at += len(asked)
        started = self.clock()
        said = answer(candidate, asked, self.runtime)
        took = self.clock() - started
        questions = self.reader.of_rows(candidate, asked)
        written = [float(one.completion_tokens) for one in said if one.completion_tokens is not None]
        if questions.writes and written:
            of = questions.steps / questions.writes if questions.writes else 1.0
            longest = max(written)
            questions = replace(questions, writes=sum(written) / len(written), steps=longest * min(1.0, of))
        return questions.load(len(asked), CHUNK), max(took, 1e-6)


def _timings(task: Task, context: BuildContext) -> list[Timing]:
    from rung.rungs.prompting import forms, plain_candidate, with_demonstrations

    plain = plain_candidate(task, context)
    tried = list(forms(task, plain).values())
    held = tried[-1]
    found = [Timing(what="the form held", candidate=held, share=0.35, most=MOST)]
    if len(labelled(task)) > SHOWN:
        shown = with_demonstrations(task, held, SHOWN, context)
        found.append(Timing(what="after demonstrations", candidate=shown, share=0.3, most=MOST // 2))
    if plain.constraint is None and held.constraint is not None:
        found.append(Timing(what="written freely", candidate=plain, share=0.3, most=FREE))
    return found


def _heavier(reader: Reader, candidate: Candidate, than: Candidate) -> float:
    """How many times as many tokens a row of one takes, a token written being worth some that are read."""
    loads = [reader.of(one).load(FIRST, CHUNK) for one in (candidate, than)]
    heavy, light = (load.tokens + 8 * load.made for load in loads)
    return heavy / max(light, 1.0)


def _precision(context: BuildContext, task: Task) -> str:
    backend: Any = context.runtime.backend_for(task.base)
    decoder = getattr(backend, "decoder", None)
    return str(getattr(decoder, "dtype", "")).removeprefix("torch.")


def measure_training(context: BuildContext, candidate: Candidate, training: TrainConfig, rows: int, seconds: float) -> Any:
    """A `train.fit.Fit` of so many train rows, its speed measured for about `seconds`; `seconds` 0 measures none."""
    from rung.data.sample import sample
    from rung.engine.backend import adapter_uses
    from rung.engine.local.model import trainable_model
    from rung.rungs.training import train_rows
    from rung.train.fit import calibrate, predict
    from rung.train.rows import encode_rows

    task = context.task
    model = trainable_model(context.runtime.backend_for(task.base)).under(adapter_uses(task.base_adapters, context.blobs))
    taught = train_rows(task, candidate, sample(labelled(task), rows, task.seed), context.runtime.retriever(candidate))
    longest = min(training.max_tokens or model.config.max_positions, model.config.max_positions)
    encoded = encode_rows(model.tokenizer, taught, longest, "drop")
    speed = None
    if seconds:
        with context.progress.stage(f"Measuring training ({training.method})"):
            speed = calibrate(model, encoded, training, seconds)
    return predict(model.config, model.decoder.dtype.itemsize, encoded, training, speed)


def kept_machine(home: Path, base: Base) -> Machine | None:
    """What was measured of this machine for a base before; None where nothing was, or by a version that wrote it otherwise."""
    try:
        return from_json(Machine, json.loads(_place(home, base).read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep_machine(home: Path, base: Base, machine: Machine) -> None:
    """Keeps it for the next climb; a disk that refuses costs no more than measuring again."""
    try:
        write_whole(_place(home, base), json.dumps(as_json(machine), indent=1))
    except BrokenEnvironment:
        return


def _place(home: Path, base: Base) -> Path:
    """By all that a speed hangs on: base, processor and as much of it as this process may use, what is computed with, precision."""
    said = environment(0)
    packages = {name: said["packages"][name] for name in ("torch", "transformers")}
    asked = {name: os.environ.get(name, "") for name in ("RUNG_PRECISION", "RUNG_DEVICE", "OMP_NUM_THREADS", "ONEDNN_MAX_CPU_ISA")}
    key = [base.digest, said["rung"], said["hardware"], packages, asked, processors()]
    return home / "speeds" / f"{digest(key)[:32]}.json"


def processors() -> float:
    """As many as this process may use: a container's share of them, or what it is bound to."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([float(bound), *_quota()])


def _quota() -> list[float]:
    """What the control group allows (cgroup v2, then v1); nothing where it sets no limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return [] if quota == "max" else [int(quota) / int(period)]
    except (OSError, ValueError):
        pass
    try:
        folder = Path("/sys/fs/cgroup/cpu")
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        return [int(quota) / int(period)] if int(quota) > 0 else []
    except (OSError, ValueError):
        return []
