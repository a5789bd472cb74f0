"""The ladder and the bars of trials, as inline SVG.

Everything is placed in percent of the drawing's width and the words are kept in HTML, so that letters stay one size from a phone to
a printed page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.report import text
from rung.report.facts import Document, anchor, at, bar_line, bar_words, is_difference, listed, rungs, state
from rung.report.markup import Html, element, join
from rung.report.scale import Scale, fit

# What is always shown on either side of the bar, as a share.
CLEAR = 0.015


def mark(name: Any, word: str | None = None) -> Html:
    """A state's mark, and its own word or a given one. The shape differs as well as the colour: disc, square, diamond, ring."""
    shown = state(name)
    shapes = {
        "pass": element("circle", cx=8, cy=8, r=8),
        "fail": element("rect", x=0.5, y=0.5, width=15, height=15, rx=3),
        "undecided": element("rect", x=1.5, y=1.5, width=13, height=13, rx=1.5, transform="rotate(45 8 8)"),
        "quiet": element("circle", cx=8, cy=8, r=6.5, class_="ring"),
    }
    strokes = {
        "✓": "M4.6 8.3 7 10.7 11.5 5.6",
        "✗": "M5 5 11 11 M11 5 5 11",
        "?": "M5.9 6.1a2.1 2 0 1 1 3.1 1.8q-1 .5-1 1.5 M8 12.1v.05",
        "…": "M4.7 8v.1 M8 8v.1 M11.3 8v.1",
    }
    stroke = element("path", d=strokes.get(shown.mark, "M5.4 8h5.2"))
    icon = element("svg", shapes[shown.tone], stroke, viewBox="0 0 16 16", width=16, height=16, aria_hidden="true")
    return element("span", icon, word or shown.word, class_=f"state {shown.tone}")


def ladder(document: Document) -> Html:
    """Every rung as a horizontal interval lower, estimate, upper against the bar line; what was not measured says why."""
    every = rungs(document)
    if not every:
        return Html("")
    bar, difference = bar_line(document), is_difference(at(document, "task", "bar"))
    scale = _ladder_scale(every, bar, difference=difference)
    rows = [_ladder_row(rung, scale, bar, difference=difference) for rung in every]
    what = "Difference in score on the gate" if difference else "Score on the gate"
    caption = element(
        "figcaption",
        element("span", f"{what}, cheapest rung first. ", class_="lead"),
        _key(_dot("50%", 9), "estimate, with its lower and upper bound"),
        _key(_line("50%", "1", "17", "bar"), f"the bar: {bar_words(at(document, 'task', 'bar'))}") if bar is not None else None,
        _key(_diamond("50%", 9), "score on dev") if not difference and any(_dev(rung) is not None for rung in every) else None,
    )
    return element("figure", caption, element("ol", rows), _ladder_axis(scale, difference=difference), class_="ladder")


def trials(rung: Mapping[str, Any]) -> Html:
    """What the rung tried on dev, as bars from 0 to 100%, the chosen one said in words."""
    tried = [trial for trial in listed(rung, "trials") if isinstance(trial, Mapping)]
    if not tried:
        return Html("")
    rows = [_trial(trial) for trial in tried]
    caption = element(
        "figcaption", "Tried on dev. Dev may be looked at freely, so it flatters the best of these; the gate decides."
    )
    return element("figure", caption, element("ul", rows), class_="trials")


def lifts(probes: Sequence[Mapping[str, Any]], leading: Any) -> Html:
    """What each change did to the score on dev, lower bound, lift, upper bound, against no change; the leading cause in colour."""
    shown = [(probe, {"estimate": at(probe, "lift"), "lower": at(probe, "lower"), "upper": at(probe, "upper")}) for probe in probes]
    figures = [text.number(value) for _, verdict in shown for value in verdict.values()]
    scale = fit([0.0, *(value for value in figures if value is not None)], least=0.2, marks=6, within=(-1.0, 1.0))
    caption = element(
        "figcaption",
        element("span", "What each change alone does to the score on dev, cheapest first. ", class_="lead"),
        _key(_dot("50%", 9), "the best of its forms, with a 95% interval"),
        _key(_line("50%", "1", "17", "bar"), "no change"),
    )
    rows = [_lift_row(probe, verdict, scale, leading) for probe, verdict in shown]
    return element("figure", caption, element("ol", rows), _ladder_axis(scale, difference=True), class_="ladder lifts")


def _lift_row(probe: Mapping[str, Any], verdict: Mapping[str, Any], scale: Scale, leading: Any) -> Html:
    cause = text.plain(probe.get("cause"))
    head = element("div", element("b", cause), element("small", probe.get("title")), class_="who")
    if text.number(verdict["estimate"]) is None:
        why = element("p", probe.get("reason") or "It was not run.", class_="why", dir="auto")
        return element("li", head, why, element("div", mark("skipped", "not run"), class_="figures"), class_="unmeasured quiet")
    bounds = text.interval(verdict["lower"], verdict["upper"], difference=True)
    came = f"{text.percent(probe.get('before'))} to {text.percent(probe.get('after'))}, {text.count(probe.get('n'))} rows"
    small = element("small", f"{bounds} · {came}")
    number = element("div", element("strong", text.points(verdict["estimate"])), small, class_="figures")
    drawing = _track(scale, 0.0, [_interval(scale, verdict)], f"{cause}: {text.points(verdict['estimate'])}, {bounds}")
    return element("li", head, drawing, number, class_="pass" if probe.get("cause") == leading else None)


def _ladder_scale(every: Sequence[Mapping[str, Any]], bar: float | None, *, difference: bool) -> Scale:
    verdicts = [rung.get("verdict") for rung in every]
    figures = [text.number(at(verdict, key)) for verdict in verdicts for key in ("lower", "estimate", "upper")]
    figures += [0.0] if difference else [_dev(rung) for rung in every]
    figures += [] if bar is None else [bar - CLEAR, bar + CLEAR]
    known = [value for value in figures if value is not None]
    return fit(known, least=0.1, marks=6, within=(-1.0, 1.0) if difference else (0.0, 1.0))


def _ladder_row(rung: Mapping[str, Any], scale: Scale, bar: float | None, *, difference: bool) -> Html:
    name, verdict = text.plain(rung.get("rung")), rung.get("verdict")
    estimate, line = text.number(at(verdict, "estimate")), at(verdict, "bar")
    head = element("div", element("a", name, href=f"#{anchor(rung)}"), element("small", rung.get("title")), class_="who")
    shown = state(rung.get("state"))
    if estimate is None and (difference or _dev(rung) is None):
        reason = element("p", rung.get("reason") or "No reason was recorded.", class_="why", dir="auto")
        stands = element("div", mark(rung.get("state")), class_="figures")
        return element("li", head, reason, stands, class_=f"unmeasured {shown.tone}")
    bounds = text.interval(at(verdict, "lower"), at(verdict, "upper"), difference=difference, bar=line)
    figures = element(
        "div",
        element("strong", text.share(estimate, difference=difference, bar=line)),
        mark(rung.get("state")),
        element("small", bounds, f" · {text.looked(at(verdict, 'n'), at(verdict, 'n_total'))} rows") if verdict else None,
        class_="figures",
    )
    words = f"{name}: estimate {text.share(estimate, difference=difference, bar=line)}, bounds {bounds}, {shown.word}"
    dev = None if difference else _dev(rung)
    drawing = _track(scale, bar, [_interval(scale, verdict), _diamond(_percent(scale, dev), 0) if dev is not None else None], words)
    return element("li", head, drawing, figures, class_=shown.tone)


def _track(scale: Scale, bar: float | None, marks: Sequence[Html | None], words: str) -> Html:
    """The axis behind one row, as high as the row, so that the bar's line runs on; `marks` are drawn around its middle."""
    grid = [_line(_percent(scale, tick), "0", "100%", "grid") for tick in scale.ticks]
    line = _line(_percent(scale, bar), "0", "100%", "bar") if bar is not None else None
    middle = element("svg", marks, y="50%", overflow="visible")
    drawing = element("svg", grid, line, middle, width="100%", height="100%", role="img", aria_label=words)
    return element("div", drawing, class_="track")


def _interval(scale: Scale, verdict: Any) -> Html | None:
    estimate = text.number(at(verdict, "estimate"))
    if estimate is None:
        return None
    lower, upper = text.number(at(verdict, "lower")), text.number(at(verdict, "upper"))
    left, right = _percent(scale, scale.low if lower is None else lower), _percent(scale, scale.high if upper is None else upper)
    ends = [_line(_percent(scale, end), "-5", "5", "whisker") for end in (lower, upper) if end is not None]
    span = element("line", x1=left, x2=right, y1=0, y2=0, class_="whisker")
    return join([span, ends, _dot(_percent(scale, estimate), 0)])


def _ladder_axis(scale: Scale, *, difference: bool) -> Html:
    labels = [
        element(
            "text",
            _whole_points(tick) if difference else text.whole_percent(tick),
            x=_percent(scale, tick),
            y=13,
            class_="odd" if i % 2 else None,
        )
        for i, tick in enumerate(scale.ticks)
    ]
    drawing = element("svg", labels, height=18, width="100%", aria_hidden="true")
    return element("div", element("span"), drawing, element("span", "percentage points" if difference else None), class_="axis")


def _trial(trial: Mapping[str, Any]) -> Html:
    mean, chosen = text.number(trial.get("mean")), bool(trial.get("chosen"))
    length = f"{100 * min(1.0, max(0.0, mean)):.2f}%" if mean is not None else "0"
    drawing = element(
        "svg",
        element("rect", width="100%", height=10, rx=2, class_="room"),
        element("rect", width=length, height=10, rx=2, class_="amount"),
        width="100%",
        height=10,
        aria_hidden="true",
    )
    name = element("span", text.plain(trial.get("name")), element("b", "chosen", class_="tag") if chosen else None, class_="who")
    rows = element("small", f"{text.count(trial.get('n'))} rows") if text.number(trial.get("n")) is not None else None
    figures = element("span", text.percent(mean), rows, class_="figures")
    return element("li", name, drawing, figures, class_="chosen" if chosen else None)


def _key(drawing: Html, words: str) -> Html:
    return element("span", element("svg", drawing, width=22, height=18, aria_hidden="true"), words, class_="key")


def _dot(x: str, y: int) -> Html:
    return element("circle", cx=x, cy=y, r=5, class_="estimate")


def _diamond(x: str, y: int) -> Html:
    """A diamond around a point given in percent: a nested svg carries the percentage, since a path cannot."""
    shape = element("path", d="M0 -5 5 0 0 5 -5 0Z", class_="dev")
    return element("svg", shape, x=x, y=y, overflow="visible")


def _line(x: str, top: str, bottom: str, kind: str) -> Html:
    return element("line", x1=x, x2=x, y1=top, y2=bottom, class_=kind)


def _percent(scale: Scale, value: float) -> str:
    return f"{100 * scale.at(value):.2f}%"


def _dev(rung: Mapping[str, Any]) -> float | None:
    return text.number(at(rung, "dev", "mean"))


def _whole_points(value: float) -> str:
    return f"{value * 100:+.3g}".replace("-", text.MINUS) if value else "0"
