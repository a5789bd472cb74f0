"""How a climb ended, in words: what was proven first, the estimate beside it, and what a second try would cost.

A gate that stops at its first clear look stops where the scores stood high: given a pass, the mean so far is about a point above
the truth. The lower bound is not, so it leads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.climb.decide import Finish
from rung.climb.rung_record import STATES
from rung.registry.documents import Ledger, RungRecord
from rung.registry.forecasts import MoreLabels
from rung.rungs.causes import LABELS
from rung.types import Bar, Task, Verdict
from rung.verify.alpha import rows_at, weight
from rung.verify.bars import say_of

if TYPE_CHECKING:
    from rung.climb.steps import Climb


def sentence(climb: Climb, end: Finish, rungs: Sequence[RungRecord], ledger: Ledger) -> str:
    """The verdict on the whole climb."""
    task = climb.task
    won = next((rung for rung in rungs if rung.rung == end.winner), None)
    if end.status == "pass" and won and won.verdict:
        of = f"{task.quality.measured} " if task.quality.measured else ""
        shown = f"{of}{proven(won.verdict, task.quality)}"
        return f"Ship the {won.title}: {shown}, {_bar(task.quality)} passed, {_chance(ledger)}.{_kept(climb, won.rung)}"
    more = f"{_broken(rungs)}{_best(rungs, task.quality)}{_missing(climb)}"
    if end.status != "fail":
        return f"Undecided: no rung is shown to pass.{more}{second_try(task, rungs, ledger)}"
    side = "below" if task.quality.at_most is None else "above"
    if not any(rung.broken for rung in rungs):
        return f"No rung passes: every one that was tried is shown to be {side} the bar.{more}"
    failed = ", ".join(rung.rung for rung in rungs if rung.verdict and rung.verdict.status == "fail")
    return f"No rung passes{f': {side} the bar {failed}' if failed else ''}.{more}"


def so_far(climb: Climb) -> str:
    """What a climb has found out that something ended before its time: for whoever reads of that, nothing of it is lost."""
    record, bar = climb.record, climb.task.quality
    known = [f"{rung} {STATES[found.status]}, {between(found.verdict, bar)}" for rung, found in record.judged.items()]
    known += [f"{rung} is built" for rung in record.built if rung not in record.judged]
    known += ["what is missing is known"] if record.diagnosis else []
    found = f"so far: {'; '.join(known)}" if known else "nothing was decided so far"
    return f"{found[0].upper()}{found[1:]}. The same command goes on from there"


def proven(verdict: Verdict, bar: Bar) -> str:
    """`at least 92.1% (estimate 94.3% on 312 test rows)`."""
    rows = f"{verdict.n:,} test rows"
    if verdict.estimate is None:
        return f"no estimate on {rows}"
    write = say_of(bar)
    estimate, upper = write(verdict.estimate), bar.at_most is not None
    if (bound := verdict.upper if upper else verdict.lower) is None:
        return f"{estimate} on {rows}"
    ends = f"at most {write(_short_of(bound, bar))}" if upper else f"at least {write(_short_of(bound, bar))}"
    return f"{ends} (estimate {estimate} on {rows})"


def second_try(task: Task, rungs: Sequence[RungRecord], ledger: Ledger) -> str:
    """What more labels would do for what is undecided, on these rows and on new ones; why none would, where none is expected to."""
    open_ = [(rung, rung.more_labels) for rung in rungs if rung.more_labels]
    if not open_:
        return ""
    rung, more = min(open_, key=lambda pair: _fewest(pair[1]))
    of = f" Of the {rung.title}: {more.said[0].lower()}{more.said[1:]}" if len(open_) > 1 else f" {more.said}"
    if more.needed is None or rung.verdict is None:
        return of
    total, first = rung.verdict.n_total, task.alpha * weight(1)
    level = max(more.alpha, more.equal_alpha)
    part = min(1.0, level / (ledger.alpha or first))
    again = rows_at(total + more.needed, more.alpha, ledger.next_alpha * part)
    fresh = rows_at(total + more.needed, more.alpha, first * part)
    return (
        f"{of} A second try{' at equal shares' if level > more.alpha else ''} has {ledger.next_alpha:.2%} of error left on these "
        f"rows: it needs about {max(1, again - total):,} more labels beside them, or about {fresh:,} new test rows, which start "
        "afresh."
    )


def _fewest(more: MoreLabels) -> float:
    """The fewest labels that would decide it, at either share."""
    return math.inf if more.needed is None or more.equal is None else min(more.needed, more.equal)


def _chance(ledger: Ledger) -> str:
    """Of a wrong pass, in this climb and in all on its rows."""
    if ledger.number is None:
        return f"which earlier climbs on these rows have paid for: a chance of at most {ledger.spent:.2%} that any passes wrongly"
    this = f"at a chance of at most {ledger.alpha:.2%} that any rung of this climb passes wrongly"
    if ledger.number == 1:
        return this
    return f"{this}, and of {ledger.spent + ledger.alpha:.2%} in all {ledger.number} climbs on these rows"


def _bar(bar: Bar) -> str:
    return f"the bar of {say_of(bar)(bar.line)}" if bar.other is None else "its bar"


def _broken(rungs: Sequence[RungRecord]) -> str:
    """Rungs that are not below the bar and still cannot pass: which limit or guard they broke, and by how much."""
    return "".join(f" The {rung.title} {rung.broken}." for rung in rungs if rung.broken)


def _best(rungs: Sequence[RungRecord], bar: Bar) -> str:
    scored = [(rung, rung.verdict) for rung in rungs if rung.verdict and rung.verdict.estimate is not None]
    best = (max if bar.at_most is None else min)(scored, key=lambda pair: pair[1].estimate or 0.0, default=None)
    return f" The best was the {best[0].title}: {between(best[1], bar)}." if best else ""


def between(verdict: Verdict, bar: Bar) -> str:
    """`78.2% to 84.0% (estimate 81.3% on 240 test rows)`."""
    if verdict.lower is None or verdict.upper is None or verdict.lower > verdict.upper:
        return proven(verdict, bar)
    write = say_of(bar)
    ends = f"{write(_short_of(verdict.lower, bar))} to {write(_short_of(verdict.upper, bar))}"
    return f"{ends} (estimate {write(verdict.estimate)} on {verdict.n:,} test rows)"


def _kept(climb: Climb, rung: str) -> str:
    """What was registered, where it is not the rung's own Candidate."""
    kept = climb.record.kept(rung)
    return f" It passes {kept.name} too: that is what is registered." if kept else ""


def _missing(climb: Climb) -> str:
    """What the diagnosis says, where it is that no rung can help."""
    found = climb.record.diagnosis
    return f" {found.record.sentence}" if found and found.record.cause == LABELS.name else ""


def _short_of(bound: float, bar: Bar) -> float:
    """To a tenth of a percent, as everywhere; never rounded onto a bar that it does not reach. Other scales stay as they are."""
    near = bound if bar.unit == "number" else round(bound, 3)
    if bound < bar.line <= near:
        return math.floor(1000 * bound) / 1000
    return math.ceil(1000 * bound) / 1000 if near <= bar.line < bound else near
