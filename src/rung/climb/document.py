"""The climb document of a finished climb, from its stored facts and Runs. Unknown figures are None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.climb.decide import Finish
from rung.climb.ledger import ledger_of, locked_rows, plan_of
from rung.climb.outlook.learning_curve import forecast
from rung.climb.outlook.telling import took
from rung.climb.rung_record import rung_record
from rung.climb.sentence import second_try, sentence
from rung.climb.states import states
from rung.json_form import as_json
from rung.registry.documents import (
    CardLine,
    CheaperForm,
    ClimbDocument,
    ClimbVerdict,
    Lock,
    LockedTask,
    Look,
)
from rung.types import Run, Task
from rung.verify.near_misses.words import trial_lines
from rung.verify.split_size import card

if TYPE_CHECKING:
    from rung.climb.steps import Climb


def document(climb: Climb, end: Finish, *, every: bool) -> ClimbDocument:
    """The document of a finished climb."""
    runs, record = _dev_runs(climb), climb.record
    registered = record.registered if end.winner else None
    known = states(climb.task, record, every=every)
    rungs = tuple(rung_record(climb, state, runs) for state in known)
    ledger = ledger_of(climb)
    return ClimbDocument(
        climb=climb.id,
        name=climb.task.name,
        version=registered.version if registered else None,
        started=record.lock.started,
        seconds=record.seconds,
        verdict=ClimbVerdict(
            status=end.status,
            sentence=sentence(climb, end, rungs, ledger),
            winner=registered.candidate if registered else None,
            rung=end.winner,
        ),
        task=_task(climb.task),
        card=tuple(_card_line(line) for line in (*_card(climb), *_measured_groups(climb.task, runs))),
        trials=tuple(_card_line(line) for line in trial_lines(climb.task)),
        findings=record.lock.findings,
        rungs=rungs,
        diagnosis=record.diagnosis.record if record.diagnosis else None,
        cheaper=_cheaper(climb),
        forecast=forecast(climb),
        notes=tuple(f"{state.name}: {state.skipped}" for state in known if state.skipped),
        lock=_lock(climb),
        ledger=ledger,
        second_try=second_try(climb.task, rungs, ledger).strip() if end.status == "undecided" else "",
        took=took(record),
        looks=_looks(climb),
    )


def _card(climb: Climb) -> Sequence[Mapping[str, Any]]:
    return card(climb.gate_task, plan_of(climb))


def _card_line(line: Mapping[str, Any]) -> CardLine:
    return CardLine(text=line["text"], figures={key: value for key, value in line.items() if key != "text"})


def _measured_groups(task: Task, runs: Mapping[str, Run]) -> list[Mapping[str, Any]]:
    """Where rows come in groups: what they are worth by the scores of the last rung on dev."""
    from rung.verify.stats.bounds import design_effect
    from rung.verify.stats.card import measured_line
    from rung.verify.stats.clusters import labels

    scored = [(name, row.scores["quality"].value, row.group) for name, run in runs.items() for row in run.rows]
    last = [(value, group) for name, value, group in scored if name == list(runs)[-1] and value is not None]
    of = labels([group for _, group in last])
    if len(set(of)) < 2 or len(set(of)) == len(of):
        return []
    return [measured_line(len(task.split("test")), design_effect([value for value, _ in last], of), list(runs)[-1])]


def _task(task: Task) -> LockedTask:
    return LockedTask(
        name=task.name,
        digest=task.digest,
        base=task.base_name or task.base,
        instruction=task.instruction,
        bar=task.quality,
        guards=task.guards,
        limits=task.limits,
        alpha=task.alpha,
        consequence=task.consequence,
        seed=task.seed,
        rows={name: len(task.split(name)) for name in ("train", "dev", "test")},
        path=task.path,
    )


def _lock(climb: Climb) -> Lock:
    lock = climb.record.lock
    return Lock(
        task=lock.task,
        data=lock.data,
        base=lock.base.pinned,
        template=lock.base.template,
        packages=lock.environment["packages"] | {"rung": lock.environment["rung"]},
        seed=lock.environment["seed"],
        hardware=lock.environment["hardware"],
        repeat=f"rung climb {climb.task.path}",
        server=as_json(lock.server) if lock.server else None,
    )


def _looks(climb: Climb) -> tuple[Look, ...]:
    home = climb.home
    return tuple(
        Look(
            candidate=look.candidate,
            rung=home.candidates.get(look.candidate).rung,
            n=look.n,
            task=home.tasks.get(look.task).name,
        )
        for look in home.looks.at(locked_rows(climb.gate_task))
    )


def _cheaper(climb: Climb) -> tuple[CheaperForm, ...]:
    return tuple(
        CheaperForm(
            name=tried.name,
            id=tried.candidate,
            verdict=tried.judged.verdict,
            artefact_bytes=tried.artefact_bytes,
            part_added=tried.part_added,
            held=tried.held,
            kept=tried == climb.record.kept(tried.rung),
        )
        for tried in climb.record.tried
        if tried.rung in climb.record.simplified
    )


def _dev_runs(climb: Climb) -> dict[str, Run]:
    """Each built rung's Run on dev, the split whose rows may be shown."""
    found = {}
    for name in climb.record.lock.names:
        if dev := climb.record.measured.get(name):
            found[name] = climb.home.runs.get(dev.run)
    return found
