"""Figures as a reader wants them: units written out, an em dash for what is unknown, never a zero."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

from rung.types import Unit

DASH = "—"
MINUS = "−"
ELLIPSIS = "…"


def number(value: Any) -> float | None:
    """A finite number, else None: text, NaN and infinities are as unknown as null."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def percent(value: Any, bar: Any = None) -> str:
    """`83.1%`. More decimals where rounding would lift a value onto a bar that it does not stand on."""
    known, line = number(value), number(bar)
    if known is None:
        return DASH
    return f"{known * 100:.{_decimals(known, line)}f}%".replace("-", MINUS)


def whole_percent(value: float) -> str:
    """`83%`, for the marks of an axis; a decimal only where the value has one."""
    return f"{value * 100:.3g}%"


def points(value: Any, bar: Any = None) -> str:
    """A difference of two shares: `+2.4 points`, in percentage points."""
    known, line = number(value), number(bar)
    if known is None:
        return DASH
    return f"{known * 100:+.{_decimals(known, line)}f} points".replace("-", MINUS)


def share(value: Any, *, unit: Unit, bar: Any = None) -> str:
    """A score in percent, a difference of scores in percentage points, or a number on a scale of its own, such as a cost."""
    if unit == "number":
        return figure(value, bar)
    return points(value, bar) if unit == "points" else percent(value, bar)


def figure(value: Any, bar: Any = None) -> str:
    """`0.421`, in three significant digits; more where rounding would lift a value onto a bar that it does not stand on."""
    known, line = number(value), number(bar)
    if known is None:
        return DASH
    digits = 3 if line is None or known == line else next((n for n in (3, 4, 5) if f"{known:.{n}g}" != f"{line:.{n}g}"), 6)
    return f"{known:.{digits}g}".replace("-", MINUS)


def interval(lower: Any, upper: Any, *, unit: Unit, bar: Any = None) -> str:
    """`80.9% to 85.1%`; one open side is said in words, and no bounds at all are a dash."""
    low, high = number(lower), number(upper)
    if low is None and high is None:
        return DASH
    if low is None:
        return f"at most {share(high, unit=unit, bar=bar)}"
    if high is None:
        return f"at least {share(low, unit=unit, bar=bar)}"
    start = share(low, unit=unit, bar=bar).removesuffix(" points")
    return f"{start} to {share(high, unit=unit, bar=bar)}"


def seconds(value: Any) -> str:
    """`640 µs`, `12 ms`, `1.24 s`, `48 s`, `1 min 15 s`, `2 h 5 min`."""
    known = number(value)
    if known is None:
        return DASH
    if known < 0.0995:
        return f"{known * 1e6:.0f} µs" if 0 < known < 0.000995 else f"{known * 1e3:.{1 if 0 < known < 0.00995 else 0}f} ms"
    if known < 59.5:
        return f"{known:.{2 if known < 9.995 else 0}f} s"
    minutes, rest = divmod(round(known), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min" if minutes else f"{hours:,} h"


def size(value: Any) -> str:
    """`0 B`, `912 B`, `3.7 KB`, `14 MB`, in powers of 1,000."""
    known = number(value)
    if known is None:
        return DASH
    for unit in ("B", "KB", "MB", "GB"):
        if known < 999.5:
            return f"{known:.{1 if unit != 'B' and known < 9.95 else 0}f} {unit}"
        known /= 1000
    return f"{known:,.1f} TB"


def count(value: Any) -> str:
    """`1,200`; a mean keeps one decimal while it is small."""
    known = number(value)
    if known is None:
        return DASH
    return f"{known:,.0f}" if known == int(known) or known >= 99.95 else f"{known:.1f}"


def looked(n: Any, total: Any) -> str:
    """`412 of 1,200`."""
    return DASH if number(n) is None else count(n) if number(total) is None else f"{count(n)} of {count(total)}"


def plural(n: int, noun: str) -> str:
    """`1 rung`, `2 rungs`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def dollars(value: Any) -> str:
    """`$0.42`; small sums keep two significant digits."""
    known = number(value)
    if known is None:
        return DASH
    if known and abs(known) < 0.095:
        return f"${known:.{1 - math.floor(math.log10(abs(known)))}f}"
    return f"${known:,.2f}"


def small(value: Any) -> str:
    """A probability or a loss, in three significant digits: `0.00833`."""
    known = number(value)
    return DASH if known is None else f"{known:.3g}".replace("-", MINUS)


def moment(value: Any) -> str:
    """`22 November 2025, 15:24 UTC`; a time that cannot be read stands as it is."""
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        return plain(value) if value else DASH
    zone = " UTC" if when.tzinfo else ""
    when = when.astimezone(UTC) if when.tzinfo else when
    return f"{when.day} {when:%B %Y, %H:%M}{zone}"


def plain(value: Any) -> str:
    """Any JSON value as text: words as they are, the rest as JSON, null as a dash."""
    if value is None:
        return DASH
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def sentence(words: str) -> str:
    """With a capital at its beginning and a full stop at its end."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "?", "!")) else ".")


def listing(value: Any) -> str:
    """A setting: words of a list side by side, anything else as `plain` says it."""
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or DASH
    return plain(value)


def shorten(text: str, longest: int) -> tuple[str, int]:
    """The first `longest` characters, and how many were left out."""
    return (text, 0) if len(text) <= longest else (text[:longest].rstrip() + ELLIPSIS, len(text) - longest)


def cut(words: str, longest: int = 800) -> str:
    """Words of a length that a page can hold, saying how much is left out."""
    shown, left = shorten(words, longest)
    return f"{shown} ({left:,} more characters)" if left else shown


def _decimals(value: float, bar: float | None) -> int:
    if bar is None or value == bar:
        return 1
    return next((digits for digits in (1, 2, 3) if round(value, digits + 2) != round(bar, digits + 2)), 4)
