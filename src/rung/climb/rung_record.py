"""What the climb document says of one rung, from its stored facts and its Run on dev."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from rung.climb.decide import RungState
from rung.climb.facts import Judged, Measured
from rung.climb.more_labels import more_labels
from rung.json_form import as_json, from_json
from rung.registry.documents import Change, DevScore, Found, Raced, RungRecord, TrainingStep, Trial
from rung.registry.documents import RungState as Standing
from rung.rungs.base import Recorded, rung_named
from rung.types import Answer, Example, Finding, Run, Task
from rung.verify.classes import class_table
from rung.verify.missing import remarks

if TYPE_CHECKING:
    from rung.climb.steps import Climb

STATES: Mapping[str, Standing] = {"pass": "passed", "fail": "failed", "undecided": "undecided"}
CASES_SHOWN = 8
# What a record may leave out, and what that says.
ABSENT: Mapping[type, Mapping[str, None]] = {Trial: {"prompt": None, "calls": None, "of": None}}
T = TypeVar("T")


def rung_record(climb: Climb, state: RungState, runs: Mapping[str, Run]) -> RungRecord:
    """What a rung showed and took; `runs` are the Runs on dev of the rungs that were built, cheapest first."""
    rung, record = rung_named(state.name), climb.record
    built, dev, gate = record.built.get(state.name), record.measured.get(state.name), record.judged.get(state.name)
    records = built.records if built else ()
    answers = [row.answer for row in runs[state.name].rows] if state.name in runs else []
    served = climb.task.base_reference.is_server
    waits = _known(answer.latency_s for answer in answers) if served else gate.waits_s if gate else ()
    cost = _mean([answer.cost_usd for answer in answers])
    fixed, broke = _changes(climb.task, state.name, runs)
    return RungRecord(
        rung=state.name,
        title=rung.title,
        state=_standing(state),
        reason=state.skipped or (_reason(gate) if gate else state.exempt or "a cheaper rung passed"),
        candidate=built.candidate if built else None,
        alpha=gate.alpha if gate else None,
        verdict=gate.verdict if gate else None,
        guards=gate.guards if gate else (),
        broken=_broken(gate) if gate else "",
        dev=_dev_score(climb.task, dev) if dev else None,
        trials=_of_kind(records, "trial", Trial),
        build_s=built.seconds if built else None,
        gate_s=gate.seconds if gate else None,
        answer_s=None if served else _mean([answer.latency_s for answer in answers]),
        wait_p50_s=quantile(waits, 0.5),
        wait_p95_s=quantile(waits, 0.95),
        prompt_tokens=_mean([answer.prompt_tokens for answer in answers]),
        completion_tokens=_mean([answer.completion_tokens for answer in answers]),
        cost_usd_per_1k=cost * 1000 if cost is not None else None,
        artefact_bytes=built.artefact_bytes if built else None,
        undo=rung.undo,
        settings=dict(climb.task.settings.get(state.name, {})),
        findings=_of_kind(records, "finding", Finding),
        retrieval=next(iter(_of_kind(records, "retrieval", Found)), None),
        history=_of_kind(records, "history", TrainingStep),
        fixed=tuple(fixed[:CASES_SHOWN]),
        broke=tuple(broke[:CASES_SHOWN]),
        fixed_total=len(fixed),
        broke_total=len(broke),
        classes=class_table(climb.task, runs[state.name]) if state.name in runs else None,
        remarks=remarks(answers),
        raced=next(iter(_of_kind(records, "raced", Raced)), None),
        more_labels=more_labels(climb, state.name),
    )


def _reason(gate: Judged) -> str:
    broken = _broken(gate)
    return f"{gate.verdict.reason}; {broken}" if broken else gate.verdict.reason


def _broken(gate: Judged) -> str:
    """What a rung broke that is not below the bar: which limits and guards, and by how much; "" where none."""
    if gate.verdict.status == "fail":
        return ""
    broken = [f"'{verdict.name}': {verdict.reason}" for verdict in gate.guards if verdict.status == "fail"]
    quality = "passed quality and broke" if gate.verdict.status == "pass" else "broke, before quality was decided,"
    return f"{quality} {', and '.join(broken)}" if broken else ""


def _dev_score(task: Task, dev: Measured) -> DevScore:
    return DevScore(mean=dev.mean, n=dev.n, unit="share" if task.quality.other else task.quality.unit)


def _standing(state: RungState) -> Standing:
    if state.skipped:
        return "skipped"
    return STATES[state.status] if state.status else "not_tried"


def _of_kind(records: Sequence[Recorded], kind: str, noun: type[T]) -> tuple[T, ...]:
    """What a rung recorded of one kind while it was built."""
    told = [record.figures for record in records if record.kind == kind]
    return tuple(from_json(noun, as_json({**ABSENT.get(noun, {}), **figures})) for figures in told)


def _known(figures: Iterable[float | None]) -> list[float]:
    return [figure for figure in figures if figure is not None]


def _mean(figures: Iterable[float | None]) -> float | None:
    known = _known(figures)
    return sum(known) / len(known) if known else None


def quantile(figures: Sequence[float], share: float) -> float | None:
    """The least figure that this share of them does not exceed, which is what a limit on it asks; None of none."""
    ordered = sorted(figures)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)] if ordered else None


def _changes(task: Task, rung: str, runs: Mapping[str, Run]) -> tuple[list[Change], list[Change]]:
    """Dev rows that this rung got right and the one below did not, and the other way round."""
    order = list(runs)
    if rung not in runs or order.index(rung) == 0:
        return [], []
    below, here = runs[order[order.index(rung) - 1]], runs[rung]
    examples = {row.id: row for row in task.split("dev")}
    fixed: list[Change] = []
    broke: list[Change] = []
    for before, after in zip(below.rows, here.rows, strict=True):
        old, new = before.scores["quality"].value, after.scores["quality"].value
        if old is None or new is None or old == new:
            continue
        change = _change(examples[after.example], before.answer, after.answer)
        (fixed if new > old else broke).append(change)
    return fixed, broke


def _change(example: Example, before: Answer, after: Answer) -> Change:
    question = _question(example.messages)
    return Change(example=example.id, question=question, target=example.target, before=before.text, after=after.text)


def _question(messages: Sequence[Mapping[str, Any]]) -> str:
    """The last thing the user said."""
    asked = [str(message.get("content", "")) for message in messages if message.get("role") == "user"]
    return asked[-1] if asked else ""
