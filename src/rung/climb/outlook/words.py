"""Times and money of a prediction, in words."""

from __future__ import annotations

from collections.abc import Sequence

from rung.climb.outlook.foresight import sum_of
from rung.parts import Span
from rung.registry.predictions import Prediction, Step


def duration(seconds: float) -> str:
    """`8 s`, `4 min`, `1 h 20 min`: no finer than it is known."""
    if seconds < 0.5:
        return "no time"
    if seconds < 90:
        return f"{_rounded(seconds)} s"
    minutes = _rounded(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def _rounded(value: float) -> int:
    """To two significant digits, in fives from 20 on."""
    if value < 20:
        return max(1, round(value))
    step = 5 if value < 100 else 10
    return step * round(value / step)


def remaining(ends: Sequence[tuple[str, Sequence[Step]]]) -> str:
    """`about 3 min if the prompt passes, at most 25 min`; "" where nothing is left that takes time.

    ends  title of the rung that passes ("" for none) and the steps until then, the soonest first
    """
    if not ends:
        return ""
    amounts = [(title, sum_of(steps).seconds) for title, steps in ends]
    telling = [(title, seconds) for title, seconds in amounts if title and seconds.expected >= 1]
    most = max(seconds.most for _, seconds in amounts)
    if most < 1:
        return ""
    shown = telling[-1:] if len(telling) == 1 else [*telling[:1], *telling[1:2]]
    parts = [f"about {duration(seconds.expected)} if the {title} passes" for title, seconds in shown]
    nothing = next((seconds for title, seconds in amounts if not title), None)
    if nothing is not None:
        parts.append(f"about {duration(nothing.expected)} if nothing does")
    return f"{', '.join(parts)}; at most {duration(most)}"


def answers(ends: Sequence[tuple[str, Sequence[Step]]]) -> str:
    """`about 900 answers if the prompt passes, at most 3,000`, for a base of which nobody knows how fast it is."""
    amounts = [(title, sum_of(steps).answers) for title, steps in ends]
    first = next(((title, count) for title, count in amounts if title and count.expected), None)
    most = max((count.most for _, count in amounts), default=0.0)
    told = [f"about {first[1].expected:,.0f} answers if the {first[0]} passes"] if first else []
    return ", ".join([*told, f"at most {most:,.0f}" + ("" if told else " answers")])


def money(prediction: Prediction) -> str:
    """What a paid base will ask, at least and at most; "" where nothing is asked of one, or no price is known."""
    if not prediction.ends or prediction.ends[-1].amount.usd is None or not prediction.ends[-1].amount.usd.most:
        return ""
    first = next((end for end in prediction.ends if end.amount.usd and end.amount.usd.expected), prediction.ends[-1])
    cheap, whole = first.amount.usd, prediction.ends[-1].amount.usd
    assert cheap is not None
    passes = f" if the {first.title} passes" if first.title else ""
    return f"It will cost about {usd(cheap.expected)}{passes}, at most {usd(whole.most)}."


def costs(prediction: Prediction, limit: float | None) -> list[str]:
    """What a paid base will ask, in tokens and money, the cheap form and the dear one; none where no server is asked.

    limit  what may be spent, where the task says so
    """
    whole = prediction.ends[-1].amount
    if not any("server" in note for note in prediction.notes):
        return []
    read, cached, written = (millions(getattr(whole, name).expected) for name in ("read", "cached", "written"))
    answers = f"{whole.answers.expected:,.0f} answers (at most {whole.answers.most:,.0f})"
    lines = [f"If no rung passes: {answers}, {read} tokens read, {cached} of them the same for all rows, {written} written."]
    if line := money(prediction):
        lines.append(line)
    if limit is not None and whole.usd is not None and whole.usd.most > limit:
        lines.append(f"The task allows {usd(limit)} (limits.usd): there the climb stops, and goes on where more is allowed.")
    return lines


def millions(tokens: float) -> str:
    """`820,000`, `3.4 million`."""
    return f"{tokens / 1e6:.1f} million" if tokens >= 1e6 else f"{round(tokens, -3 if tokens >= 1e4 else -1):,.0f}"


def usd(value: float) -> str:
    """`$0.42`; small sums keep two significant digits."""
    return f"${value:.2f}" if value >= 0.1 or value == 0 else f"${value:.2g}"


def spread(span: Span) -> str:
    """`40 s`, or `40 s (10 s to 3 min)` where it depends on what comes out."""
    if span.most <= 1.3 * max(span.least, 1e-9):
        return duration(span.expected)
    return f"{duration(span.expected)} ({duration(span.least)} to {duration(span.most)})"
