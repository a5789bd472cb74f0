"""Small charts of the last hour, as places in a box that is scaled with its column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rung.report import text
from rung.report.scale import fit
from rung.serve.dashboard.figures import Figures, Minute

WIDE, HIGH = 400, 150
LEFT, RIGHT, TOP, BOTTOM = 50, 8, 10, 24
SPARK_WIDE, SPARK_HIGH = 120, 26


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A bar, or its upper part: the place and size of a rectangle, and whose it is (`tone`)."""

    x: float
    y: float
    width: float
    height: float
    tone: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart: marks at its left (height, words) and below (place, words), bars, and lines as (kind, points).

    key  what its kinds of lines and bars mean; `words` all of it in a sentence
    """

    title: str
    note: str
    words: str
    up: tuple[tuple[float, str], ...]
    across: tuple[tuple[float, str], ...]
    bars: tuple[Bar, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    dots: tuple[tuple[str, float, float], ...] = ()
    key: tuple[tuple[str, str], ...] = ()


def charts(found: Figures) -> list[Chart]:
    """Questions, times and tokens by minutes."""
    return [_asked(found), _times(found), _tokens(found)]


def spark(found: Figures) -> tuple[Bar, ...]:
    """Questions by minutes, for a line of a table; errors in their own colour."""
    most = max([1, *(one.asked for one in found.minutes)])
    wide = SPARK_WIDE / max(1, len(found.minutes))
    return tuple(
        bar for place, one in enumerate(found.minutes) for bar in _stack(one, place * wide, wide, SPARK_HIGH, SPARK_HIGH / most)
    )


def _asked(found: Figures) -> Chart:
    scale = fit([0.0, *(float(one.asked) for one in found.minutes)], least=4.0, marks=3, within=(0.0, 1e12))
    wide = (WIDE - LEFT - RIGHT) / max(1, len(found.minutes))
    unit = (HIGH - TOP - BOTTOM) / (scale.high - scale.low)
    bars = [bar for place, one in enumerate(found.minutes) for bar in _stack(one, LEFT + place * wide, wide, HIGH - BOTTOM, unit)]
    most = max([0, *(one.asked for one in found.minutes)])
    return Chart(
        title="Questions",
        note="a minute",
        words=f"{text.plural(found.asked, 'question')} in {len(found.minutes)} minutes, at most {text.count(most)} in one; "
        f"{text.count(found.errors)} failed, {text.count(found.refused)} were refused",
        up=tuple((_y(scale.at(tick)), text.count(tick)) for tick in scale.ticks),
        across=_across(found.minutes),
        bars=tuple(bars),
        key=(("", "let in"), ("undecided", "refused"), ("fail", "failed")),
    )


def _stack(one: Minute, x: float, wide: float, floor: float, unit: float) -> list[Bar]:
    """A minute's bar: what failed at its bottom, then what was refused, then the rest."""
    bars, base = [], floor
    rest = one.asked - one.errors - one.refused
    for count, tone in ((one.errors, "fail"), (one.refused, "undecided"), (rest, "")):
        if count > 0:
            bars.append(Bar(x=x + wide * 0.1, y=base - count * unit, width=wide * 0.8, height=count * unit, tone=tone))
            base -= count * unit
    return bars


def _times(found: Figures) -> Chart:
    known = [value for one in found.minutes for value in (one.p50_s, one.p95_s) if value is not None]
    scale = fit([0.0, *known], least=0.02, marks=3, within=(0.0, 1e9))
    lines, dots = [], []
    for kind, of in (("band95", _p95), ("curve", _p50)):
        for run in _runs(found.minutes, of):
            spots = [(_x(place, len(found.minutes)), _y(scale.at(value))) for place, value in run]
            if len(spots) > 1:
                lines.append((kind, " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)))
            else:
                dots.append((kind, *spots[0]))
    return Chart(
        title="Time to the last word",
        note="by minute",
        words=f"median {text.seconds(found.p50_s)}, 95% within {text.seconds(found.p95_s)}, over the whole hour",
        up=tuple((_y(scale.at(tick)), text.seconds(tick) if tick else "0") for tick in scale.ticks),
        across=_across(found.minutes),
        lines=tuple(lines),
        dots=tuple(dots),
        key=(("curve", "median"), ("band95", "95% within")),
    )


def _tokens(found: Figures) -> Chart:
    scale = fit([0.0, *(float(one.tokens) for one in found.minutes)], least=100.0, marks=3, within=(0.0, 1e15))
    wide, floor = (WIDE - LEFT - RIGHT) / max(1, len(found.minutes)), HIGH - BOTTOM
    tops = [(place, _y(scale.at(one.tokens))) for place, one in enumerate(found.minutes) if one.tokens]
    bars = [Bar(x=LEFT + (place + 0.1) * wide, y=top, width=wide * 0.8, height=floor - top) for place, top in tops]
    return Chart(
        title="Tokens",
        note="a minute, in and out",
        words=f"{text.count(found.tokens_in)} tokens in and {text.count(found.tokens_out)} out, in {len(found.minutes)} minutes",
        up=tuple((_y(scale.at(tick)), _round(tick)) for tick in scale.ticks),
        across=_across(found.minutes),
        bars=tuple(bars),
    )


def _p50(one: Minute) -> float | None:
    return one.p50_s


def _p95(one: Minute) -> float | None:
    return one.p95_s


def _runs(minutes: Sequence[Minute], of: Callable[[Minute], float | None]) -> list[list[tuple[int, float]]]:
    """What is known, in one piece wherever no minute in between is unknown: a gap is no zero and no straight line."""
    runs: list[list[tuple[int, float]]] = []
    last = -2
    for place, one in enumerate(minutes):
        if (value := of(one)) is None:
            continue
        if place != last + 1:
            runs.append([])
        runs[-1].append((place, value))
        last = place
    return runs


def _across(minutes: Sequence[Minute]) -> tuple[tuple[float, str], ...]:
    marked = [(place, one) for place, one in enumerate(minutes) if one.at.minute % 15 == 0]
    return tuple((_x(place, len(minutes)), f"{one.at:%H:%M}") for place, one in marked)


def _round(value: float) -> str:
    """`12k`: a mark of an axis."""
    for size, sign in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{sign}"
    return text.count(value)


def _x(place: int, count: int) -> float:
    wide = (WIDE - LEFT - RIGHT) / max(1, count)
    return LEFT + (place + 0.5) * wide


def _y(share: float) -> float:
    return HIGH - BOTTOM - share * (HIGH - TOP - BOTTOM)
