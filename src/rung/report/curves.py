"""Training curves, drawn at a fixed size and scaled with their column."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rung.registry.documents import TrainingStep
from rung.report import text
from rung.report.scale import Scale, exact, fit

WIDE, HIGH = 400, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 16, 12, 26
MOST_POINTS = 240
NOISY = 32

Spot = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One curve: what it shows of a step, how to say a value, and its axis (see `scale.fit`)."""

    title: str
    of: Callable[[TrainingStep], float | None]
    say: Callable[[float], str]
    least: float
    within: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """A drawing in a box of WIDE x HIGH: marks at its left (height, words) and below (place, words), lines as SVG points.

    `lines` are (kind, points), `points` the places of dots, `band` an area's outline, `bar` the height of the bar's line.
    """

    title: str
    note: str
    words: str
    up: tuple[tuple[float, str], ...]
    across: tuple[tuple[float, str], ...]
    lines: tuple[tuple[str, str], ...]
    points: tuple[Spot, ...] = ()
    band: str = ""
    bar: float | None = None


PANELS = (
    Panel(title="Training loss", of=lambda step: step.loss, say=text.small, least=0.05),
    Panel(title="Score on dev", of=lambda step: step.dev_score, say=text.whole_percent, least=0.04, within=(0.0, 1.0)),
)


def curves(history: Sequence[TrainingStep]) -> list[Drawing]:
    """The training loss, and the score on dev, over the optimiser's steps; nothing for a rung that trained nothing."""
    across = exact([0.0, *(point.step for point in history)], least=1.0, marks=5)
    known = {panel: [(float(step.step), value) for step in history if (value := panel.of(step)) is not None] for panel in PANELS}
    return [_curve(panel, _thin(series), across) for panel, series in known.items() if series]


def _thin(series: list[Spot]) -> list[Spot]:
    """At most MOST_POINTS points: each the mean of as many neighbours, so that a long training draws as quickly as a short one."""
    size = -(-len(series) // MOST_POINTS)
    return series if size <= 1 else [_middle(series[start : start + size]) for start in range(0, len(series), size)]


def _middle(group: Sequence[Spot]) -> Spot:
    return sum(step for step, _ in group) / len(group), sum(value for _, value in group) / len(group)


def _smooth(series: list[Spot]) -> list[Spot]:
    reach = len(series) // 16
    near = [series[max(0, i - reach) : i + reach + 1] for i in range(len(series))]
    return [(step, _middle(group)[1]) for (step, _), group in zip(series, near, strict=True)]


def _curve(panel: Panel, series: list[Spot], across: Scale) -> Drawing:
    up = fit([value for _, value in series], least=panel.least, marks=4, within=panel.within)
    noisy = len(series) >= NOISY
    whole = polyline(_places(series, across, up))
    (start, first), (end, last) = series[0], series[-1]
    return Drawing(
        title=panel.title,
        note=" by step; thin: as it was, thick: moving mean" if noisy else " by step",
        words=f"{panel.title}: {panel.say(first)} at step {text.count(start)}, {panel.say(last)} at step {text.count(end)}",
        up=tuple((y_of(up, tick), panel.say(tick)) for tick in up.ticks),
        across=tuple((x_of(across, tick), text.count(tick)) for tick in across.ticks if tick == int(tick)),
        lines=(("raw", whole), ("curve", polyline(_places(_smooth(series), across, up)))) if noisy else (("curve", whole),),
        points=() if noisy else tuple(_places(series, across, up)),
    )


def polyline(spots: Iterable[Spot]) -> str:
    """Places as the `points` of an SVG line."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)


def _places(series: list[Spot], across: Scale, up: Scale) -> list[Spot]:
    return [(x_of(across, step), y_of(up, value)) for step, value in series]


def x_of(scale: Scale, value: float) -> float:
    """Where a value stands across the box."""
    return LEFT + scale.at(value) * (WIDE - LEFT - RIGHT)


def y_of(scale: Scale, value: float) -> float:
    """Where a value stands in the height of the box."""
    return HIGH - BOTTOM - scale.at(value) * (HIGH - TOP - BOTTOM)
