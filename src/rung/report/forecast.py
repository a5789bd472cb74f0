"""What more labels and more answers would bring: the learning curves with their bands, and where rungs break even."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from rung.report import text
from rung.report.curves import BOTTOM, HIGH, LEFT, RIGHT, TOP, WIDE
from rung.report.facts import Document, at, listed
from rung.report.markup import Column, Html, element, join, section, table
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


def forecasts(document: Document) -> Html:
    """The section; nothing where no curve was drawn and fewer than two rungs were measured."""
    told = at(document, "forecast")
    curves = [_curve(curve) for curve in listed(told, "curves") if isinstance(curve, Mapping)]
    return section("What more would bring", curves, _breakeven(at(told, "breakeven")), id_="forecast")


def _curve(curve: Mapping[str, Any]) -> Html:
    level = text.whole_percent(text.number(curve.get("level")) or 0.8)
    said = [curve.get("sentence"), curve.get("doubt")]
    rows = [
        *([text.count(at(point, "rows")), text.percent(at(point, "mean")), "measured"] for point in listed(curve, "points")),
        *(
            [
                text.count(at(one, "rows")),
                text.percent(at(one, "estimate")),
                text.interval(at(one, "lower"), at(one, "upper"), difference=False),
            ]
            for one in listed(curve, "ahead")
        ),
    ]
    key = element("small", " by train rows; dots: measured, dashes: forecast, and the bar")
    caption = element("figcaption", f"{text.plain(curve.get('title'))}: score on dev", key)
    return element(
        "div",
        element("h3", element("code", text.plain(curve.get("rung"))), " with more labels"),
        [element("p", _sentence(line)) for line in said if line],
        element("div", element("figure", caption, _drawing(curve)), table("Measured, and forecast", AHEAD, rows), class_="outlook"),
        element(
            "p",
            f"A forecast, not a proof: the law A − B(n + n₀)⁻ᶜ through nested subsets of train, with its {level} interval over "
            f"{text.count(curve.get('n'))} dev rows. Whether a rung passes, only the gate says.",
            class_="note",
        ),
        class_="rung",
    )


def _sentence(line: Any) -> str:
    words = text.plain(line)
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def _drawing(curve: Mapping[str, Any]) -> Html | None:
    known = ("rows", "estimate", "lower", "upper")
    band = [point for point in listed(curve, "band") if all(text.number(at(point, key)) is not None for key in known)]
    if len(band) < 2:
        return None
    bar, measured = text.number(curve.get("bar")), [(point["rows"], point["mean"]) for point in listed(curve, "points")]
    heights = [point[key] for point in band for key in ("lower", "upper")] + [mean for _, mean in measured] + ([bar] if bar else [])
    across = Scale(low=math.log2(band[0]["rows"]), high=math.log2(band[-1]["rows"]), ticks=())
    up = fit(heights, least=0.1, marks=4, within=(0.0, 1.0))

    def place(rows: float, score: float) -> tuple[float, float]:
        return (
            LEFT + across.at(math.log2(rows)) * (WIDE - LEFT - RIGHT),
            HIGH - BOTTOM - up.at(score) * (HIGH - TOP - BOTTOM),
        )

    last = max(rows for rows, _ in measured)
    outline = [place(point["rows"], point["upper"]) for point in band]
    outline += [place(point["rows"], point["lower"]) for point in reversed(band)]
    middle = [(point["rows"], place(point["rows"], point["estimate"])) for point in band]
    return element(
        "svg",
        _axes(curve, up, place),
        element("polygon", points=_points(outline), class_="band"),
        element("polyline", points=_points([spot for rows, spot in middle if rows <= last]), class_="curve"),
        element("polyline", points=_points([spot for rows, spot in middle if rows >= last]), class_="curve ahead"),
        [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3.5, class_="point") for x, y in (place(*one) for one in measured)],
        _bar(place(band[0]["rows"], bar)[1]) if bar is not None else None,
        viewBox=f"0 0 {WIDE} {HIGH}",
        role="img",
        aria_label=_words(curve, measured),
    )


def _axes(curve: Mapping[str, Any], up: Scale, place: Any) -> Html:
    sizes = [at(one, "rows") for one in (*listed(curve, "points"), *listed(curve, "ahead"))]
    heights = [(place(sizes[0], tick)[1], text.whole_percent(tick)) for tick in up.ticks]
    return join(
        [
            [element("line", x1=LEFT, x2=WIDE - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid") for y, _ in heights],
            [element("text", label, x=LEFT - 8, y=f"{y + 4:.1f}", class_="last") for y, label in heights],
            [element("text", text.count(rows), x=f"{place(rows, up.low)[0]:.1f}", y=HIGH - 8) for rows in sizes],
        ]
    )


def _bar(y: float) -> Html:
    return element("line", x1=LEFT, x2=WIDE - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="bar")


def _points(spots: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)


def _words(curve: Mapping[str, Any], measured: Sequence[tuple[float, float]]) -> str:
    seen = ", ".join(f"{text.percent(mean)} with {text.count(rows)} rows" for rows, mean in measured)
    ahead = ", ".join(f"{text.percent(at(one, 'estimate'))} with {text.count(at(one, 'rows'))}" for one in listed(curve, "ahead"))
    return f"Learning curve: {seen}; forecast {ahead}"


def _breakeven(costs: Any) -> Html | None:
    if not isinstance(costs, Mapping):
        return None
    dollars = costs.get("unit") == "usd"
    money = text.dollars if dollars else text.seconds
    rungs = [
        [
            text.plain(at(one, "rung")),
            money(at(one, "once")),
            money(_thousand(at(one, "per_answer"))),
            text.count(at(one, "prompt_tokens")),
            text.percent(at(one, "cached_share")),
            text.count(at(one, "completion_tokens")),
        ]
        for one in listed(costs, "rungs")
    ]
    notes = [element("li", _sentence(note)) for note in listed(costs, "notes")]
    return join(
        [
            element("h3", "With more answers"),
            table("What each rung costs", COSTS, rungs),
            table("Where the dearer one to make has paid for itself", PAIRS, [_pair(pair) for pair in listed(costs, "pairs")]),
            element("ul", notes, class_="prose note") if notes else None,
        ]
    )


def _pair(pair: Any) -> list[Any]:
    outcome, after = at(pair, "outcome"), at(pair, "answers")
    words = {"never": "never", "at once": "from the first answer", "unknown": text.DASH}
    ends = text.DASH if outcome != "after" else f"{_whole(at(pair, 'lower'))} to {_whole(at(pair, 'upper'))}"
    pays = words.get(str(outcome)) or f"{_whole(after)} answers"
    months = text.number(at(pair, "months"))
    return [
        text.plain(at(pair, "dearer")),
        text.plain(at(pair, "cheaper")),
        pays,
        ends,
        text.DASH if months is None or outcome != "after" else text.count(round(months, 1)) if months >= 0.1 else "< 0.1",
    ]


def _thousand(each: Any) -> float | None:
    known = text.number(each)
    return None if known is None else 1000 * known


def _whole(answers: Any) -> str:
    known = text.number(answers)
    return "never" if known is None else f"{math.ceil(known):,}"
