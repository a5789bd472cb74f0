"""A campaign on the terminal: what it will do, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rung.cli.output import show, table
from rung.report.text import count, dollars, percent, plural, points, seconds, sentence, size, small

if TYPE_CHECKING:
    from rung.campaign.document import CampaignDocument, NameLine
    from rung.campaign.facts import Compared, OneBar

PLAN = ("name", "answers now", "made by", "a month", "a wrong answer", "over the bar", "climb, alpha", "takes", "costs")
RESULTS = ("name", "before", "now", "", "bar", "rows", "before", "after", "difference", "95% interval", "shown", "+", "−", "p")
TAKES = ("name", "version", "on", "answer", "tokens", "per 1,000", "adds")
NOTES = (
    "Row by row on the test rows that the gate looked at. It looks until its verdict stands: `shown` holds whenever one looks,",
    "the interval for rows that were fixed beforehand. What an answer takes is what it took when it was given.",
)
BY_STATE = {"passed": "passed", "failed": "failed", "undecided": "undecided", "refused": "cannot be climbed", "planned": "to climb"}


def show_plan(document: CampaignDocument) -> None:
    """The names that are still to be climbed, in their order, with time and costs; and what keeps others."""
    left = document.left
    if document.former:
        show(f"From {', '.join(document.former)} to {document.base}: {plural(len(left), 'name')} to climb again.")
    else:
        show(f"To {document.base}: {plural(len(left), 'name')} to climb again.")
    if left:
        show(table(PLAN, [_plan_row(line) for line in left], numbers=["a month"]))
    show(*_reasons(left), *_remarks(left), *_unsaid(left))
    if document.seconds is not None:
        from rung.climb.outlook.words import spread

        show(f"All of them, where each passes at the rung that it has: {spread(document.seconds)}{_costs(document)}.")
    show(*_alone(document))


def _costs(document: CampaignDocument) -> str:
    return (
        f", {dollars(document.usd.expected)} (at most {dollars(document.usd.most)})" if document.usd and document.usd.most else ""
    )


def _plan_row(line: NameLine) -> tuple[Any, ...]:
    from rung.climb.outlook.words import spread

    entry, estimate = line.entry, line.entry.estimate
    takes = None
    if estimate is not None:
        takes = spread(estimate.seconds) if estimate.seconds else f"{count(estimate.answers)} answers"
    return (
        entry.name,
        f"{entry.old}{' (champion)' if entry.served else ''}",
        entry.rung,
        None if entry.traffic is None else count(entry.traffic),
        entry.consequence or None,
        None if entry.margin is None else points(entry.margin),
        f"{estimate.climb}, {estimate.alpha:.2%}" if estimate else None,
        "cannot be climbed" if line.state == "refused" else takes,
        dollars(estimate.usd.expected) if estimate and estimate.usd and estimate.usd.most else None,
    )


def _reasons(lines: Sequence[NameLine]) -> Iterator[str]:
    for line in lines:
        if line.refused:
            where = f"{line.refused.where}: " if line.refused.where else ""
            yield f"{line.entry.name} cannot be climbed: {where}{line.refused.problem}"
            yield from [f"  {line.refused.hint}"] if line.refused.hint else []


def _remarks(lines: Sequence[NameLine]) -> Iterator[str]:
    for line in lines:
        yield from (f"{line.entry.name}: {sentence(remark)}" for remark in line.entry.remarks)
        if line.entry.anew:
            yield f"{line.entry.name}: {line.entry.task} stands for the task that {line.entry.old} passed; its rows may be others."


def _unsaid(lines: Sequence[NameLine]) -> Iterator[str]:
    unsaid = [line.entry.name for line in lines if line.entry.traffic is None and line.state == "planned"]
    if unsaid:
        who = ", ".join(unsaid[:8]) + (f" and {len(unsaid) - 8} more" if len(unsaid) > 8 else "")
        yield f"How much {who} is asked is not said (traffic.answers_per_month): such come last, by what a wrong answer risks."


def _alone(document: CampaignDocument) -> Iterator[str]:
    if document.left_alone:
        yield "Left alone:"
    for one in document.left_alone:
        yield f"  {one.version}: {one.why}"


def show_results(document: CampaignDocument) -> None:
    """What came of each name, old and new on the same rows; what to do about it; what is left."""
    rows = [row for line in document.names if line.climbed for row in _result_rows(line)]
    if rows:
        show(table(RESULTS, rows, numbers=["rows", "+", "−", "p"]))
        show(table(TAKES, [row for line in document.names if line.compared for row in _takes_rows(line.entry.name, line.compared)]))
        show(*NOTES)
    for line in document.names:
        show(*_outcome(line))
    show(*_reasons([line for line in document.names if line.refused and line.climbed is None]))
    waiting = [line.entry.name for line in document.left if line.state == "planned"]
    if waiting:
        show(f"Still to climb: {', '.join(waiting)}. The same command goes on.")


def _result_rows(line: NameLine) -> Iterator[tuple[Any, ...]]:
    assert line.climbed is not None
    entry, found = line.entry, line.compared
    head = (entry.name, entry.old, line.climbed.version, BY_STATE[line.state])
    bars = found.bars if found else ()
    if not bars:
        yield (*head, *[None] * 10)
    for number, bar in enumerate(bars):
        yield (*(head if number == 0 else [""] * 4), *_bar_cells(bar))


def _bar_cells(bar: OneBar) -> tuple[Any, ...]:
    ends = f"{points(bar.lower).removesuffix(' points')} to {points(bar.upper)}"
    figures = (percent(bar.before), percent(bar.after), points(bar.difference), ends, bar.shown, bar.better, bar.worse)
    return bar.bar, bar.n, *figures, None if bar.p is None else small(bar.p)


def _takes_rows(name: str, found: Compared) -> Iterator[tuple[Any, ...]]:
    for number, side in enumerate(side for side in (found.old, found.new) if side is not None):
        tokens = [count(figure) for figure in (side.prompt_tokens, side.completion_tokens) if figure is not None]
        yield (
            name if number == 0 else "",
            side.ref,
            side.base.partition("@sha256:")[0],
            seconds(side.answer_s),
            " + ".join(tokens) or None,
            None if side.usd_per_1k is None else dollars(side.usd_per_1k),
            size(side.added_bytes),
        )


def _outcome(line: NameLine) -> Iterator[str]:
    from rung.campaign.words import promoted

    if line.climbed is None:
        return
    yield f"{line.entry.name}: {sentence(line.climbed.said)}"
    if line.compared and line.compared.why:
        yield f"  Compared on {line.compared.rows:,} of {line.compared.of:,} rows: {line.compared.why}."
    if line.promoted:
        yield f"  {sentence(promoted(line.promoted))}"
        yield from (f"  {hint}" for hint in line.promoted.hints)
    elif line.climbed.version:
        yield f"  Next  rung promote {line.climbed.version}"
