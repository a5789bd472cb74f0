"""Reading what a model wrote: JSON among prose, numbers with currency signs, dates in many formats."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from rung.calls import outermost_json, refuse_constant

_NUMBER = re.compile(
    r"(?P<sign>[-+−])?\s?(?:[$€£¥]\s?(?P<inner_sign>[-−])?)?"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?P<exponent>[eE][-+]?\d+)?(?P<percent>\s?%)?"
)
_DATE_FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d.%m.%y",
    "%d %B %Y",
    "%d %b %Y",
    "%B %d %Y",
    "%b %d %Y",
)
_MONTH_FIRST = ("%m/%d/%Y", "%m-%d-%Y", "%m/%d/%y")
_DAY_FIRST = ("%d/%m/%Y", "%d-%m-%Y", "%d/%m/%y")
_ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b", re.IGNORECASE)
_WEEKDAY = re.compile(r"^(mon|tues?|wed(nes)?|thu(rs)?|fri|sat(ur)?|sun)(day)?\.?,?\s+", re.IGNORECASE)


class NotJson(ValueError):
    """The text holds no JSON value of the kind asked for."""


def as_text(value: Any) -> str:
    """A target as the text that a model should answer with: a string as it is, any other value as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_texts(target: Any) -> list[str]:
    """A target that is a list as the texts in it, any other as one text."""
    return [as_text(item) for item in target] if isinstance(target, list | tuple) else [as_text(target)]


def strict_json(text: str) -> Any:
    """The JSON value that the whole text is. Raises NotJson, also for NaN and infinities, which are not JSON."""
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None


def find_json(text: str, kinds: tuple[type, ...] = (dict, list)) -> Any:
    """The first JSON value of one of `kinds` in the text, whatever stands around it. Raises NotJson where there is none."""
    for value in find_all_json(text):
        if isinstance(value, kinds):
            return value
    raise NotJson("no JSON " + " or ".join("object" if kind is dict else "list" for kind in kinds) + " in the answer")


def find_all_json(text: str) -> Iterator[Any]:
    """Every outermost JSON object or list in the text, in order; what is cut off, and NaN, are not JSON."""
    return outermost_json(text, constants=False)


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number as written, and whether a percent sign stood behind it."""

    value: float
    percent: bool = False

    def readings(self) -> tuple[float, ...]:
        """What it may stand for: `12%` is 12 (a column of percentages) or 0.12."""
        return (self.value, self.value / 100) if self.percent else (self.value,)


def find_numbers(text: str) -> list[Number]:
    """Every finite number in the text: `1,234.5`, `$12`, `-3`, `1e3`, `12%`."""
    found = (_number(match, text) for match in _NUMBER.finditer(text))
    return [number for number in found if math.isfinite(number.value)]


def read_number(value: Any) -> Number | None:
    """The finite number that a JSON value is, or that a text is as a whole, `(5)` being -5 as accountants write it; else None."""
    if isinstance(value, str):
        return _whole_number(value.strip())
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Number(value=float(value)) if math.isfinite(value) else None
    except OverflowError:
        return None


def close(number: Number, target: Number, *, absolute: float, relative: float) -> bool:
    """Whether a reading of one number is within the tolerance of a reading of the other."""
    return any(
        abs(left - right) <= max(absolute, relative * abs(right)) for left in number.readings() for right in target.readings()
    )


def read_date(value: Any, *, day_first: bool = False) -> date | None:
    """The day that a text names, time of day dropped; None where it names none.

    `3/4/2024` is the fourth of March unless `day_first`; where only one order gives a day, that one is taken.
    """
    text = value.strip() if isinstance(value, str) else ""
    try:
        return datetime.fromisoformat(text).date()
    except ValueError:
        pass
    text = " ".join(_ORDINAL.sub("", _WEEKDAY.sub("", text)).replace(",", " ").split())
    text = re.sub(r"(?<=[A-Za-z])\.|(?<=\d)-(?=[A-Za-z])|(?<=[A-Za-z])-(?=\d)", " ", text)
    text = re.sub(r"\bsept\b", "Sep", " ".join(text.split()), flags=re.IGNORECASE)
    slashed = (*_DAY_FIRST, *_MONTH_FIRST) if day_first else (*_MONTH_FIRST, *_DAY_FIRST)
    for pattern in (*_DATE_FORMATS, *slashed):
        try:
            return datetime.strptime(text, pattern).date()
        except ValueError:
            continue
    return None


def _whole_number(text: str) -> Number | None:
    bracketed = text.startswith("(") and text.endswith(")")
    text = text[1:-1] if bracketed else text
    match = _NUMBER.fullmatch(text)
    number = _number(match, text) if match else None
    if number is None or not math.isfinite(number.value):
        return None
    return replace(number, value=-number.value) if bracketed else number


def _number(match: re.Match[str], text: str) -> Number:
    size = float(match["digits"].replace(",", "") + (match["exponent"] or ""))
    before = text[match.start() - 1] if match.start() else " "
    minus = match["sign"] in ("-", "−") and not before.isalnum()  # in `3-4` and `item-4` it is a dash
    return Number(value=-size if minus or match["inner_sign"] else size, percent=match["percent"] is not None)
