"""The climb document: everything the report shows, from stored facts and Runs. Plain JSON; unknown figures are None."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rung.climb.decide import Finish, RungState
from rung.climb.outlook.learning_curve import forecast
from rung.climb.states import states
from rung.json_form import as_json
from rung.rungs.base import rung_named
from rung.rungs.causes import LABELS
from rung.types import Run, Task
from rung.verify.split_size import card

if TYPE_CHECKING:
    from rung.climb.steps import Climb

STATES = {"pass": "passed", "fail": "failed", "undecided": "undecided"}
CASES_SHOWN = 8


def document(climb: Climb, end: Finish, *, every: bool) -> dict[str, Any]:
    """The document of a finished climb."""
    runs, record = _dev_runs(climb), climb.record
    registered = record.registered if end.winner else None
    known = states(climb.task, record, every=every)
    rungs = [_rung(climb, state, runs) for state in known]
    return {
        "climb": climb.id,
        "finished": True,
        "name": climb.task.name,
        "version": registered.version if registered else None,
        "started": record.lock.started,
        "seconds": record.seconds,
        "verdict": {
            "status": end.status,
            "sentence": _sentence(climb, end, rungs),
            "winner": registered.candidate if registered else None,
            "rung": end.winner,
        },
        "task": _task(climb.task),
        "card": [
            *card(climb.task, len([rung for rung in record.lock.rungs if not rung.skipped]) + 1),
            *_measured_groups(climb.task, runs),
        ],
        "rungs": rungs,
        "diagnosis": {**record.diagnosis.document, "seconds": record.diagnosis.seconds} if record.diagnosis else None,
        "cheaper": _cheaper(climb),
        "forecast": forecast(climb),
        "notes": [f"{state.name}: {state.skipped}" for state in known if state.skipped],
        "lock": _lock(climb),
        "looks": _looks(climb),
    }


def _measured_groups(task: Task, runs: Mapping[str, Run]) -> list[dict[str, Any]]:
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


def _task(task: Task) -> dict[str, Any]:
    return {
        "name": task.name,
        "digest": task.digest,
        "base": task.base,
        "instruction": task.instruction,
        "bar": as_json(task.quality),
        "guards": [as_json(guard) for guard in task.guards],
        "limits": as_json(task.limits),
        "alpha": task.alpha,
        "consequence": task.consequence,
        "seed": task.seed,
        "rows": {name: len(task.split(name)) for name in ("train", "dev", "gate")},
        "path": task.path,
    }


def _lock(climb: Climb) -> dict[str, Any]:
    lock = climb.record.lock
    return {
        "task": lock.task,
        "data": lock.data,
        "base": lock.base.pinned,
        "template": lock.base.template,
        "packages": lock.environment["packages"] | {"rung": lock.environment["rung"]},
        "seed": lock.environment["seed"],
        "hardware": lock.environment["hardware"],
        "repeat": f"rung climb {climb.task.path}",
    }


def _looks(climb: Climb) -> list[dict[str, Any]]:
    looks = climb.home.looks.of(climb.task.digest)
    return [{"candidate": look.candidate, "rung": climb.home.candidates.get(look.candidate).rung, "n": look.n} for look in looks]


def _cheaper(climb: Climb) -> list[dict[str, Any]]:
    return [
        {
            "name": tried.name,
            "id": tried.candidate,
            "verdict": as_json(tried.judged.verdict),
            "artefact_bytes": tried.artefact_bytes,
            "part_added": tried.part_added,
            "held": tried.held,
            "kept": tried == climb.record.kept(tried.rung),
        }
        for tried in climb.record.tried
        if tried.rung in climb.record.simplified
    ]


def _rung(climb: Climb, state: RungState, runs: Mapping[str, Run]) -> dict[str, Any]:
    rung, record = rung_named(state.name), climb.record
    built, dev, gate = record.built.get(state.name), record.measured.get(state.name), record.judged.get(state.name)
    records = {
        kind: [dict(told) for told in built.recorded(kind)] if built else []
        for kind in ("trial", "finding", "retrieval", "history")
    }
    return {
        "rung": state.name,
        "title": rung.title,
        "state": _state(state),
        "reason": state.skipped or (gate.verdict.reason if gate else state.exempt or "a cheaper rung passed"),
        "candidate": built.candidate if built else None,
        "alpha": record.lock.rung(state.name).alpha,
        "verdict": as_json(gate.verdict) if gate else None,
        "guards": [as_json(guard) for guard in gate.guards] if gate else [],
        "dev": {"mean": dev.mean, "n": dev.n} if dev else None,
        "trials": records["trial"],
        "build_s": built.seconds if built else None,
        "gate_s": gate.seconds if gate else None,
        **_costs(runs.get(state.name)),
        "artefact_bytes": built.artefact_bytes if built else None,
        "undo": rung.undo,
        "settings": dict(climb.task.settings.get(state.name, {})),
        "findings": records["finding"],
        "retrieval": next(iter(records["retrieval"]), None),
        "history": records["history"],
        **_changes(climb, state.name, runs),
    }


def _state(state: RungState) -> str:
    if state.skipped:
        return "skipped"
    return STATES[state.status] if state.status else "not_tried"


def _dev_runs(climb: Climb) -> dict[str, Run]:
    """Each built rung's Run on dev, the split whose rows may be shown."""
    found = {}
    for name in climb.record.lock.names:
        if dev := climb.record.measured.get(name):
            found[name] = climb.home.runs.get(dev.run)
    return found


def _costs(run: Run | None) -> dict[str, Any]:
    """Latency, tokens and cost of an answer, over the dev rows; None where the backend did not say."""
    answers = [row.answer for row in run.rows] if run else []
    latencies = sorted(answer.latency_s for answer in answers if answer.latency_s is not None)
    cost = _mean([answer.cost_usd for answer in answers])
    return {
        "latency_p50_s": _quantile(latencies, 0.5),
        "latency_p95_s": _quantile(latencies, 0.95),
        "prompt_tokens": _mean([answer.prompt_tokens for answer in answers]),
        "completion_tokens": _mean([answer.completion_tokens for answer in answers]),
        "cost_usd_per_1k": cost * 1000 if cost is not None else None,
    }


def _mean(figures: Sequence[float | None]) -> float | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) / len(known) if known else None


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The least figure that this share of them does not exceed, which is what the gate asks of the limit on latency."""
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)] if ordered else None


def _changes(climb: Climb, rung: str, runs: Mapping[str, Run]) -> dict[str, Any]:
    """Dev rows that this rung got right and the one below did not, and the other way round: some of them, and how many in all."""
    order = list(runs)
    if rung not in runs or order.index(rung) == 0:
        return {"fixed": [], "broke": [], "fixed_total": 0, "broke_total": 0}
    below, here = runs[order[order.index(rung) - 1]], runs[rung]
    examples = {row.id: row for row in climb.task.split("dev")}
    fixed: list[dict[str, Any]] = []
    broke: list[dict[str, Any]] = []
    for before, after in zip(below.rows, here.rows, strict=True):
        old, new = before.scores["quality"].value, after.scores["quality"].value
        if old is None or new is None or old == new:
            continue
        example = examples[after.example]
        case = {
            "example": example.id,
            "question": _question(example.messages),
            "target": example.target,
            "before": before.answer.text,
            "after": after.answer.text,
        }
        (fixed if new > old else broke).append(case)
    totals = {"fixed_total": len(fixed), "broke_total": len(broke)}
    return {"fixed": fixed[:CASES_SHOWN], "broke": broke[:CASES_SHOWN], **totals}


def _question(messages: Sequence[Mapping[str, Any]]) -> str:
    """The last thing the user said."""
    asked = [str(message.get("content", "")) for message in messages if message.get("role") == "user"]
    return asked[-1] if asked else ""


def _kept(climb: Climb, rung: str) -> str:
    """What was registered, where it is not the rung's own Candidate."""
    kept = climb.record.kept(rung)
    return f" It passes {kept.name} too: that is what is registered." if kept else ""


def _missing(climb: Climb) -> str:
    """What the diagnosis says, where it is that no rung can help."""
    found = climb.record.diagnosis
    return f" {found.sentence}" if found and found.cause == LABELS.name else ""


def _sentence(climb: Climb, end: Finish, rungs: Sequence[Mapping[str, Any]]) -> str:
    task = climb.task
    if end.status == "pass" and end.winner:
        won = next(rung for rung in rungs if rung["rung"] == end.winner)
        verdict = won["verdict"]
        bar = f"the bar of {task.quality.at_least:.1%}" if task.quality.at_least is not None else "its bar"
        return (
            f"Ship the {won['title']}: {verdict['estimate']:.1%} on {verdict['n']} gate rows, {bar} passed at a chance of at most "
            f"{task.alpha:.1%} that any rung of this climb passes wrongly.{_kept(climb, end.winner)}"
        )
    tried = [rung for rung in rungs if rung["verdict"]]
    scored = [rung for rung in tried if rung["verdict"]["estimate"] is not None]
    best = max(scored, key=lambda rung: rung["verdict"]["estimate"], default=None)
    told = f" The best was the {best['title']} with {best['verdict']['estimate']:.1%}." if best else ""
    told += _missing(climb)
    if end.status == "fail":
        return f"No rung passes: every one that was tried is shown to be below the bar.{told}"
    needed = [rung["verdict"]["needed"] for rung in tried if rung["verdict"]["needed"]]
    more = f" About {min(needed)} more gate labels could decide it." if needed else ""
    return f"Undecided: no rung is shown to pass.{told}{more}"
