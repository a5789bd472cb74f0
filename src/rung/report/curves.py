"""Training curves, as inline SVG drawn at a fixed size and scaled with its column."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.report import text
from rung.report.facts import at, listed
from rung.report.markup import Html, element, join
from rung.report.scale import Scale, exact, fit

WIDE, HIGH = 400, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 12, 26
MOST_POINTS = 240
NOISY = 32


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One curve: what it shows, under which key the history keeps it, how to say a value, and its axis (see `scale.fit`)."""

    title: str
    key: str
    say: Callable[[float], str]
    least: float
    within: tuple[float, float] | None = None


PANELS = (
    Panel(title="Training loss", key="loss", say=text.small, least=0.05),
    Panel(title="Score on dev", key="dev_score", say=text.whole_percent, least=0.04, within=(0.0, 1.0)),
)


def curves(rung: Mapping[str, Any]) -> Html:
    """The training loss, and the score on dev, over the optimiser's steps; nothing for a rung that trained nothing."""
    history = [point for point in listed(rung, "history") if text.number(at(point, "step")) is not None]
    across = exact([0.0, *(point["step"] for point in history)], least=1.0, marks=5)
    panels = [_curve(panel, _series(history, panel.key), across) for panel in PANELS]
    return element("div", panels, class_="curves") if any(panels) else Html("")


def _series(history: Sequence[Any], key: str) -> list[tuple[float, float]]:
    found = [(text.number(at(point, "step")), text.number(at(point, key))) for point in history]
    known = [(step, value) for step, value in found if step is not None and value is not None]
    return _thin(sorted(known))


def _thin(series: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """At most MOST_POINTS points: each the mean of as many neighbours, so that a long training draws as quickly as a short one."""
    size = -(-len(series) // MOST_POINTS)
    if size <= 1:
        return series
    groups = [series[start : start + size] for start in range(0, len(series), size)]
    return [(sum(step for step, _ in group) / len(group), sum(value for _, value in group) / len(group)) for group in groups]


def _smooth(series: list[tuple[float, float]]) -> list[tuple[float, float]]:
    reach = len(series) // 16
    near = [series[max(0, i - reach) : i + reach + 1] for i in range(len(series))]
    return [(step, sum(value for _, value in group) / len(group)) for (step, _), group in zip(series, near, strict=True)]


def _curve(panel: Panel, series: list[tuple[float, float]], across: Scale) -> Html:
    if not series:
        return Html("")
    up = fit([value for _, value in series], least=panel.least, marks=4, within=panel.within)
    noisy = len(series) >= NOISY
    place = _places(series, across, up)
    drawing = element(
        "svg",
        _axes(across, up, panel.say),
        _path(place, "raw" if noisy else "curve"),
        _path(_places(_smooth(series), across, up), "curve") if noisy else None,
        None if noisy else [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=3, class_="point") for x, y in place],
        viewBox=f"0 0 {WIDE} {HIGH}",
        role="img",
        aria_label=_words(panel, series),
    )
    note = element("small", " by step; thin: as it was, thick: moving mean" if noisy else " by step")
    return element("figure", element("figcaption", panel.title, note), drawing)


def _words(panel: Panel, series: list[tuple[float, float]]) -> str:
    (start, first), (end, last) = series[0], series[-1]
    return f"{panel.title}: {panel.say(first)} at step {text.count(start)}, {panel.say(last)} at step {text.count(end)}"


def _axes(across: Scale, up: Scale, say: Callable[[float], str]) -> Html:
    rows = [(_y(up, tick), say(tick)) for tick in up.ticks]
    columns = [(_x(across, tick), text.count(tick)) for tick in across.ticks if tick == int(tick)]
    return join(
        [
            [element("line", x1=LEFT, x2=WIDE - RIGHT, y1=f"{y:.1f}", y2=f"{y:.1f}", class_="grid") for y, _ in rows],
            [element("text", label, x=LEFT - 8, y=f"{y + 4:.1f}", class_="last") for y, label in rows],
            [element("text", label, x=f"{x:.1f}", y=HIGH - 8) for x, label in columns],
        ]
    )


def _path(place: list[tuple[float, float]], kind: str) -> Html:
    return element("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in place), class_=kind)


def _places(series: list[tuple[float, float]], across: Scale, up: Scale) -> list[tuple[float, float]]:
    return [(_x(across, step), _y(up, value)) for step, value in series]


def _x(scale: Scale, value: float) -> float:
    return LEFT + scale.at(value) * (WIDE - LEFT - RIGHT)


def _y(scale: Scale, value: float) -> float:
    return HIGH - BOTTOM - scale.at(value) * (HIGH - TOP - BOTTOM)
