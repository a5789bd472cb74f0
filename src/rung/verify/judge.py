"""A Run to a Verdict. The gate: one frozen Candidate, rows in a random order, a look after each slice, a stop once it is clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from rung.engine.answer import ahead, answer
from rung.engine.runtime import Runtime
from rung.types import Bar, Candidate, Example, Progress, Row, Run, Status, Task, Verdict, batches
from rung.verify.bars import Measure, Seen, as_it_stands, cut_short, look_at, measure_of, say_of, seen
from rung.verify.choosing import shares_of
from rung.verify.foresight import GIVEN_UP, Foresight
from rung.verify.missing import remarks
from rung.verify.run import make_run, random_order, score_rows
from rung.verify.silence import Heard, falls_silent, refuse_silence
from rung.verify.stats.boundaries import LOOK_EVERY
from rung.verify.stats.gate import of_missing
from rung.verify.wait import SHARE, waits


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A Candidate before the gate. `baselines` maps the name of each relative bar to what it compares with.

    left_out   ids of test rows that do not judge
    foresight  what dev says of the quality bar, which may end the gate early without a pass; None where it is to count for nothing
    """

    task: Task
    candidate: Candidate
    alpha: float
    baselines: Mapping[str, Candidate] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()
    foresight: Foresight | None = None

    @property
    def bars(self) -> tuple[Bar, ...]:
        return (self.task.quality, *self.task.guards)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """Every bar, bound to its scorer."""
        return tuple(measure_of(self.task, bar) for bar in self.bars)


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict on every bar, and the Run over the rows that were looked at. `verdict` is on quality, `guards` on the rest.

    `waits_s` are the seconds that a caller waited for an answer, where the task limits them.
    """

    verdict: Verdict
    guards: tuple[Verdict, ...]
    run: Run
    waits_s: tuple[float, ...] = ()

    @property
    def status(self) -> Status:
        """Every bar must hold: an intersection-union test, each at the rung's whole alpha (Berger, 1982)."""
        statuses = [self.verdict.status, *(guard.status for guard in self.guards)]
        if "fail" in statuses:
            return "fail"
        return "pass" if all(status == "pass" for status in statuses) else "undecided"


def judge(trial: Trial, runtime: Runtime, progress: Progress) -> Judgement:
    """Answer and look until every bar is decided, one can no longer pass, or the rows are used up.

    Raises UserError for a server that answers nothing: no verdict is made of its silence, and who goes on is asked anew.
    """
    order = tuple(row for row in random_order(trial.task, "test") if row.id not in trial.left_out)
    rows: list[Row] = []
    others = {other.id: other for other in trial.baselines.values()}
    against: dict[str, list[Row]] = {name: [] for name in others}
    settled: dict[str, Verdict] = {}
    together = slices(len(order))
    with progress.stage(f"{trial.candidate.rung} at the gate", len(order)) as stage:
        for start, part in zip(range(0, len(order), LOOK_EVERY), batches(order, LOOK_EVERY), strict=True):
            if start in together:
                ahead([(one, order[start : together[start]]) for one in (trial.candidate, *others.values())], runtime, stage)
            rows += score_rows(trial.task, part, answer(trial.candidate, part, runtime))
            for name, other in others.items():
                against[name] += score_rows(trial.task, part, answer(other, part, runtime))
            for one, of in ((trial.candidate, rows), *((other, against[name]) for name, other in others.items())):
                refuse_silence([Heard(one, of)], trial.task, runtime)
            stage.advance(len(part))
            if len(rows) < len(order) and falls_silent(Heard(trial.candidate, rows)):
                continue
            settled |= _look(trial, order, rows, against, settled)
            # One that can no longer pass, failed or futile, ends it: all must hold.
            if len(settled) == len(trial.bars) or any(verdict.status != "pass" for verdict in settled.values()):
                break
    for measure in trial.measures:
        settled.setdefault(measure.bar.name, cut_short(seen(measure, order, rows), trial.alpha))
    verdicts = [settled[bar.name] for bar in trial.bars]
    said = "; ".join((verdicts[0].reason, *_of_dev(trial, verdicts[0]), *remarks([row.answer for row in rows])))
    verdicts[0] = replace(verdicts[0], reason=said)
    lost = any(verdict.status == "fail" for verdict in verdicts)
    waited = () if lost else _waits(trial, rows, order[: len(rows)], runtime)
    limits = tuple(_limits(trial, rows, waited, lost=lost))
    run = make_run(trial.task, trial.candidate, "test", rows)
    return Judgement(verdict=verdicts[0], guards=(*verdicts[1:], *limits), run=run, waits_s=waited)


def slices(rows: int) -> dict[int, int]:
    """What is asked in one go where a server is handed batches, by where it begins: a quarter, a half, all.

    A batch may take a day, so that one for each look would take weeks. What is asked beyond the look that decides is lost, at half
    the price: where that look comes after an eighth of the rows or more, no more is paid than without batches.
    """
    ends = sorted({min(rows, -(-rows * quarters // (4 * LOOK_EVERY)) * LOOK_EVERY) for quarters in (1, 2, 4)})
    return dict(zip([0, *ends[:-1]], ends, strict=True))


def _look(
    trial: Trial,
    order: Sequence[Example],
    rows: Sequence[Row],
    against: Mapping[str, Sequence[Row]],
    settled: Mapping[str, Verdict],
) -> dict[str, Verdict]:
    found = {}
    for measure in trial.measures:
        bar = measure.bar
        if bar.name in settled:
            continue
        other = against[trial.baselines[bar.name].id] if bar.other is not None else ()
        sight = seen(measure, order, rows, other)
        verdict = look_at(sight, trial.alpha) or (_given_up(trial, sight) if bar is trial.task.quality else None)
        if verdict is not None:
            found[bar.name] = verdict
    return found


def _given_up(trial: Trial, sight: Seen) -> Verdict | None:
    """The quality bar left open, where dev and the rows so far together leave next to no chance of a pass."""
    found = trial.foresight
    if found is None or not sight.rows:
        return None
    n, total = len(sight.rows), len(sight.examples)
    right = sum(value or 0.0 for value in shares_of(trial.task, sight.examples[:n], sight.rows).values)
    if not found.gives_up(trial.alpha, total, right, n):
        return None
    verdict = as_it_stands(sight, trial.alpha)
    bar = sight.measure.bar
    write = say_of(bar)
    reason = (
        f"stopped after {n:,} of {total:,} rows: {found.together(right, n):.1%} with dev, where "
        f"{found.line:.1%} is asked for: by dev and these less than 1% chance of passing on all of them; between "
        f"{write(verdict.lower)} and {write(verdict.upper)}, which leaves the bar of {write(bar.line)} open"
    )
    needed = found.needed(trial.alpha, total, right, n)
    more = f"; about {needed:,} more labels would decide it" if needed else ""
    said = f"{bar.measured}: {reason}{more}{of_missing(verdict.missing)}".removeprefix(": ")
    return replace(verdict, stopped_by=GIVEN_UP, reason=said, needed=needed)


def _of_dev(trial: Trial, verdict: Verdict) -> list[str]:
    """Why what dev left little hope was not tested to the end, or at little of alpha, and how it would be."""
    found = trial.foresight
    if found is None or not found.hopeless or verdict.status != "undecided":
        return []
    seen = f"dev ({found.mean:.1%} on {found.rows:,} rows, at most {found.upper:.1%}, where {found.line:.1%} is asked for)"
    equal = "`alpha_shares: equal` in the task file tests every rung alike"
    return [f"{seen} left it little hope, so that it was tested at an alpha of {trial.alpha:.2g}; {equal}"]


def _waits(trial: Trial, rows: Sequence[Row], examples: Sequence[Example], runtime: Runtime) -> tuple[float, ...]:
    """What a caller waits, where the task limits it: a server's answers as they came, else rows looked at, asked alone."""
    limit_s = trial.task.limits.p95_latency_s
    if limit_s is None:
        return ()
    if trial.candidate.base_reference.is_server:
        return tuple(row.answer.latency_s for row in rows if row.answer.latency_s is not None)
    alone = replace(runtime, cache=None)
    return waits(lambda example: answer(trial.candidate, [example], alone), examples, limit_s)


def _limits(trial: Trial, rows: Sequence[Row], waited: Sequence[float], *, lost: bool) -> list[Verdict]:
    """The limits on an answer, as measured: at least 95% of the answers within each. No error rate is claimed for them."""
    limits, found = trial.task.limits, []
    if limits.p95_latency_s is not None:
        unknown = "not measured: a bar failed" if lost else "not measured by this backend"
        found.append(_limit("seconds until an answer", limits.p95_latency_s, waited, unknown))
    if limits.tokens_per_answer is not None:
        tokens = [row.answer.completion_tokens for row in rows]
        found.append(_limit("tokens per answer", float(limits.tokens_per_answer), tokens, "not measured by this backend"))
    return found


def _limit(name: str, limit: float, figures: Sequence[float | None], unknown: str) -> Verdict:
    known = [figure for figure in figures if figure is not None]
    share = sum(figure <= limit for figure in known) / len(known) if known else None
    status: Status = "undecided" if share is None else ("pass" if share >= SHARE else "fail")
    return Verdict(
        status=status,
        estimate=share,
        lower=None,
        upper=None,
        n=len(figures),
        n_total=len(figures),
        missing=len(figures) - len(known),
        alpha=0.0,
        bar=SHARE,
        stopped_by="measured",
        reason=unknown if share is None else f"{share:.1%} of {len(known)} answers were within {limit:g}, and {SHARE:.0%} must be",
        name=name,
    )
