"""The climb document of a finished climb, from its stored facts and Runs. Unknown figures are None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.climb.decide import Finish
from rung.climb.outlook.learning_curve import forecast
from rung.climb.rung_record import rung_record
from rung.json_form import from_json
from rung.registry.documents import (
    CardLine,
    CheaperForm,
    ClimbDocument,
    ClimbVerdict,
    DiagnosisRecord,
    Lock,
    LockedTask,
    Look,
    RungRecord,
)
from rung.types import Run, Task, Verdict
from rung.verify.split_size import card

if TYPE_CHECKING:
    from rung.climb.session import Session


def document(session: Session, end: Finish) -> ClimbDocument:
    """The document of a finished climb."""
    runs = _dev_runs(session)
    registered = session.facts.get("registered") if end.winner else None
    lock = session.facts["lock"]
    shares = len([reason for reason in lock["skipped"].values() if not reason]) + 1
    rungs = tuple(rung_record(session, state, runs) for state in session.states())
    found = session.facts.get("diagnosis")
    return ClimbDocument(
        climb=session.id,
        name=session.task.name,
        version=registered["version"] if registered else None,
        started=lock["started"],
        seconds=session.seconds,
        verdict=ClimbVerdict(
            status=end.status,
            sentence=_sentence(session, end, rungs),
            winner=registered["candidate"] if registered else None,
            rung=end.winner,
        ),
        task=_task(session.task),
        card=tuple(_card_line(line) for line in (*card(session.task, shares), *_measured_groups(session.task, runs))),
        findings=session.task.findings,
        rungs=rungs,
        diagnosis=from_json(DiagnosisRecord, found) if found else None,
        cheaper=_cheaper(session),
        forecast=forecast(session),
        notes=tuple(f"{state.name}: {state.skipped}" for state in session.states() if state.skipped),
        lock=_lock(session),
        looks=_looks(session),
    )


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
    return [measured_line(len(task.split("gate")), design_effect([value for value, _ in last], of), list(runs)[-1])]


def _task(task: Task) -> LockedTask:
    return LockedTask(
        name=task.name,
        digest=task.digest,
        base=task.base,
        instruction=task.instruction,
        bar=task.quality,
        guards=task.guards,
        limits=task.limits,
        alpha=task.alpha,
        consequence=task.consequence,
        seed=task.seed,
        rows={name: len(task.split(name)) for name in ("train", "dev", "gate")},
        path=task.path,
    )


def _lock(session: Session) -> Lock:
    lock = session.facts["lock"]
    return Lock(
        task=lock["task"],
        data=lock["data"],
        base=lock["base"]["pinned"],
        template=lock["base"]["template"],
        packages=lock["environment"]["packages"] | {"rung": lock["environment"]["rung"]},
        seed=lock["environment"]["seed"],
        hardware=lock["environment"]["hardware"],
        repeat=f"rung climb {session.task.path}",
    )


def _looks(session: Session) -> tuple[Look, ...]:
    looks = session.home.looks.of(session.task.digest)
    return tuple(Look(candidate=look.candidate, rung=session.home.candidates.get(look.candidate).rung, n=look.n) for look in looks)


def _cheaper(session: Session) -> tuple[CheaperForm, ...]:
    facts = [fact for key, fact in session.facts.items() if key.startswith("cheaper/")]
    return tuple(
        CheaperForm(
            name=tried["name"],
            id=tried["id"],
            verdict=from_json(Verdict, tried["verdict"]),
            artefact_bytes=tried["artefact_bytes"],
            part_added=tried["part_added"],
            held=tried["status"] == "pass",
            kept=tried["id"] == fact.get("id"),
        )
        for fact in facts
        for tried in fact["tries"]
    )


def _dev_runs(session: Session) -> dict[str, Run]:
    """Each built rung's Run on dev, the split whose rows may be shown."""
    found = {}
    for name in session.facts["lock"]["skipped"]:
        if dev := session.facts.get(f"dev/{name}"):
            found[name] = session.home.runs.get(dev["run"])
    return found


def _kept(session: Session, rung: str) -> str:
    """What was registered, where it is not the rung's own Candidate."""
    cheaper = session.facts.get(f"cheaper/{rung}", {})
    return f" It passes {cheaper['name']} too: that is what is registered." if cheaper.get("status") == "pass" else ""


def _missing(session: Session) -> str:
    """What the diagnosis says, where it is that no rung can help."""
    found = session.facts.get("diagnosis", {})
    return f" {found['sentence']}" if found.get("cause") == "labels" else ""


def _sentence(session: Session, end: Finish, rungs: Sequence[RungRecord]) -> str:
    task = session.task
    won = next((rung for rung in rungs if rung.rung == end.winner), None)
    if end.status == "pass" and won and won.verdict:
        bar = f"the bar of {task.quality.at_least:.1%}" if task.quality.at_least is not None else "its bar"
        return (
            f"Ship the {won.title}: {won.verdict.estimate:.1%} on {won.verdict.n} gate rows, {bar} passed at a chance of at most "
            f"{task.alpha:.1%} that any rung of this climb passes wrongly.{_kept(session, won.rung)}"
        )
    verdicts = {rung.title: rung.verdict for rung in rungs if rung.verdict}
    scored = {title: verdict.estimate for title, verdict in verdicts.items() if verdict.estimate is not None}
    best = max(scored, key=lambda title: scored[title], default=None)
    more = f" The best was the {best} with {scored[best]:.1%}." if best else ""
    more += _missing(session)
    if end.status == "fail":
        return f"No rung passes: every one that was tried is shown to be below the bar.{more}"
    needed = min((verdict.needed for verdict in verdicts.values() if verdict.needed), default=None)
    labels = f" About {needed} more gate labels could decide it." if needed else ""
    return f"Undecided: no rung is shown to pass.{more}{labels}"
