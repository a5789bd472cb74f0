"""The climb document of a finished climb, from its stored facts and Runs. Unknown figures are None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rung.climb.decide import Finish
from rung.climb.ledger import ledger_of, locked_rows, plan_of
from rung.climb.outlook.learning_curve import forecast
from rung.climb.rung_record import rung_record
from rung.climb.states import states
from rung.registry.documents import (
    CardLine,
    CheaperForm,
    ClimbDocument,
    ClimbVerdict,
    Lock,
    LockedTask,
    Look,
    RungRecord,
)
from rung.rungs.causes import LABELS
from rung.types import Run, Task
from rung.verify.bars import say_of
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
    return ClimbDocument(
        climb=climb.id,
        name=climb.task.name,
        version=registered.version if registered else None,
        started=record.lock.started,
        seconds=record.seconds,
        verdict=ClimbVerdict(
            status=end.status,
            sentence=_sentence(climb, end, rungs),
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
        ledger=ledger_of(climb),
        looks=_looks(climb),
    )


def _card(climb: Climb) -> Sequence[Mapping[str, Any]]:
    plan = plan_of(climb)
    return card(replace(climb.task, alpha=plan.alpha), plan.shares)


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
        for look in home.looks.at(locked_rows(climb.task))
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


def _kept(climb: Climb, rung: str) -> str:
    """What was registered, where it is not the rung's own Candidate."""
    kept = climb.record.kept(rung)
    return f" It passes {kept.name} too: that is what is registered." if kept else ""


def _missing(climb: Climb) -> str:
    """What the diagnosis says, where it is that no rung can help."""
    found = climb.record.diagnosis
    return f" {found.record.sentence}" if found and found.record.cause == LABELS.name else ""


def _measured(task: Task) -> str:
    return f"{task.quality.measured} " if task.quality.measured else ""


def _sentence(climb: Climb, end: Finish, rungs: Sequence[RungRecord]) -> str:
    task = climb.task
    won = next((rung for rung in rungs if rung.rung == end.winner), None)
    if end.status == "pass" and won and won.verdict:
        say = say_of(task.quality)
        bar = f"the bar of {say(task.quality.line)}" if task.quality.other is None else "its bar"
        return (
            f"Ship the {won.title}: {_measured(task)}{say(won.verdict.estimate)} on {won.verdict.n} test rows, {bar} passed "
            f"at a chance of at most {task.alpha:.1%} that any rung of this climb passes wrongly.{_kept(climb, won.rung)}"
        )
    verdicts = {rung.title: rung.verdict for rung in rungs if rung.verdict}
    scored = {title: verdict.estimate for title, verdict in verdicts.items() if verdict.estimate is not None}
    upper = task.quality.at_most is not None
    best = (min if upper else max)(scored, key=lambda title: scored[title], default=None)
    more = f" The best was the {best} with {say_of(task.quality)(scored[best])}." if best else ""
    more += _missing(climb)
    if end.status == "fail":
        return f"No rung passes: every one that was tried is shown to be {'above' if upper else 'below'} the bar.{more}"
    needed = min((verdict.needed for verdict in verdicts.values() if verdict.needed), default=None)
    labels = f" About {needed} more test labels could decide it." if needed else ""
    return f"Undecided: no rung is shown to pass.{more}{labels}"
