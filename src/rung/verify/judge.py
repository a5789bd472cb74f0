"""A Run to a Verdict. The gate: one frozen Candidate, rows in a random order, a look after each slice, a stop once it is clear."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rung.engine.answer import answer
from rung.engine.runtime import Runtime
from rung.types import Bar, Candidate, Example, Progress, Row, Run, Status, Task, Verdict, batches
from rung.verify.run import make_run, random_order, score_rows
from rung.verify.wait import SHARE, waits

# Rows between two looks: enough to fill a batch, few enough that a clear case stops early.
LOOK_EVERY_ROWS = 24


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A Candidate before the gate. `baselines` maps the name of each relative bar to what it compares with."""

    task: Task
    candidate: Candidate
    alpha: float
    baselines: Mapping[str, Candidate] = field(default_factory=dict)

    @property
    def bars(self) -> tuple[Bar, ...]:
        return (self.task.quality, *self.task.guards)


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
    """Answer and look until every bar is decided, one can no longer pass, or the rows are used up."""
    order = random_order(trial.task, "test")
    groups = [row.group for row in order]
    rows: list[Row] = []
    others = {other.id: other for other in trial.baselines.values()}
    against: dict[str, list[Row]] = {name: [] for name in others}
    settled: dict[str, Verdict] = {}
    with progress.stage(f"{trial.candidate.rung} at the gate", len(order)) as stage:
        for part in batches(order, LOOK_EVERY_ROWS):
            rows += score_rows(trial.task, part, answer(trial.candidate, part, runtime))
            for name, other in others.items():
                against[name] += score_rows(trial.task, part, answer(other, part, runtime))
            settled |= _look(trial, rows, against, settled, groups)
            stage.advance(len(part))
            # One that can no longer pass, failed or futile, ends it: all must hold.
            if len(settled) == len(trial.bars) or any(verdict.status != "pass" for verdict in settled.values()):
                break
    for bar in trial.bars:
        settled.setdefault(bar.name, _cut_short(bar, rows, trial.alpha, len(order)))
    verdicts = [settled[bar.name] for bar in trial.bars]
    lost = any(verdict.status == "fail" for verdict in verdicts)
    waited = () if lost else _waits(trial, rows, order[: len(rows)], runtime)
    limits = tuple(_limits(trial, rows, waited, lost=lost))
    run = make_run(trial.task, trial.candidate, "test", rows)
    return Judgement(verdict=verdicts[0], guards=(*verdicts[1:], *limits), run=run, waits_s=waited)


def _look(
    trial: Trial, rows: Sequence[Row], against: Mapping[str, Sequence[Row]], settled: Mapping[str, Verdict], groups: Sequence[str]
) -> dict[str, Verdict]:
    from rung.verify.stats.gate import look
    from rung.verify.stats.paired import look_paired

    found = {}
    for bar in trial.bars:
        if bar.name in settled:
            continue
        values = [row.scores[bar.name].value for row in rows]
        if bar.at_least is not None:
            verdict = look(values, groups, bar.line, trial.alpha, len(groups), bar.name)
        else:
            other = [row.scores[bar.name].value for row in against[trial.baselines[bar.name].id]]
            verdict = look_paired(values, other, groups, bar.line, trial.alpha, len(groups), bar.name)
        if verdict is not None:
            found[bar.name] = verdict
    return found


def _cut_short(bar: Bar, rows: Sequence[Row], alpha: float, total: int) -> Verdict:
    """A bar left open because another one could no longer pass: undecided, with what was seen of it."""
    values = [row.scores[bar.name].value for row in rows]
    present = [value for value in values if value is not None]
    return Verdict(
        status="undecided",
        estimate=sum(present) / len(present) if present else None,
        lower=None,
        upper=None,
        n=len(values),
        n_total=total,
        missing=len(values) - len(present),
        alpha=alpha,
        bar=bar.line,
        stopped_by="another bar",
        reason="another bar could no longer pass before this one was decided",
        name=bar.name,
    )


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


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One bar's estimate and bounds over a Run, outside of any gate; None where no row has a score.

    `status` is None for a relative bar.
    """

    name: str
    scorer: str
    at_least: float | None
    n: int
    missing: int
    estimate: float | None
    lower: float | None
    upper: float | None
    status: Status | None


def read_bar(bar: Bar, run: Run, alpha: float) -> Reading:
    """Each bound one-sided at `alpha`. A missing score counts as wrong towards the lower bound and as right towards the upper."""
    from rung.verify.stats.bounds import fixed_bounds
    from rung.verify.stats.clusters import labels

    values, of = run.values(bar.name), labels([row.group for row in run.rows])
    missing = sum(value is None for value in values)
    lower = upper = None
    if missing < len(values):
        worst, best = ([stand_in if value is None else value for value in values] for stand_in in (0.0, 1.0))
        lower, upper = fixed_bounds(worst, of, alpha).lower, fixed_bounds(best, of, alpha).upper
    return Reading(
        name=bar.name,
        scorer=bar.scorer,
        at_least=bar.at_least,
        n=len(values),
        missing=missing,
        estimate=run.mean(bar.name),
        lower=lower,
        upper=upper,
        status=_status(bar.at_least, lower, upper),
    )


def _status(at_least: float | None, lower: float | None, upper: float | None) -> Status | None:
    if at_least is None:
        return None
    if lower is None or upper is None:
        return "undecided"
    if upper < at_least:
        return "fail"
    return "pass" if lower >= at_least else "undecided"
