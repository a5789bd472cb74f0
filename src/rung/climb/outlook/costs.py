"""What the rungs measured so far cost, once and per answer, and where each pair of them breaks even."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING

from rung.climb.outlook.questions import is_trained
from rung.registry.forecasts import Costs, Pair, RungCost, TrafficGiven
from rung.rungs.base import rung_named
from rung.types import Answer, Candidate, Task

if TYPE_CHECKING:
    from rung.climb.steps import Climb
    from rung.verify.stats.breakeven import Cost, Measured, Traffic, Unit


def breakeven(climb: Climb) -> Costs | None:
    """Costs of each rung that was built, and of each pair of them; None with fewer than two."""
    from rung.verify.stats.breakeven import Traffic, break_even, cost_of, unit_of

    measured = [_measured(climb, rung) for rung in climb.record.lock.names if rung in climb.record.measured]
    if len(measured) < 2:
        return None
    traffic = Traffic(**climb.task.traffic)
    unit = unit_of(measured, traffic)
    costs = [cost_of(one, unit, climb.task.prices, traffic) for one in measured]
    return Costs(
        unit=unit,
        traffic=TrafficGiven(**asdict(traffic)),
        rungs=tuple(_cost(one, cost) for one, cost in zip(measured, costs, strict=True)),
        pairs=tuple(Pair(**asdict(break_even(a, b, traffic, seed=climb.task.seed))) for a, b in combinations(costs, 2)),
        notes=tuple(_notes(climb.task, unit, traffic, measured)),
    )


def _measured(climb: Climb, rung: str) -> Measured:
    from rung.verify.stats.breakeven import Measured

    record = climb.record
    built, dev, gate = record.built[rung], record.measured[rung], record.judged.get(rung)
    candidate = climb.candidate(rung)
    answers = {row.example: row.answer for row in climb.home.runs.get(dev.run).rows}
    return Measured(
        name=rung,
        answers=tuple(answers[row.id] for row in climb.task.split("dev")),
        remote=candidate.base_reference.is_server,
        labels=len(rung_named(rung).learnt(climb.task)) if _learnt(candidate, climb.task) else 0,
        making_s=built.seconds + (gate.seconds if gate else 0.0),
        asked=dev.n + (gate.verdict.n if gate else 0),
        groups=tuple(row.group for row in climb.task.split("dev")),
    )


def _learnt(candidate: Candidate, task: Task) -> bool:
    """Whether a Candidate needs the targets of train."""
    return bool(is_trained(candidate, task) or candidate.demonstrations or candidate.calibration)


def _cost(measured: Measured, cost: Cost) -> RungCost:
    prompt, cached, completion = (_mean(measured.answers, key) for key in ("prompt_tokens", "cached_tokens", "completion_tokens"))
    return RungCost(
        rung=measured.name,
        once=None if cost.unknown else cost.once,
        per_answer=cost.per_answer,
        labels=measured.labels,
        making_s=measured.making_s,
        prompt_tokens=prompt,
        cached_share=cached / prompt if prompt and cached is not None else None,
        completion_tokens=completion,
        unknown=cost.unknown,
    )


def _mean(answers: Sequence[Answer], key: str) -> float | None:
    known = [figure for answer in answers if (figure := getattr(answer, key)) is not None]
    return sum(known) / len(known) if known else None


def _notes(task: Task, unit: Unit, traffic: Traffic, measured: Sequence[Measured]) -> list[str]:
    """What was left out of the reckoning for want of a price, and what it rests on."""
    notes = []
    if unit == "seconds":
        notes.append("in seconds of this machine, since the task file gives no traffic.machine_usd_per_hour")
    if any(one.labels for one in measured) and (unit == "seconds" or traffic.label_usd is None):
        notes.append("the labels that a rung learns from are not counted: " + _why_not(traffic))
    if any(one.remote for one in measured):
        notes.append("of a server's rung the making is what its dev and test answers cost; trials before them are not counted")
        if "cached_input_usd_per_million" not in task.prices:
            notes.append("cached tokens at the full price, since prices.cached_input_usd_per_million is not given")
    if traffic.answers_per_month is None:
        notes.append("in answers, not months, since the task file gives no traffic.answers_per_month")
    return notes


def _why_not(traffic: Traffic) -> str:
    return "traffic.label_usd is not given" if traffic.label_usd is None else "dollars cannot be added to seconds"
