"""The prediction of a climb: its machine measured, or known from before; its steps foreseen and priced."""

from __future__ import annotations

import time
from collections.abc import Container, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rung.climb.outlook.foresight import Foresight, Known, ends_of, titles
from rung.climb.outlook.machine import Load, Machine
from rung.climb.outlook.pricing import THOUGHT_SHARE, Pricing
from rung.climb.outlook.questions import Reader
from rung.climb.outlook.speeds import ADAPTERS_S, CROWDED, keep_machine, known_machine, tokenizer_of
from rung.engine.http.body import ROOM_FOR_THOUGHTS
from rung.registry.predictions import Prediction
from rung.rungs.asks import Foreseen
from rung.rungs.base import BuildContext
from rung.types import Task

if TYPE_CHECKING:
    from rung.engine.bases.resolve import Base
    from rung.engine.http.finding import ServerFinding
    from rung.registry.home import Home
    from rung.verify.alpha import AlphaPlan

# A server's questions in flight, and seconds that it takes for a token: what its check cannot tell.
IN_FLIGHT, WRITTEN_S = 16, 0.02
# Of a function that answers: asking it may cost something, so that it is not measured.
UNTIMED = Machine(cost=Load())


@dataclass(frozen=True, kw_only=True)
class Priced:
    """What a prediction was made by: each rung as it was foreseen, bytes at the peak of each kind of training, the machine."""

    likely: Mapping[str, Foreseen]
    memory: Mapping[str, int]
    machine: Machine


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a prediction is made of. `judging` is the task with the test rows that judge."""

    judging: Task
    context: BuildContext
    base: Base
    home: Home
    alpha: AlphaPlan
    skipped: Mapping[str, str]
    server: ServerFinding | None = None


@dataclass(frozen=True, kw_only=True)
class Means:
    """What predictions are made with: the machine, what measuring it took, how crowded it was meanwhile, who counts tokens."""

    machine: Machine
    reader: Reader
    measured_s: float = 0.0
    crowded: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a climb has found out so far: the rungs that it has built, the keys of the steps that it has taken, and, by the rung,
    steps of training before an interruption."""

    known: Mapping[str, Known] = field(default_factory=dict)
    keys: Container[str] = ()
    begun: Mapping[str, int] = field(default_factory=dict)


def means_of(asked: Asked) -> Means:
    """A machine that is not known is measured for about MEASURED_S seconds, and kept in the home."""
    reader = Reader(asked.context.task, asked.context.runtime, tokenizer_of(asked.base))
    machine, measured_s, crowded = _machine(asked)
    return Means(machine=machine, reader=reader, measured_s=measured_s, crowded=crowded)


def predict(asked: Asked, means: Means, *, done: Done | None = None, training_s: float = 0.0) -> tuple[Prediction, Priced]:
    """What a climb will take, of what is not done.

    training_s  for how long each kind of training is measured, where its speed is not known; 0 measures adapters for ADAPTERS_S,
                and guesses the others' by them
    """
    done, machine = done or Done(), means.machine
    task, timed = asked.context.task, machine is not UNTIMED
    began = time.monotonic()
    pricing = Pricing(
        context=asked.context,
        machine=machine,
        reader=means.reader,
        training_s=training_s,
        adapters_s=ADAPTERS_S,
        thoughts=float(ROOM_FOR_THOUGHTS) if asked.server and asked.server.thinks else 0.0,
        loaded=bool(done.known),
    )
    rungs = [name for name, reason in asked.skipped.items() if not reason]
    foresight = Foresight(
        task=asked.judging, pricing=pricing, rungs=rungs, alpha=asked.alpha, known=done.known, done=done.keys, begun=done.begun
    )
    steps = foresight.run()
    learnt = pricing.machine != machine
    if asked.base.kind == "local" and means.crowded < CROWDED and learnt:
        keep_machine(asked.home.path, asked.base, pricing.machine)
    prediction = Prediction(
        steps=steps,
        ends=ends_of(steps, rungs, titles()),
        timed=timed,
        measured_s=means.measured_s + (time.monotonic() - began if learnt else 0.0),
        crowded=means.crowded,
        notes=tuple(dict.fromkeys([*pricing.notes, *_notes(task, means.crowded, asked.server)])),
    )
    return prediction, Priced(likely=foresight.likely, memory=pricing.memory, machine=pricing.machine)


def _machine(asked: Asked) -> tuple[Machine, float, float]:
    """The machine, what measuring it took, and how crowded it was meanwhile."""
    if asked.server is not None or asked.base.reference.is_server:
        return _server(asked.server, asked.context.task), 0.0, 1.0
    context = asked.context
    if asked.base.kind != "local":
        return UNTIMED, 0.0, 1.0
    return known_machine(asked.base, context.task.base, asked.home.path, context.runtime, context.progress)


def _server(finding: ServerFinding | None, task: Task) -> Machine:
    """By how long its check took, whose questions were asked side by side in about three rounds."""
    latency_s = max(0.1, finding.seconds / 3) if finding else 1.0
    in_flight = task.in_flight or (finding.slots if finding and finding.slots else IN_FLIGHT)
    return Machine(cost=Load(rows=latency_s / in_flight, made=WRITTEN_S / in_flight))


def _notes(task: Task, crowded: float, server: ServerFinding | None) -> list[str]:
    notes = []
    if server and server.thinks:
        usual = THOUGHT_SHARE * ROOM_FOR_THOUGHTS
        notes.append(
            f"the model thinks before it answers: about {usual:,.0f} tokens an answer are counted for that until its answers tell "
            f"how many, at most {ROOM_FOR_THOUGHTS:,}"
        )
    if task.base_reference.is_server:
        notes.append("seconds of a server are guessed from how long its check took, tokens from the texts' lengths")
    if task.batch:
        notes.append("in batches answers come within a day: the seconds are those of asking one by one")
    if task.base_reference.is_server and not task.prices:
        keys = "prices: {input_usd_per_million: ..., output_usd_per_million: ...}"
        notes.append(f"what it will cost is not known, for the task gives no prices ({keys})")
    if crowded >= CROWDED:
        notes.append(
            f"other work ran beside while this machine was measured: that took {crowded:.1f} times as long as the processor worked"
        )
    return notes
