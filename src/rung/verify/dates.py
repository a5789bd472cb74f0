"""Dates as people write them, with the time of day and its zone where they are said.

A text is read as a whole: what only begins like a date is none. `03/04/2024` is read in the order that its column has; without one
it is no date, unless only one order gives a day. Between points the day comes first. Two-digit years stand for any century.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

_LONGEST = 80
ODD_SHARE = 0.05  # of a column's values: more are no accident
_NAMES = (
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari",
    "february feb februar feber février févr febrero febbraio fevereiro fev februari",
    "march mar märz mrz mars marzo março maart",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug août agosto ago augustus",
    "september sept sep septembre septiembre settembre sett set setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro out",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro",
)
MONTHS: Mapping[str, int] = {name: number for number, names in enumerate(_NAMES, start=1) for name in names.split()}
_TIME = (
    r"(?:[T\s]\s*|,\s*|\s+(?:at|um|à|a las)\s+)(?P<hour>\d{1,2})"
    r"(?:(?P<mark>[:h.])(?P<minute>\d{2})(?::?(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?)?"
    r"\s*(?P<half>[ap]\.?m\.?)?\s*(?:uhr|hrs?)?"
    r"\s*(?P<zone>z|utc|gmt|[a-z]{2,5}t|[+\-\u2212]\d{2}(?::?\d{2})?|(?:utc|gmt)\s?[+\-\u2212]\d{1,2}(?::?\d{2})?|[a-z_]+/[a-z_]+)?"
)
_DAYS = tuple(
    re.compile(pattern + rf"(?:{_TIME})?", re.IGNORECASE)
    for pattern in (
        r"(?P<year>\d{4})(?P<by>[-/.])(?P<month>\d{1,2})(?P=by)(?P<day>\d{1,2})",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})",
        r"(?P<year>\d{4})\s?[年년]\s?(?P<month>\d{1,2})\s?[月월]\s?(?P<day>\d{1,2})\s?[日일]",
        r"(?P<first>\d{1,2})(?P<by>[-/.])\s?(?P<other>\d{1,2})(?P=by)\s?(?P<year>\d{4})",
        r"(?P<first>\d{1,2})(?P<by>[/.])(?P<other>\d{1,2})(?P=by)(?P<year>\d{2})",
        r"(?:the\s)?(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.|º)?[\s-]*(?:of\s|de\s)?(?P<name>[^\W\d_]{3,12})\.?,?[\s-]*(?:de\s|del\s)?(?P<year>\d{4}|'?\d{2})(?!\d)",
        r"(?P<name>[^\W\d_]{3,12})\.?\s?(?P<day>\d{1,2})(?:st|nd|rd|th)?,?\s(?P<year>\d{4})",
        r"(?P<year>\d{4})[\s-](?P<name>[^\W\d_]{3,12})\.?[\s-](?P<day>\d{1,2})",
    )
)
# Within a text: what stands there must be a date as a whole, and eight digits are none.
_IN_TEXT = tuple(
    re.compile(rf"(?<![\w/.,:+-])(?:{pattern.pattern})(?![\w/])(?![-.,:]\w)", re.IGNORECASE)
    for place, pattern in enumerate(_DAYS)
    if place != 1
)
_WEEKDAY = re.compile(
    r"(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\.?,?\s+|(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|mi[ée]rcoles|jueves|viernes|s[áa]bado|domingo),?\s+",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A day, and the time and zone that are said with it.

    short_year  the year was written with two digits, so that its century is not known
    zone        minutes east of Greenwich, the name of a zone, or None
    """

    day: date
    short_year: bool = False
    time: time | None = None
    zone: int | str | None = None


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a column's dates show of their order: whether the day comes first, None where no value decides."""

    day_first: bool | None
    odd: int = 0
    doubtful: str = ""


def read_date(value: Any, *, day_first: bool | None = None) -> Moment | None:
    """The moment that a text names as a whole; None where it names none, or `day_first` is wanted to tell and is not known."""
    text = value.strip() if isinstance(value, str) else ""
    return _read(text, day_first) if 6 <= len(text) <= _LONGEST else None


def dates_in(text: str, *, day_first: bool | None = None) -> list[tuple[int, Moment]]:
    """Every date in a text, with the place where it begins, in their order. White space in it must be single blanks."""
    matches = (match for pattern in _IN_TEXT for match in pattern.finditer(text))
    found = ((match.start(), moment) for match in matches if (moment := _moment(match, day_first)))
    return sorted(found, key=lambda one: one[0])


def same_date(answer: Moment, target: Moment) -> bool:
    """Whether an answer's moment is the target's: all that the target says must be said, and right; midnight needs no saying."""
    if answer.time and target.time and isinstance(answer.zone, int) and isinstance(target.zone, int):
        return _instant(answer) == _instant(target) and answer.short_year == target.short_year
    if not _same_day(answer, target):
        return False
    if target.time is None or answer.time is None:
        return target.time is None or (target.time == time() and target.zone is None)
    return answer.time == target.time and target.zone in (None, answer.zone)


def order_of(values: Sequence[Any]) -> Order:
    """Which of day and month comes first in a column, over all its values.

    `odd` counts the values that only the other order can read; where they are more than a few, or no value decides, the order is
    None and `doubtful` a value that can be read in two ways.
    """
    pairs = [pair for value in values if isinstance(value, str) and (pair := _pair(value))]
    first, second = sum(a > 12 for a, _, _ in pairs), sum(b > 12 for _, b, _ in pairs)
    doubtful = next((text for a, b, text in pairs if a <= 12 and b <= 12 and a != b), "")
    if min(first, second) > max(first, second) * ODD_SHARE:
        return Order(day_first=None, odd=min(first, second), doubtful=doubtful or next(text for _, _, text in pairs))
    if first == second:
        return Order(day_first=None, doubtful=doubtful)
    return Order(day_first=first > second, odd=min(first, second))


def _pair(text: str) -> tuple[int, int, str] | None:
    for pattern in _DAYS[3:5]:
        if match := pattern.fullmatch(text.strip()[:_LONGEST]):
            return (int(match["first"]), int(match["other"]), text) if match["by"] != "." else None
    return None


@lru_cache(maxsize=4096)
def _read(text: str, day_first: bool | None) -> Moment | None:
    text = _WEEKDAY.sub("", text, count=1) if text[:1].isalpha() else text
    for moment in (_moment(match, day_first) for match in _fits(text)):
        if moment:
            return moment
    return None


def _fits(text: str) -> Iterator[re.Match[str]]:
    return (match for pattern in _DAYS if (match := pattern.fullmatch(text)))


def _moment(match: re.Match[str], day_first: bool | None) -> Moment | None:
    said = match.groupdict()
    if said.get("name"):
        month = MONTHS.get(said["name"].casefold())
        if month is None:
            return None
        day = int(said["day"])
    elif said.get("first"):
        pair = _ordered(int(said["first"]), int(said["other"]), True if said["by"] == "." else day_first)
        if pair is None:
            return None
        day, month = pair
    else:
        day, month = int(said["day"]), int(said["month"])
    year = said["year"].lstrip("'")
    short = len(year) == 2
    try:
        moment = Moment(day=date(int(year) + (2000 if short else 0), month, day), short_year=short)
        return _timed(moment, said) if said["hour"] else moment
    except ValueError:
        return None


def _ordered(first: int, other: int, day_first: bool | None) -> tuple[int, int] | None:
    """Day and month."""
    if day_first is None:
        if first <= 12 and other <= 12 and first != other:
            return None
        day_first = other <= 12
    return (first, other) if day_first else (other, first)


def _timed(moment: Moment, said: Mapping[str, str | None]) -> Moment:
    """Raises ValueError for a time that there is not."""
    hour, minute = int(said["hour"] or 0), said["minute"]
    half = (said["half"] or "").replace(".", "").casefold()
    if minute is None and not half:
        raise ValueError("an hour alone is no time of day")
    if half:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if half == "pm" else 0)
    part = int((said["part"] or "").ljust(6, "0")[:6])
    return replace(moment, time=time(hour, int(minute or 0), int(said["second"] or 0), part), zone=_zone(said["zone"]))


def _zone(text: str | None) -> int | str | None:
    if not text:
        return None
    name = text.casefold().replace("\u2212", "-")
    offset = re.fullmatch(r"(?:utc|gmt)?\s?([+-])(\d{1,2}):?(\d{2})?", name)
    if offset:
        return (-1 if offset[1] == "-" else 1) * (60 * int(offset[2]) + int(offset[3] or 0))
    return 0 if name in ("z", "utc", "gmt") else name


def _same_day(left: Moment, right: Moment) -> bool:
    if left.short_year or right.short_year:
        return (left.day.month, left.day.day, left.day.year % 100) == (right.day.month, right.day.day, right.day.year % 100)
    return left.day == right.day


def _instant(moment: Moment) -> timedelta:
    """Since the first day that there is; not a datetime, which has none before it."""
    assert moment.time is not None and isinstance(moment.zone, int)
    clock = moment.time
    return timedelta(
        days=moment.day.toordinal(),
        hours=clock.hour,
        minutes=clock.minute - moment.zone,
        seconds=clock.second,
        microseconds=clock.microsecond,
    )
