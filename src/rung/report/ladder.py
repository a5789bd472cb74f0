"""Horizontal intervals against a line: the rungs against their bar, the probes' lifts against no change.

Everything is placed in percent of the drawing's width and the words are kept in HTML, so that letters stay one size from a phone to
a printed page.
"""

from __future__ import annotations

from dataclasses import dataclass

from rung.registry.documents import ClimbDocument, DiagnosisRecord, ProbeRecord, RungRecord
from rung.report import text
from rung.report.facts import State, anchor, bar_words, shown, state, unit_of
from rung.report.scale import Scale, fit
from rung.types import Bar, Unit, Verdict

# What is always shown on either side of the bar, as a share.
CLEAR = 0.015
LEADS: dict[Unit, str] = {"share": "Score", "points": "Difference in score", "number": "Figure"}
WITHIN: dict[Unit, tuple[float, float]] = {"share": (0.0, 1.0), "points": (-1.0, 1.0), "number": (-1.0, 1.0)}


@dataclass(frozen=True, kw_only=True)
class Track:
    """One row's drawing, in percent of its width: its grid, the bar, an interval with its closed ends, and what stands on it."""

    words: str
    grid: tuple[str, ...]
    bar: str | None
    span: tuple[str, str] | None = None
    ends: tuple[str, ...] = ()
    estimate: str | None = None
    dev: str | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row: who, and either its track with figures in words, or why there is none."""

    name: str
    href: str | None
    title: str
    tone: str
    why: str = ""
    track: Track | None = None
    number: str = ""
    mark: State | None = None
    small: str = ""


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """The rows, the axis below them (each mark's place and words), and what the drawing's signs mean ("" where it has none)."""

    kind: str
    lead: str
    estimate_key: str
    bar_key: str
    dev_key: str
    rows: tuple[Row, ...]
    axis: tuple[tuple[str, str], ...]
    unit: str


def ladder(document: ClimbDocument) -> Ladder:
    """Every rung as a horizontal interval lower, estimate, upper against the bar; what was not measured says why."""
    bar = document.task.bar
    unit = unit_of(bar)
    scale = _scale_of(document, unit=unit)
    with_dev = unit != "points" and any(_dev(rung) is not None for rung in document.rungs)
    return Ladder(
        kind="ladder",
        lead=f"{LEADS[unit]}{f' ({bar.measured})' if bar.measured else ''} at the gate, cheapest rung first. ",
        estimate_key="estimate, with its lower and upper bound",
        bar_key=f"the bar: {bar_words(bar)}",
        dev_key=f"{LEADS[unit].lower()} on dev" if with_dev else "",
        rows=tuple(_rung_row(rung, scale, bar, unit=unit) for rung in document.rungs),
        axis=_axis(scale, unit=unit),
        unit="percentage points" if unit == "points" else "",
    )


def lifts(found: DiagnosisRecord) -> Ladder:
    """What each change did to the score on dev, against no change, the leading cause in colour. Of reporting probes: none."""
    probes = [probe for probe in found.probes if probe.cause and probe.cause != "labels"]
    figures = [value for probe in probes for value in (probe.lower, probe.lift, probe.upper) if value is not None]
    scale = fit([0.0, *figures], least=0.2, marks=6, within=(-1.0, 1.0))
    return Ladder(
        kind="ladder lifts",
        lead="What each change alone does to the score on dev, cheapest first. ",
        estimate_key="the best of its forms, with a 95% interval",
        bar_key="no change",
        dev_key="",
        rows=tuple(_probe_row(probe, scale, found.cause) for probe in probes),
        axis=_axis(scale, unit="points"),
        unit="percentage points",
    )


def _scale_of(document: ClimbDocument, *, unit: Unit) -> Scale:
    bar = document.task.bar
    verdicts = [rung.verdict for rung in document.rungs if rung.verdict]
    figures = [value for verdict in verdicts for value in (verdict.lower, verdict.estimate, verdict.upper)]
    figures += [0.0] if unit == "points" else [_dev(rung) for rung in document.rungs]
    figures += [bar.line - CLEAR, bar.line + CLEAR]
    known = [value for value in figures if value is not None]
    within = (0.0, max(1.0, *bar.cost.values())) if bar.cost else WITHIN[unit]
    return fit(known, least=0.1, marks=6, within=within)


def _rung_row(rung: RungRecord, scale: Scale, bar: Bar, *, unit: Unit) -> Row:
    verdict, mark = rung.verdict, state(rung.state)
    estimate = verdict.estimate if verdict else None
    href = f"#{anchor(rung.rung)}"
    dev = None if unit == "points" else _dev(rung)
    if estimate is None and dev is None:
        why = rung.reason or "No reason was recorded."
        return Row(name=rung.rung, href=href, title=rung.title, tone=mark.tone, why=why, mark=mark)
    line = verdict.bar if verdict else None
    bounds = text.interval(verdict and verdict.lower, verdict and verdict.upper, unit=unit, bar=line)
    number = text.share(estimate, unit=unit, bar=line)
    ends = (verdict.lower, verdict.upper) if verdict else (None, None)
    return Row(
        name=rung.rung,
        href=href,
        title=rung.title,
        tone=mark.tone,
        track=_track(scale, bar.line, (estimate, *ends), dev, f"{rung.rung}: estimate {number}, bounds {bounds}, {mark.word}"),
        number=shown(verdict, bar) if verdict and verdict.status == "pass" else number,
        mark=mark,
        small=_small(verdict, number, bounds) if verdict else "",
    )


def _small(verdict: Verdict, estimate: str, bounds: str) -> str:
    """The estimate where it does not lead already."""
    said = f"estimate {estimate}, {bounds}" if verdict.status == "pass" else bounds
    return f"{said} · {text.looked(verdict.n, verdict.n_total)} rows"


def _probe_row(probe: ProbeRecord, scale: Scale, leading: str) -> Row:
    if probe.lift is None:
        why = probe.reason or "It was not run."
        return Row(name=probe.cause, href=None, title=probe.title, tone="quiet", why=why, mark=state("skipped", "not run"))
    bounds = text.interval(probe.lower, probe.upper, unit="points")
    lift = text.points(probe.lift)
    return Row(
        name=probe.cause,
        href=None,
        title=probe.title,
        tone="pass" if probe.cause == leading else "",
        track=_track(scale, 0.0, (probe.lift, probe.lower, probe.upper), None, f"{probe.cause}: {lift}, {bounds}"),
        number=lift,
        small=f"{bounds} · {text.percent(probe.before)} to {text.percent(probe.after)}, {text.count(probe.n)} rows",
    )


def _track(
    scale: Scale, bar: float, interval: tuple[float | None, float | None, float | None], dev: float | None, words: str
) -> Track:
    """The axis behind one row, as high as the row, so that the bar's line runs on; an open end reaches the edge."""
    estimate, lower, upper = interval
    grid, line = tuple(_percent(scale, tick) for tick in scale.ticks), _percent(scale, bar)
    diamond = _percent(scale, dev) if dev is not None else None
    if estimate is None:
        return Track(words=words, grid=grid, bar=line, dev=diamond)
    return Track(
        words=words,
        grid=grid,
        bar=line,
        span=(_percent(scale, scale.low if lower is None else lower), _percent(scale, scale.high if upper is None else upper)),
        ends=tuple(_percent(scale, end) for end in (lower, upper) if end is not None),
        estimate=_percent(scale, estimate),
        dev=diamond,
    )


def _axis(scale: Scale, *, unit: Unit) -> tuple[tuple[str, str], ...]:
    say = {"points": _whole_points, "share": text.whole_percent, "number": text.figure}[unit]
    return tuple((_percent(scale, tick), say(tick)) for tick in scale.ticks)


def _percent(scale: Scale, value: float) -> str:
    return f"{100 * scale.at(value):.2f}%"


def _dev(rung: RungRecord) -> float | None:
    return rung.dev.mean if rung.dev else None


def _whole_points(value: float) -> str:
    return f"{value * 100:+.3g}".replace("-", text.MINUS) if value else "0"
