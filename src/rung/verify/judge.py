"""One frozen Candidate before the gate split: rows in a fixed random order, a look after each slice, a stop once it is clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rung.types import Answer, Bar, Candidate, Example, Row, Status, Task, Verdict, batches

# Rows between two looks: enough to fill a batch, few enough that a clear case stops early.
LOOK_EVERY_ROWS = 24

AnswerRows = Callable[[Candidate, Sequence[Example]], Sequence[Answer]]


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
class Outcome:
    """The verdict on every bar, and the rows that were looked at. `verdict` is on quality, `guards` on the rest."""

    verdict: Verdict
    guards: tuple[Verdict, ...]
    rows: tuple[Row, ...]

    @property
    def status(self) -> Status:
        """Every bar must hold: an intersection-union test, each at the rung's whole alpha (Berger, 1982)."""
        statuses = [self.verdict.status, *(guard.status for guard in self.guards)]
        if "fail" in statuses:
            return "fail"
        return "pass" if all(status == "pass" for status in statuses) else "undecided"


def random_order(task: Task, split: str) -> tuple[Example, ...]:
    """A split's rows in a random order fixed by the task's seed, rows of a group together: every prefix is a random sample."""
    from rung.verify.stats import clusters

    rows = task.split(split)
    return tuple(rows[index] for index in clusters.gate_order([row.group for row in rows], task.seed))


def judge(trial: Trial, answer: AnswerRows, advance: Callable[[int], None]) -> Outcome:
    """Answer and look until every bar is decided, one has failed, or the rows are used up; `advance` hears of each look's rows."""
    from rung.verify.run import score_rows

    order = random_order(trial.task, "gate")
    groups = [row.group for row in order]
    rows: list[Row] = []
    others = {other.id: other for other in trial.baselines.values()}
    against: dict[str, list[Row]] = {name: [] for name in others}
    settled: dict[str, Verdict] = {}
    for part in batches(order, LOOK_EVERY_ROWS):
        rows += score_rows(trial.task, part, answer(trial.candidate, part))
        for name, other in others.items():
            against[name] += score_rows(trial.task, part, answer(other, part))
        settled |= _look(trial, rows, against, settled, groups)
        advance(len(part))
        if len(settled) == len(trial.bars) or any(verdict.status == "fail" for verdict in settled.values()):
            break
    for bar in trial.bars:
        settled.setdefault(bar.name, _cut_short(bar, rows, trial.alpha, len(order)))
    verdicts = [settled[bar.name] for bar in trial.bars]
    limits = tuple(_limits(trial, rows))
    return Outcome(verdict=verdicts[0], guards=(*verdicts[1:], *limits), rows=tuple(rows))


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
    """A bar left open because another one failed first: undecided, with what was seen of it."""
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
        reason="another bar failed before this one was decided",
        name=bar.name,
    )


def _limits(trial: Trial, rows: Sequence[Row]) -> list[Verdict]:
    """The limits on an answer, as measured: at least 95% of the answers within each. No error rate is claimed for them."""
    limits = trial.task.limits
    wanted: list[tuple[str, float | None, list[float | None]]] = [
        ("p95 latency", limits.p95_latency_s, [row.answer.latency_s for row in rows]),
        ("tokens per answer", limits.tokens_per_answer, [row.answer.completion_tokens for row in rows]),
    ]
    return [_limit(name, float(limit), figures) for name, limit, figures in wanted if limit is not None]


def _limit(name: str, limit: float, figures: Sequence[float | None]) -> Verdict:
    known = [figure for figure in figures if figure is not None]
    share = sum(figure <= limit for figure in known) / len(known) if known else None
    status = "undecided" if share is None else ("pass" if share >= 0.95 else "fail")
    return Verdict(
        status=status,  # type: ignore[arg-type]
        estimate=share,
        lower=None,
        upper=None,
        n=len(figures),
        n_total=len(figures),
        missing=len(figures) - len(known),
        alpha=0.0,
        bar=0.95,
        stopped_by="measured",
        reason="not measured by this backend" if share is None else f"{share:.1%} of the answers were within {limit:g}",
        name=name,
    )
