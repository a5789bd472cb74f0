"""Learning curves on nested subsets of train: what more rows would bring, as a forecast that decides nothing.

Each finished subset is a fact of the climb and every answer is cached, so that a curve that was interrupted goes on.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from rung.climb import facts
from rung.climb.outlook.costs import breakeven
from rung.errors import UserError
from rung.registry.forecasts import Ahead, CurvePoint, Expected, Forecast, LabelsNeeded, LearningCurve
from rung.rungs.base import labelled, ladder, longest_answer, mending, rung_named, why_skipped
from rung.rungs.causes import SOLVED
from rung.types import Candidate, Example, Task
from rung.verify.choosing import counted, line_of, shares_of_run
from rung.verify.run import random_order

if TYPE_CHECKING:
    from rung.climb.steps import Climb
    from rung.verify.stats.curve import Curve

SHARES = (0.125, 0.25, 0.5, 1.0)
AHEAD = (2, 4)
# Points of the drawn band, from the smallest subset to the farthest forecast.
DRAWN = 24


def learns(task: Task, rung: str) -> str:
    """Why `rung` has no learning curve on this task, or "" where it has one."""
    return why_skipped(task, rung) if rung_named(rung).learns else "it does not learn from rows"


def learners() -> list[str]:
    """The rungs that learn from rows, the cheapest first."""
    return [rung.name for rung in ladder() if rung.learns]


def draw_curve(climb: Climb, rung: str) -> None:
    """Build `rung` on each nested subset of train and score it on dev; what is known already is not done again.

    The rung's own settings hold for every subset, epochs among them: as many steps per example. Raises UserError for a rung that
    does not learn from rows, or that applies to fewer than two subsets.
    """
    _refuse_unlearning(climb.task, rung)
    # Beyond what the rung learns from a subset would be no larger than the one before.
    used = {row.id for row in rung_named(rung).learnt(climb.task)}
    whole = [row for row in random_order(climb.task, "train") if row.id in used or row.target is None]
    parts = [_subset(climb.task, whole[:rows]) for rows in _sizes(len(whole))]
    reasons = {len(part.split("train")): why_skipped(part, rung) for part in parts}
    able = [part for part in parts if not reasons[len(part.split("train"))]]
    if len(able) < 2:
        rows, reason = next((rows, reason) for rows, reason in reversed(reasons.items()) if reason)
        raise UserError(f"too few train rows for a learning curve of {rung}: with {rows} rows {reason}", where=climb.task.path)
    for part in able:
        if climb.record.point(rung, len(part.split("train"))) is None:
            _measure_subset(climb, rung, part, whole=len(part.split("train")) == len(whole))


def forecast(climb: Climb) -> Forecast | None:
    """All curves and break-evens known so far; None where there are none."""
    curves = tuple(curve for rung in climb.record.lock.names if (curve := _curve(climb, rung)))
    costs = breakeven(climb)
    return Forecast(curves=curves, breakeven=costs) if curves or costs else None


def _sizes(rows: int) -> list[int]:
    return sorted({max(1, math.ceil(share * rows)) for share in SHARES})


def _subset(task: Task, rows: Sequence[Example]) -> Task:
    """The task with these train rows alone. Subsets are prefixes of the seed's order, groups together, so that they nest."""
    return replace(task, examples=(*rows, *task.split("dev"), *task.split("test")))


def _refuse_unlearning(task: Task, rung: str) -> None:
    rung_named(rung)
    if reason := learns(task, rung):
        able = [other.name for other in ladder() if not learns(task, other.name)]
        hint = f"These have one here: {', '.join(able)} (--rung)." if able else "No rung of this task has one."
        raise UserError(f"{rung} has no learning curve: {reason}", where=task.path, hint=hint)


def _measure_subset(climb: Climb, rung: str, part: Task, *, whole: bool) -> None:
    """One point of the curve, stored. That of all rows is the rung's own Candidate, where the climb has built it."""
    rows = len(part.split("train"))
    record = climb.record
    built, dev = record.built.get(rung), record.measured.get(rung)
    if whole and built and dev:
        record.add(facts.CurvePoint(rung=rung, rows=rows, candidate=built.candidate, run=dev.run, seconds=built.seconds))
        return
    started = time.monotonic()
    work = f"curve-{rung}-{rows}"
    context = climb.context(work)
    with climb.progress.stage(f"{rung} on {rows:,} train rows"):
        candidate = rung_named(rung).build(part, _parent(climb, rung), context)
        run = context.measure(candidate, "dev")
    climb.home.candidates.add(candidate, climb.task.digest)
    stored = climb.home.runs.add(run)
    seconds = time.monotonic() - started
    record.add(facts.CurvePoint(rung=rung, rows=rows, candidate=candidate.id, run=stored, seconds=seconds))
    shutil.rmtree(climb.work(work), ignore_errors=True)


def _parent(climb: Climb, rung: str) -> Candidate | None:
    """What the climb's rung builds on; before there is one, the plain instruction with the scorer's constraint."""
    from rung.verify.scoring import scorer_of

    if not rung_named(rung).stacks:
        return None
    if parent := climb.parent(rung):
        return parent
    prompted = mending(SOLVED)
    backend = climb.runtime.backend_for(climb.task.base)
    return Candidate(
        rung=prompted.name if prompted else "",
        base=backend.reference,
        template=backend.template,
        adapters=climb.task.base_adapters,
        prompt=climb.task.instruction,
        constraint=scorer_of(climb.task).constraint(labelled(climb.task)),
        max_tokens=longest_answer(climb.task),
    )


def _curve(climb: Climb, rung: str) -> LearningCurve | None:
    """A rung's fitted curve with its band and what it says of the bar; None with fewer than two subsets or no scored row."""
    from rung.verify.stats.curve import describe, fit_curve

    points = sorted((point for point in climb.record.points if point.rung == rung), key=lambda point: point.rows)
    if len(points) < 2:
        return None
    shares = [shares_of_run(climb.task, climb.home.runs.get(point.run)) for point in points]
    tables = [dict(zip(seen.ids, seen.values, strict=True)) for seen in shares]
    dev = counted(climb.task, climb.task.split("dev"))
    # The scores are paired: a row without a score on one subset is left out of all.
    scored = [row for row in dev if all(table.get(row.id) is not None for table in tables)]
    if not scored:
        return None
    curve = fit_curve(
        [point.rows for point in points],
        [[float(table[row.id] or 0.0) for row in scored] for table in tables],
        [row.group for row in scored],
        seed=climb.task.seed,
    )
    bar, by = line_of(climb.task), shares[-1].by
    labels = curve.labels_for(bar) if bar is not None else None
    return LearningCurve(
        rung=rung,
        title=rung_named(rung).title,
        n=curve.items,
        clusters=curve.clusters,
        missing=len(dev) - len(scored),
        level=curve.level,
        points=tuple(CurvePoint(rows=rows, mean=mean) for rows, mean in zip(curve.sizes, curve.means, strict=True)),
        ahead=tuple(Ahead(times=times, **asdict(curve.at(times * curve.sizes[-1]))) for times in AHEAD),
        band=_band(curve),
        bar=bar,
        labels=LabelsNeeded(**asdict(labels), futile=labels.futile) if labels else None,
        doubt=curve.doubt,
        sentence=". ".join(part for part in (describe(curve, labels) if labels else "", by and f"the curve is of {by}") if part),
    )


def _band(curve: Curve) -> tuple[Expected, ...]:
    first, last = curve.sizes[0], AHEAD[-1] * curve.sizes[-1]
    steps = {round(first * (last / first) ** (step / (DRAWN - 1))) for step in range(DRAWN)}
    return tuple(Expected(**asdict(curve.at(rows))) for rows in sorted(steps | set(curve.sizes)))
