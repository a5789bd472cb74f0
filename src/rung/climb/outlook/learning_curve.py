"""Learning curves on nested subsets of train: what more rows would bring, as a forecast that decides nothing.

Each finished subset is a fact of the climb and every answer is cached, so that a curve that was interrupted goes on.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from rung import plugins
from rung.climb.bench import ClimbBench
from rung.climb.outlook.costs import breakeven
from rung.errors import UserError, did_you_mean
from rung.rungs.base import labelled, longest_answer, why_skipped
from rung.types import Candidate, Example, Task
from rung.verify.judge import random_order

if TYPE_CHECKING:
    from rung.climb.session import Session
    from rung.verify.stats.curve import Curve

SHARES = (0.125, 0.25, 0.5, 1.0)
AHEAD = (2, 4)
# Points of the drawn band, from the smallest subset to the farthest forecast.
DRAWN = 24


def learns(task: Task, rung: str) -> str:
    """Why `rung` has no learning curve on this task, or "" where it has one."""
    if not getattr(plugins.load("rungs", rung), "LEARNS", False):
        return "it does not learn from rows"
    return why_skipped(task, rung)


def draw_curve(session: Session, rung: str) -> None:
    """Build `rung` on each nested subset of train and score it on dev; what is known already is not done again.

    The rung's own settings hold for every subset, epochs among them: as many steps per example. Raises UserError for a rung that
    does not learn from rows, or that applies to fewer than two subsets.
    """
    _refuse_unlearning(session.task, rung)
    whole = random_order(session.task, "train")
    parts = [_subset(session.task, whole[:rows]) for rows in _sizes(len(whole))]
    reasons = {len(part.split("train")): why_skipped(part, rung) for part in parts}
    able = [part for part in parts if not reasons[len(part.split("train"))]]
    if len(able) < 2:
        rows, reason = next((rows, reason) for rows, reason in reversed(reasons.items()) if reason)
        raise UserError(f"too few train rows for a learning curve of {rung}: with {rows} rows {reason}", where=session.task.path)
    for part in able:
        if f"curve/{rung}/{len(part.split('train'))}" not in session.facts:
            _measure_subset(session, rung, part, whole=len(part.split("train")) == len(whole))


def forecast(session: Session) -> dict[str, Any] | None:
    """All curves and break-evens known so far, as plain JSON; None where there are none."""
    curves = [told for rung in session.facts["lock"]["skipped"] if (told := _curve(session, rung))]
    costs = breakeven(session)
    return {"curves": curves, "breakeven": costs} if curves or costs else None


def _sizes(rows: int) -> list[int]:
    return sorted({max(1, math.ceil(share * rows)) for share in SHARES})


def _subset(task: Task, rows: Sequence[Example]) -> Task:
    """The task with these train rows alone. Subsets are prefixes of the seed's order, groups together, so that they nest."""
    return replace(task, examples=(*rows, *task.split("dev"), *task.split("gate")))


def _refuse_unlearning(task: Task, rung: str) -> None:
    names = plugins.names("rungs")
    if rung not in names:
        raise UserError(f"no rung is called '{rung}'", mend=did_you_mean(rung, names))
    if reason := learns(task, rung):
        able = [name for name in names if not learns(task, name)]
        mend = f"These have one here: {', '.join(able)} (--rung)." if able else "No rung of this task has one."
        raise UserError(f"{rung} has no learning curve: {reason}", where=task.path, mend=mend)


def _measure_subset(session: Session, rung: str, part: Task, *, whole: bool) -> None:
    """One point of the curve, stored. That of all rows is the rung's own Candidate, where the climb has built it."""
    rows = len(part.split("train"))
    key = f"curve/{rung}/{rows}"
    built, dev = session.facts.get(f"built/{rung}"), session.facts.get(f"dev/{rung}")
    if whole and built and dev:
        session.put(key, {"rows": rows, "id": built["id"], "run": dev["run"], "took_s": built["seconds"]})
        return
    started = time.monotonic()
    work = session.home.path / "climbs" / session.id[:16] / f"curve-{rung}-{rows}"
    bench = ClimbBench(session.task, session.desk, work, session.progress)
    with session.progress.stage(f"{rung} on {rows:,} train rows"):
        candidate = plugins.load("rungs", rung).build(part, _parent(session, rung), bench)
        run = bench.measure(candidate, "dev")
    session.home.candidates.add(candidate, session.task.digest)
    # "took_s", not "seconds": those count towards limits.minutes of the climb.
    fact = {"rows": rows, "id": candidate.id, "run": session.home.runs.add(run), "took_s": time.monotonic() - started}
    session.put(key, fact)
    shutil.rmtree(work, ignore_errors=True)


def _parent(session: Session, rung: str) -> Candidate | None:
    """What the climb's rung builds on; before there is one, the plain instruction with the scorer's constraint."""
    from rung.verify.scoring import scorer_of

    if rung == "r0_linear":
        return None
    if parent := session.parent(rung):
        return parent
    backend = session.desk.backend_for(session.task.base)
    return Candidate(
        rung="r1_prompt",
        base=backend.reference,
        template=backend.template,
        prompt=session.task.instruction,
        constraint=scorer_of(session.task).constraint(labelled(session.task)),
        max_tokens=longest_answer(session.task),
    )


def _curve(session: Session, rung: str) -> dict[str, Any] | None:
    """A rung's fitted curve with its band and what it says of the bar; None with fewer than two subsets or no scored row."""
    from rung.verify.stats.curve import describe, fit_curve

    facts = [fact for key, fact in session.facts.items() if key.startswith(f"curve/{rung}/")]
    points = sorted(facts, key=lambda fact: fact["rows"])
    if len(points) < 2:
        return None
    tables = [{row.example: row.scores["quality"].value for row in session.home.runs.get(point["run"]).rows} for point in points]
    dev = session.task.split("dev")
    # The scores are paired: a row without a score on one subset is left out of all.
    scored = [row for row in dev if all(table.get(row.id) is not None for table in tables)]
    if not scored:
        return None
    curve = fit_curve(
        [point["rows"] for point in points],
        [[float(table[row.id] or 0.0) for row in scored] for table in tables],
        [row.group for row in scored],
        seed=session.task.seed,
    )
    bar = session.task.quality.at_least
    labels = curve.labels_for(bar) if bar is not None else None
    return {
        "rung": rung,
        "title": plugins.load("rungs", rung).TITLE,
        "n": curve.items,
        "clusters": curve.clusters,
        "missing": len(dev) - len(scored),
        "level": curve.level,
        "points": [{"rows": rows, "mean": mean} for rows, mean in zip(curve.sizes, curve.means, strict=True)],
        "ahead": [{"times": times, **asdict(curve.at(times * curve.sizes[-1]))} for times in AHEAD],
        "band": _band(curve),
        "bar": bar,
        "labels": asdict(labels) | {"futile": labels.futile} if labels else None,
        "doubt": curve.doubt,
        "sentence": describe(curve, labels) if labels else "",
    }


def _band(curve: Curve) -> list[dict[str, Any]]:
    first, last = curve.sizes[0], AHEAD[-1] * curve.sizes[-1]
    steps = {round(first * (last / first) ** (step / (DRAWN - 1))) for step in range(DRAWN)}
    return [asdict(curve.at(rows)) for rows in sorted(steps | set(curve.sizes))]
