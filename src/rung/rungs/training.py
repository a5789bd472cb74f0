"""What an adapter and a full fine-tune have in common: where training starts, the rows it learns from, how it is stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import BaseModel, create_model

from rung import plugins
from rung.engine.backend import adapter_uses
from rung.json_form import as_json
from rung.parts import Retrieval, Span
from rung.rungs.asks import Answers, Ask, Foreseen, Training, all_of
from rung.rungs.base import BuildContext, Rung, longest_answer, rung_named
from rung.rungs.checkpoints import CheckpointRace, earned_rows
from rung.rungs.learnt_rows import said_of
from rung.rungs.traces import call_rows, traces
from rung.types import Candidate, Example, Finding, Task
from rung.verify.choosing import shares_of_run

if TYPE_CHECKING:
    from rung.engine.retrieval.retriever import Retriever
    from rung.train.config import TrainConfig
    from rung.train.loop import Trained
    from rung.train.rows import TrainRow

Settings = TypeVar("Settings", bound=BaseModel)
# How many times as long a pass over a token takes with an adapter on every linear module of a base of 135 million weights.
WITH_ADAPTER = 1.3


def train_rows(task: Task, candidate: Candidate, examples: Sequence[Example], retriever: Retriever | None = None) -> list[TrainRow]:
    """What the candidate will be asked, rendered as the evaluation will, with the ideal answer beside it.

    `retriever` is the candidate's own, opened: the rows then carry the documents that serving will.
    """
    from rung.engine.answer import compose
    from rung.train.rows import TrainRow
    from rung.verify.scoring import target_text

    bare = replace(candidate, demonstrations=None)
    return [
        TrainRow(
            messages=compose(bare, example, retriever=retriever).messages, tools=example.tools, answer=target_text(task, example)
        )
        for example in examples
    ]


def worth_keeping(parent: Candidate | None, context: BuildContext, dev_rows: int) -> Retrieval | None:
    """The parent's retrieval, where the parent does better with it on dev by more than a standard error; else None."""
    if parent is None or parent.retrieval is None:
        return None
    from rung.verify.stats.select import one_standard_error

    both = (replace(parent, retrieval=None), parent)
    tried = [shares_of_run(context.task, context.measure(candidate, "dev", dev_rows)) for candidate in both]
    best = one_standard_error([(cost, shares.values) for cost, shares in enumerate(tried)], tried[0].groups)
    return (None, parent.retrieval)[best]


def with_method(kind: type[Settings], given: Mapping[str, Any]) -> type[Settings]:
    """A rung's settings, and those of the kind of adapter that they name; without any of these, the rung's own say all.

    Where the name itself is wrong, which its own check will say, the settings of no kind are taken for unknown.
    """
    if not given.keys() - kind.model_fields.keys() - {"skip"}:
        return kind
    from rung.train.method import method_of

    name, known = given.get("method", kind.model_fields["method"].default), plugins.names("adapter_kinds")
    bases: tuple[type[BaseModel], ...] = (kind, *(method_of(each).Config for each in ((name,) if name in known else known)))
    return cast(type[Settings], create_model(kind.__name__, __base__=bases))


def train_config(task: Task, config: BaseModel, **named: str) -> TrainConfig:
    """The training that a rung's settings ask for. `named` are the method and the objective, where the settings do not say them."""
    from rung.train.config import TrainConfig

    settings = config.model_dump(exclude_none=True, exclude={"dev_rows", "train_rows"})
    return TrainConfig.read({**named, **settings, "seed": task.seed, "too_long": "drop"}, task.path)


def usual_rate(rung: Rung) -> float:
    """The learning rate's peak of a rung that trains weights, where its settings say none."""
    from rung.train.method import method_of

    method: str = getattr(rung.module, "METHOD", None) or rung.module.Config().method
    return float(method_of(method).LEARNING_RATE)


def foresee_training(
    rung: str, task: Task, parent: Candidate | None, context: BuildContext, training: TrainConfig, dev_rows: int
) -> Foreseen:
    """Training on what the rung learns from, and dev each time that its score may end it; documents tried first, where they are."""
    from rung.train.schedule import dev_steps

    retrieval = parent.retrieval if parent else None
    start = _start(rung, task, parent, context, retrieval)
    learnt, dev = len(rung_named(rung).learnt(task)), min(dev_rows, len(task.split("dev")))
    steps_per_epoch = math.ceil(learnt / training.batch_rows)
    steps = max(1, math.ceil(training.epochs * steps_per_epoch))
    turns = len(dev_steps(steps, steps_per_epoch, training.dev_every))
    most = earned_rows(learnt * training.epochs, turns, dev)
    asks: list[Ask] = []
    if parent and retrieval:
        both = [("without documents", replace(parent, retrieval=None)), ("with documents", parent)]
        asks += all_of(both, dev)
    adapter = training.method in plugins.names("adapter_kinds")
    heavier = WITH_ADAPTER if adapter else 1.0
    asks.append(Training(what=f"training ({training.method})", candidate=start, training=training, rows=learnt))
    # Of what they may ask, races ask so much (simulated: benchmarks/checkpoints.py).
    rows = Span(least=0.3 * most, expected=0.7 * most, most=most).times(1 / turns)
    asks.append(Answers(what="checkpoints", candidate=start, rows=rows, times=turns, kept=False, heavier=heavier, made=rung))
    return Foreseen(asks=tuple(asks), likely=start, adapter=adapter, heavier=heavier, made=rung)


def training_start(rung: str, task: Task, parent: Candidate | None, context: BuildContext, dev_rows: int) -> Candidate:
    """The user's own instruction on the base: demonstrations and generated instructions of the rung below become weights.

    What is not learnt stays: the output's constraint, tools, and documents where they are worth keeping on dev.
    """
    return _start(rung, task, parent, context, worth_keeping(parent, context, dev_rows))


def _start(rung: str, task: Task, parent: Candidate | None, context: BuildContext, retrieval: Retrieval | None) -> Candidate:
    backend = context.runtime.backend_for(task.base)
    return Candidate(
        rung=rung,
        base=backend.reference,
        template=backend.template,
        adapters=task.base_adapters,
        prompt=task.instruction,
        constraint=parent.constraint if parent else None,
        retrieval=retrieval,
        tools=parent.tools if parent else None,
        max_tokens=parent.max_tokens if parent else longest_answer(task),
        parent=parent.id if parent else None,
    )


def fine_tune(
    task: Task,
    start: Candidate,
    training: TrainConfig,
    freeze: Callable[[Candidate, str], Candidate],
    context: BuildContext,
    *,
    dev_rows: int,
    parent: Candidate | None = None,
) -> Candidate:
    """Train `start` on what its rung learns from, early-stopped by what the quality bar is on, over `dev_rows` of dev.

    `freeze(start, digest)` names the trained files in a Candidate. Without a train row that shows how its tools are called
    (`parent` finds none), it is trained without tools.
    """
    from rung.engine.local.model import trainable_model
    from rung.train.loop import train

    backend = context.runtime.backend_for(task.base)
    rows = rung_named(start.rung).learnt(task)
    if told := said_of(task, start.rung, len(rows)):
        context.progress.note(told)
        context.record("finding", as_json(Finding(check="train rows", severity="info", message=told, count=len(rows))))
    start, taught = _taught(task, start, context, parent or start, rows)

    dev = CheckpointRace(lambda folder: freeze(start, context.blobs.put_tree(folder)), context, dev_rows)
    facts: dict[str, Any] = {"base": start.base, "template": start.template, "task": task.digest, "prompt": start.prompt}
    facts |= {"base_adapters": list(task.base_adapters)} if task.base_adapters else {}
    below = adapter_uses(task.base_adapters, context.blobs)
    trained: Trained = train(
        trainable_model(backend).under(below),
        taught,
        training,
        work=context.work,
        dev=dev,
        progress=context.progress,
        facts=facts,
    )
    for line in trained.history:
        context.record("history", line)
    context.record("training", {"tokens": trained.tokens, "rows": trained.rows, "dropped": trained.dropped})
    for checkpoint in dev.kept():
        context.record("checkpoint", as_json(checkpoint))
    context.progress.note(f"the checkpoints were asked {dev.asked:,} of {dev.of:,} dev answers; the rest would take too long")
    return freeze(start, context.blobs.put_tree(trained.folder))


def _taught(
    task: Task, start: Candidate, context: BuildContext, caller: Candidate, rows: Sequence[Example]
) -> tuple[Candidate, list[TrainRow]]:
    """What is trained, and the rows that it learns from: with tools also the calls that `caller` makes, where it makes any."""
    retriever = context.runtime.retriever(start)
    if start.tools:
        if shown := traces(rows, caller, context):
            return start, call_rows(task, rows, start, shown, retriever)
        context.progress.note("no train row shows how the tools are called: training without them")
        start = replace(start, tools=None)
    return start, train_rows(task, start, rows, retriever)
