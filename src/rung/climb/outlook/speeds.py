"""How fast this machine answers and trains: measured in seconds on made-up questions, kept in the home for whoever asks next."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.climb.outlook.machine import Load, Machine, fit
from rung.climb.outlook.questions import Reader
from rung.climb.outlook.texts import LONG, SHORT, Kind, kinds, made_task, questions
from rung.disk import write_whole
from rung.errors import BrokenEnvironment
from rung.json_form import as_json, digest, from_json
from rung.rungs.base import BuildContext, labelled
from rung.types import Candidate, Progress
from rung.verify.environment import environment

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.engine.runtime import Runtime
    from rung.train.config import TrainConfig

# Seconds of questions that a machine is measured by, where it is not known; and how many times as long as its processor was at
# work that may take: beyond, other work ran beside, and what came out is not what the machine is.
MEASURED_S, CROWDED = 8.0, 1.5
# Seconds of training steps that an adapter's are measured by before a climb.
ADAPTERS_S = 1.5
# Rows of the first timing; and rows asked at a time, as evaluation does.
FIRST, CHUNK = 4, 64
# Where control groups say what this process may use.
GROUP = Path("/sys/fs/cgroup")


def measure(
    runtime: Runtime, base: str, tokenizer: Any, progress: Progress, *, seconds: float, clock: Callable[[], float] | None = None
) -> Machine:
    """How fast this machine answers with a base, from about `seconds` of made-up questions, none of which is kept.

    The first questions, which load the base and warm its caches, are not counted among the answers.
    """
    clock = clock or time.monotonic
    asking = _Asking(replace(runtime, cache=None), Reader(made_task(base), runtime, tokenizer), clock)
    backend: Any = runtime.backend_for(base)
    started = clock()
    with progress.stage("Measuring how fast this machine answers"):
        every = kinds(backend.reference, backend.template, ())
        load_s = asking.ask(every[0], 1)[1]
        asking.ask(every[0], 2)
        found = [asking.ask(every[0], FIRST)]
        began = clock()
        for kind in every:
            each = Machine(cost=fit(found)).seconds(asking.load(kind, FIRST)) / FIRST
            rows = min(kind.most, int(seconds * kind.share / max(each, 1e-9)))
            if clock() - began > seconds:
                break
            found.append(asking.ask(kind, max(2, rows)))
    precision = str(getattr(getattr(backend, "decoder", None), "dtype", "")).removeprefix("torch.")
    return Machine(cost=fit(found), load_s=load_s, precision=precision, took_s=clock() - started)


def known_machine(base: Base, asked: str, home: Path, runtime: Runtime, progress: Progress) -> tuple[Machine, float, float]:
    """The machine with a base that is here, what measuring it took now, and how crowded it was meanwhile.

    asked  the base as its user wrote it, so that what is loaded for this answers later questions too

    What was measured before is not measured again. What was measured while other work ran beside is not kept.
    """
    if known := kept_machine(home, base):
        return known, 0.0, 1.0
    before = time.process_time()
    machine = measure(runtime, asked, tokenizer_of(base), progress, seconds=MEASURED_S)
    crowded = max(1.0, machine.took_s / max(time.process_time() - before, 1e-9))
    if crowded < CROWDED:
        keep_machine(home, base, machine)
    return machine, machine.took_s, crowded


def tokenizer_of(base: Base) -> Any:
    """The tokenizer of a base that is here; None of another."""
    from rung.engine.local.tokenizer import load_tokenizer

    return load_tokenizer(base.folder) if base.kind == "local" and base.folder else None


class _Asking:
    """Asks ever other questions, and says what that was and took."""

    def __init__(self, runtime: Runtime, reader: Reader, clock: Callable[[], float]) -> None:
        self.runtime, self.reader, self.clock = runtime, reader, clock
        self.questions = {sentences: questions(sentences) for sentences in (SHORT, LONG)}

    def ask(self, kind: Kind, rows: int) -> tuple[Load, float]:
        """The load, as the answers turned out, and its seconds."""
        from rung.engine.answer import answer

        asked = list(islice(self.questions[kind.sentences], rows))
        started = self.clock()
        said = answer(kind.candidate, asked, self.runtime)
        took = self.clock() - started
        expected = self.reader.of_rows(kind.candidate, asked)
        written = [float(one.completion_tokens or 0) for one in said]
        if expected.writes:
            steps = max(written) * expected.steps / expected.longest
            expected = replace(expected, writes=sum(written) / len(written), steps=steps)
        return expected.load(len(asked), CHUNK), max(took, 1e-6)

    def load(self, kind: Kind, rows: int) -> Load:
        """What so many rows would be, were they asked."""
        return self.reader.of_rows(kind.candidate, list(islice(questions(kind.sentences), rows))).load(rows, CHUNK)


def measure_training(context: BuildContext, candidate: Candidate, training: TrainConfig, rows: int, seconds: float) -> Any:
    """A `train.fit.Fit` of so many train rows, its speed measured for about `seconds`; `seconds` 0 measures none."""
    from rung.data.sample import sample
    from rung.engine.backend import adapter_uses
    from rung.engine.local.model import model_of, trainable_model
    from rung.rungs.training import train_rows
    from rung.train.fit import calibrate, predict
    from rung.train.rows import encode_rows

    task = context.task
    find = trainable_model if seconds else model_of
    model = find(context.runtime.backend_for(task.base)).under(adapter_uses(task.base_adapters, context.blobs))
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
        quota, period = (GROUP / "cpu.max").read_text("ascii").split()
        return [] if quota == "max" else [int(quota) / int(period)]
    except (OSError, ValueError):
        pass
    try:
        folder = GROUP / "cpu"
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text("ascii") for name in ("quota", "period"))
        return [int(quota) / int(period)] if int(quota) > 0 else []
    except (OSError, ValueError):
        return []
