"""What each step of a climb was said to take, when the climb began and right before the step, and what it took."""

from __future__ import annotations

from rung.parts import Span
from rung.registry.documents import ClimbDocument
from rung.registry.predictions import WITHIN, Took
from rung.report import text
from rung.report.grids import Column, Table

COLUMNS = (
    Column(label="Step"),
    Column(label="Said at first", numeric=True, help="when the climb began"),
    Column(label="Said before", numeric=True, help="as expected; at least and at most, where it depends on what comes out"),
    Column(label="Took", numeric=True),
    Column(label="Times as long", numeric=True, help=f"told as missed where it is not within a factor of {WITHIN:g}"),
)


def foreseen(document: ClimbDocument) -> Table | None:
    """Every step that was taken, and all of them; None where nothing had been said."""
    if not any(step.predicted for step in document.took):
        return None
    rows = [_row(name_of(step, document), step) for step in document.took]
    rows.append(_row("in all", in_all(document)))
    return Table(caption="Said, and took", columns=COLUMNS, rows=tuple(rows))


def _row(name: str, step: Took) -> tuple[str, ...]:
    first = text.DASH if step.first is None else text.seconds(step.first.expected)
    return name, first, said(step.predicted), text.seconds(step.seconds), times(step)


def foreseen_lines(document: ClimbDocument) -> list[str]:
    """The same for a terminal: all of it in a line, and a line for every step that was missed."""
    if not any(step.predicted for step in document.took):
        return []
    whole = in_all(document)
    lines = [f"Time: {text.seconds(whole.seconds)}, said {_at_first(whole)}"]
    for step in (one for one in document.took if one.missed):
        took = f"{name_of(step, document)} took {text.seconds(step.seconds)}"
        lines.append(f"Time: {took}, said {said(step.predicted)}: {times(step)}{_for_want_of(step)}")
    return lines


def _at_first(whole: Took) -> str:
    """What was said of the whole climb when it began, where that is known, and by and by."""
    told = said(whole.predicted)
    return told if whole.first is None else f"{said(whole.first)} when it began, {text.seconds(_expected(whole))} by and by"


def _expected(step: Took) -> float:
    return step.predicted.expected if step.predicted else 0.0


def _for_want_of(step: Took) -> str:
    """Why it was missed, where the test ended sooner or later than was to be expected: that hangs on what its rows show."""
    if step.rows is None or not step.expected_rows or 1 / WITHIN <= step.rows / step.expected_rows <= WITHIN:
        return ""
    return f", after {step.rows:,} test rows where about {step.expected_rows:,.0f} were to be expected"


def in_all(document: ClimbDocument) -> Took:
    """All steps of which something had been said, as one."""
    known = [step for step in document.took if step.predicted]
    predicted, first = Span.of(0.0), Span.of(0.0)
    for step in known:
        predicted += step.predicted or Span.of(0.0)
        first += step.first or Span.of(0.0)
    told = first if any(step.first for step in known) else None
    return Took(key="", rung="", title="in all", predicted=predicted, seconds=sum(step.seconds for step in known), first=told)


def name_of(step: Took, document: ClimbDocument) -> str:
    """`LoRA adapter, gate`."""
    title = next((rung.title for rung in document.rungs if rung.rung == step.rung), step.rung)
    return ", ".join(filter(None, [title, step.title]))


def said(span: Span | None) -> str:
    """`12 s`, or `12 s (3 to 40 s)` where it depends on what comes out."""
    if span is None:
        return text.DASH
    if span.most <= 1.05 * span.least:
        return text.seconds(span.expected)
    return f"{text.seconds(span.expected)} ({text.seconds(span.least)} to {text.seconds(span.most)})"


def times(step: Took) -> str:
    """`1.2`, `missed: 2.3`; a dash where it is not known, or too short to tell."""
    if step.factor is None:
        return text.DASH
    return f"{'missed: ' if step.missed else ''}{step.factor:.2g}"
