"""What more labels and more answers would bring: the learning curves with their bands, and where rungs break even."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from rung.registry.forecasts import Costs, LearningCurve, Pair
from rung.report import text
from rung.report.curves import Drawing, polyline, x_of, y_of
from rung.report.grids import Column, Table
from rung.report.scale import Scale, fit

AHEAD = (Column(label="Train rows"), Column(label="Score on dev", numeric=True), Column(label="Interval", numeric=True))
COSTS = (
    Column(label="Rung"),
    Column(label="Once", numeric=True, help="what making and measuring it took, and its labels where they have a price"),
    Column(label="1,000 answers", numeric=True),
    Column(label="Tokens in", numeric=True, help="mean prompt tokens per dev answer"),
    Column(label="Of them cached", numeric=True),
    Column(label="Tokens out", numeric=True, help="mean completion tokens per dev answer"),
)
PAIRS = (
    Column(label="Dearer to make"),
    Column(label="Against"),
    Column(label="Pays after", numeric=True, help="answers from which on it is cheaper in all"),
    Column(label="80% interval", numeric=True, help="from the spread of the dev answers"),
    Column(label="Months", numeric=True, help="at the traffic that the task file gives"),
)


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A learning curve: drawn, and its figures, measured and expected."""

    curve: LearningCurve
    drawing: Drawing
    table: Table


def outlook(curve: LearningCurve) -> Outlook:
    """A learning curve for the page."""
    measured = [(text.count(point.rows), text.percent(point.mean), "measured") for point in curve.points]
    ahead = [
        (text.count(one.rows), text.percent(one.estimate), text.interval(one.lower, one.upper, unit="share")) for one in curve.ahead
    ]
    table = Table(caption="Measured, and forecast", columns=AHEAD, rows=(*measured, *ahead))
    return Outlook(curve=curve, drawing=_drawing(curve), table=table)


def _drawing(curve: LearningCurve) -> Drawing:
    bars = [] if curve.bar is None else [curve.bar]
    heights = [end for point in curve.band for end in (point.lower, point.upper)] + [point.mean for point in curve.points]
    across = Scale(low=math.log2(curve.band[0].rows), high=math.log2(curve.band[-1].rows), ticks=())
    up = fit([*heights, *bars], least=0.1, marks=4, within=(0.0, 1.0))

    def place(rows: float, score: float) -> tuple[float, float]:
        return x_of(across, math.log2(rows)), y_of(up, score)

    last = curve.points[-1].rows
    middle = [(point.rows, place(point.rows, point.estimate)) for point in curve.band]
    outline = [place(point.rows, point.upper) for point in curve.band]
    outline += [place(point.rows, point.lower) for point in reversed(curve.band)]
    sizes = [point.rows for point in curve.points] + [one.rows for one in curve.ahead]
    return Drawing(
        title=f"{curve.title}: score on dev",
        note=" by train rows; dots: measured, dashes: forecast, and the bar",
        words=_words(curve),
        up=tuple((y_of(up, tick), text.whole_percent(tick)) for tick in up.ticks),
        across=tuple((place(rows, up.low)[0], text.count(rows)) for rows in sizes),
        lines=(
            ("curve", polyline(spot for rows, spot in middle if rows <= last)),
            ("curve ahead", polyline(spot for rows, spot in middle if rows >= last)),
        ),
        points=tuple(place(point.rows, point.mean) for point in curve.points),
        band=polyline(outline),
        bar=None if curve.bar is None else y_of(up, curve.bar),
    )


def _words(curve: LearningCurve) -> str:
    seen = ", ".join(f"{text.percent(point.mean)} with {text.count(point.rows)} rows" for point in curve.points)
    ahead = ", ".join(f"{text.percent(one.estimate)} with {text.count(one.rows)}" for one in curve.ahead)
    return f"Learning curve: {seen}; forecast {ahead}"


def costs(table: Costs) -> Table:
    """What each rung costs, in dollars or in seconds of the machine."""
    money: Callable[[float | None], str] = text.dollars if table.unit == "usd" else text.seconds
    rows = [
        (
            one.rung,
            money(one.once),
            money(None if one.per_answer is None else 1000 * one.per_answer),
            text.count(one.prompt_tokens),
            text.percent(one.cached_share),
            text.count(one.completion_tokens),
        )
        for one in table.rungs
    ]
    return Table(caption="What each rung costs", columns=COSTS, rows=tuple(rows))


def pairs(table: Costs) -> Table:
    """From how many answers on the rung that is dearer to make is cheaper in all."""
    rows = tuple(_pair(pair) for pair in table.pairs)
    return Table(caption="Where the dearer one to make has paid for itself", columns=PAIRS, rows=rows)


def _pair(pair: Pair) -> tuple[str, ...]:
    if pair.outcome != "after":
        pays = {"never": "never", "at once": "from the first answer"}.get(pair.outcome, text.DASH)
        return pair.dearer, pair.cheaper, pays, text.DASH, text.DASH
    months = text.DASH if pair.months is None else text.count(round(pair.months, 1)) if pair.months >= 0.1 else "< 0.1"
    return pair.dearer, pair.cheaper, f"{_whole(pair.answers)} answers", f"{_whole(pair.lower)} to {_whole(pair.upper)}", months


def _whole(answers: float | None) -> str:
    return "never" if answers is None else f"{math.ceil(answers):,}"
