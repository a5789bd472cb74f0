"""What a climb's record says of each rung, for `decide`: from typed facts and the task alone."""

from __future__ import annotations

from rung.climb.baselines import baselines_of
from rung.climb.decide import RungState, Step, next_step
from rung.climb.record import Record
from rung.rungs.base import rung_named
from rung.types import Task


def step_after(task: Task, record: Record, *, every: bool) -> Step:
    """What a climb does next. `every` measures rungs that a diagnosis would skip, and those above the first that passes."""
    diagnosed = record.diagnosis is not None or bool(_out_of_budget(task, record))
    return next_step(states(task, record, every=every), every=every, diagnosed=diagnosed)


def states(task: Task, record: Record, *, every: bool) -> list[RungState]:
    """What is known of each rung, the cheapest first."""
    return [_state(task, record, rung, every=every) for rung in record.lock.names]


def _state(task: Task, record: Record, rung: str, *, every: bool) -> RungState:
    baselines = baselines_of(task)
    judged, built, baseline = record.judged.get(rung), rung in record.built, rung in baselines.values()
    skipped = record.lock.rung(rung).skipped
    if not skipped and not built:
        skipped = _out_of_budget(task, record) or ("" if baseline or every else _hopeless(record, rung))
    return RungState(
        name=rung,
        cheap=rung_named(rung).cheap,
        skipped=skipped,
        exempt="it is what the bar compares with" if rung == baselines.get("quality") else "",
        baseline=baseline,
        built=built,
        status=judged.status if judged else None,
        measured=rung in record.measured,
        simplified=rung in record.simplified,
    )


def _out_of_budget(task: Task, record: Record) -> str:
    minutes = task.limits.minutes
    if minutes is not None and record.seconds / 60 >= minutes:
        return f"the {minutes:g} minutes that the task allows were used up"
    return ""


def _hopeless(record: Record, rung: str) -> str:
    """Why the diagnosis says that this rung cannot reach the bar; "" where it does not say so."""
    return record.diagnosis.record.skips.get(rung, "") if record.diagnosis else ""
