"""What answered before and what was climbed to, on the same rows: the test rows that the gate looked at, row by row.

What answered before is asked on its own base, where that is still there; else the answers that it gave before count. Nothing is
decided by it: it is a look at the locked rows that the ledger has, and that no bar is held against.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rung.campaign.facts import Compared, Entry, OneBar, Side
from rung.climb.ledger import at_gate, locked_rows
from rung.climb.record import Record as ClimbRecord
from rung.climb.runtime import runtime_for
from rung.climb.server import known_server
from rung.errors import RungError
from rung.promote.champion import Pairs, compare_on
from rung.sources.base import BaseReference
from rung.types import Answer, Candidate, Example, Progress, Row, Run, Task
from rung.verify.run import evaluate, make_run
from rung.verify.same_rows import on_same_rows

if TYPE_CHECKING:
    from rung.registry.home import Home


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A climb that has ended: its task, on the new base; its id; and what it registered, "" where nothing passed."""

    task: Task
    climb: str
    version: str


def compare(home: Home, entry: Entry, ended: Ended, progress: Progress) -> Compared:
    """The comparison of a name's old version with what passed; where nothing did, with what dev liked best of what was judged."""
    old = home.candidates.get(entry.candidate)
    record = ClimbRecord(home, ended.climb)
    judged = _judged(record)
    if judged is None:
        side = _side(home, entry.old, entry.base, old, ())
        return Compared(name=entry.name, old=side, new=None, rows=0, of=0, why="no rung came to the gate")
    run = home.runs.get(judged.run)
    new = home.candidates.get(judged.candidate)
    wanted = {row.example for row in run.rows}
    rows = [row for row in ended.task.split("test") if row.id in wanted]
    before, why = _answered(home, ended, old, rows, progress)
    _on_the_ledger(home, ended.task, record, old, before)
    both = {row.example for row in before.rows}
    mine = [row for row in run.rows if row.example in both]
    theirs = {row.example: row for row in before.rows}
    total = len(at_gate(ended.task, record.lock.left_out).split("test"))
    pairs = Pairs(mine=tuple(mine), theirs=tuple(theirs[row.example] for row in mine), total=total)
    return Compared(
        name=entry.name,
        old=_side(home, entry.old, entry.base, old, pairs.theirs),
        new=_side(home, ended.version or new.id[:12], record.lock.base.pinned, new, pairs.mine),
        rows=len(mine),
        of=len(run.rows),
        bars=_bars(ended.task, run, before, pairs) if mine else (),
        why=why,
    )


@dataclass(frozen=True, kw_only=True)
class _Judged:
    candidate: str
    run: str


def _judged(record: ClimbRecord) -> _Judged | None:
    """What is registered; where nothing is, of what came to the gate what did best on dev, which was free to look at."""
    if record.registered:
        passed = record.passed(record.registered.rung)
        return _Judged(candidate=passed.candidate, run=passed.judged.run)
    means = {rung: record.measured[rung].mean if rung in record.measured else None for rung in record.judged}
    best = max(means, key=lambda rung: (means[rung] is not None, means[rung] or 0.0), default=None)
    return _Judged(candidate=record.built[best].candidate, run=record.judged[best].run) if best else None


def _answered(home: Home, ended: Ended, old: Candidate, rows: Sequence[Example], progress: Progress) -> tuple[Run, str]:
    """What the old version answers to these rows, paid from what the climb may spend; and why not to all of them, "" for all."""
    task, runtime = ended.task, runtime_for(ended.task, home, ended.climb)
    try:
        known_server(task, old.base, home, progress)
        return evaluate(task, old, "test", rows, runtime, progress), ""
    except RungError as error:
        known = home.answers.load(old.asked.id, [row.digest for row in rows])
        had = [row for row in rows if row.digest in known]
        why = f"{BaseReference.read(old.base).bare} does not answer any more: {error.problem}"
        if not had:
            return make_run(task, old, "test", ()), why
        run = evaluate(task, old, "test", had, runtime, progress)
        return run, f"{why} ({len(had):,} rows had been answered before)"


def _on_the_ledger(home: Home, task: Task, record: ClimbRecord, old: Candidate, before: Run) -> None:
    """The look, and the answers, by which a promotion compares as well."""
    if before.rows:
        with home.together():
            home.candidates.add(old, task.digest)
            home.runs.add(before)
            home.looks.add(task.digest, old.id, len(before.rows), locked_rows(at_gate(task, record.lock.left_out)))


def _bars(task: Task, run: Run, before: Run, pairs: Pairs) -> tuple[OneBar, ...]:
    shown = {one.name: one for one in compare_on((task.quality, *task.guards), task.alpha, pairs)}
    found = []
    for one in on_same_rows(before, run):
        known = one.compared
        always = shown.get(one.bar)
        found.append(
            OneBar(
                bar=one.bar,
                n=known.n,
                before=known.before,
                after=known.after,
                difference=known.estimate,
                lower=known.lower,
                upper=known.upper,
                better=known.better,
                worse=known.worse,
                p=known.p,
                shown=always.shown if always else "open",
            )
        )
    return tuple(found)


def _side(home: Home, ref: str, base: str, candidate: Candidate, rows: Sequence[Row]) -> Side:
    answers = [row.answer for row in rows]
    cost = _mean(answers, "cost_usd")
    return Side(
        ref=ref,
        base=base,
        rung=candidate.rung,
        answer_s=_mean(answers, "latency_s"),
        prompt_tokens=_mean(answers, "prompt_tokens"),
        completion_tokens=_mean(answers, "completion_tokens"),
        usd_per_1k=cost * 1000 if cost is not None else None,
        added_bytes=_added(home, candidate),
    )


def _mean(answers: Sequence[Answer], figure: str) -> float | None:
    known = [value for answer in answers if (value := getattr(answer, figure)) is not None]
    return sum(known) / len(known) if known else None


def _added(home: Home, candidate: Candidate) -> int | None:
    """Bytes of all that it adds to its base, or is in its place."""
    try:
        return sum(home.blobs.size_bytes(name) for name in candidate.artefacts)
    except RungError:
        return None
