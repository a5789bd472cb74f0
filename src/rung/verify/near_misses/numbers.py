"""Near misses in one value: a digit, a zero, a sign, a point, a unit, a day, a time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from rung.verify.near_misses.material import Material

_EXACT_DIGITS = 9  # a fraction's digits beyond these are within what reading and writing it may change
_ZEROS = re.compile(r"(?P<before>[A-Za-z]{1,6}[-/ ]?)?0+(?P<rest>\d+)")
_NUMBER = re.compile(r"(?P<whole>\d{1,3}(?:,\d{3})+|\d+)(?P<part>\.\d+)?")
_SIGNED = re.compile(r"(?P<sign>[-−]\s?|\()(?P<rest>[$€£¥]?\s?\d[\d.,]*)\)?(?P<after>\D*)")
_UNSIGNED = re.compile(r"[$€£¥]?\d[\d.,]*")
_DATES = (
    re.compile(r"(?P<before>.*?\b\d{4}[-/.])(?P<a>0[1-9]|1[0-2])(?P<between>[-/.])(?P<b>0[1-9]|1[0-2])(?P<after>(?:[T ].*)?)"),
    re.compile(r"(?P<before>)(?P<a>0?[1-9]|1[0-2])(?P<between>[-/.])(?P<b>0?[1-9]|1[0-2])(?P<after>[-/.]\d{2,4}\b.*)"),
)
_TIME = re.compile(r"(?<![\d:])(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!\d)")
_CURRENCIES = {"$": "€", "€": "$", "£": "€", "¥": "$"}
_UNITS = {
    "kg": "g", "g": "kg", "mg": "g", "km": "m", "m": "km", "cm": "mm", "mm": "cm", "ml": "l", "l": "ml", "hours": "minutes",
    "minutes": "hours", "days": "weeks", "weeks": "days", "months": "years", "years": "months", "EUR": "USD", "USD": "EUR",
    "GBP": "USD", "euros": "dollars", "dollars": "euros", "pounds": "euros", "€": "$",
}  # fmt: skip
_UNIT = re.compile(rf"(?P<number>.*\d\s?)(?P<unit>{'|'.join(sorted(map(re.escape, _UNITS), key=len, reverse=True))})(?P<after>\W*)")


def digit_changed(given: Material) -> Iterator[str]:
    """The first, a middle, the last digit is another one."""

    def edit(text: str) -> Iterator[str]:
        places = [match.start() for match in re.finditer(r"[0-9]", text)]
        if "." in text and len(places) > _EXACT_DIGITS and re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?", text):
            places = places[:_EXACT_DIGITS]
        for place in sorted({places[0], places[len(places) // 2], places[-1]}) if places else ():
            digit = int(text[place])
            new = (digit + given.draw.randint(1, 9)) % 10
            # A first digit of 0 would be one digit less, which is another kind.
            new = new or (digit % 9) + 1
            yield text[:place] + str(new) + text[place + 1 :]

    return given.changed(edit)


def zeros_dropped(given: Material) -> Iterator[str]:
    """Leading zeros are gone: 501 for 00501."""

    def edit(text: str) -> Iterator[str]:
        if match := _ZEROS.fullmatch(text.strip()):
            yield (match["before"] or "") + match["rest"]

    return given.changed(edit)


def sign_dropped(given: Material) -> Iterator[str]:
    """5 for -5."""

    def edit(text: str) -> Iterator[str]:
        if match := _SIGNED.fullmatch(text.strip()):
            yield match["rest"] + match["after"]

    return given.changed(edit)


def sign_added(given: Material) -> Iterator[str]:
    """-5 for 5."""

    def edit(text: str) -> Iterator[str]:
        if _UNSIGNED.fullmatch(text.strip()) and re.search(r"[1-9]", text) and not re.match(r"0\d", text.strip()):
            yield "-" + text.strip()

    return given.changed(edit)


def point_moved(given: Material) -> Iterator[str]:
    """Ten times as much, a tenth."""

    def edit(text: str) -> Iterator[str]:
        match = _NUMBER.fullmatch(text.strip())
        if match is None or re.match(r"0\d", text.strip()):
            return
        value = Decimal(text.strip().replace(",", ""))
        for moved in (value * 10, value / 10) if value else ():
            yield f"{moved.normalize():f}"

    return given.changed(edit)


def unit_changed(given: Material) -> Iterator[str]:
    """310 kg for 310 g."""

    def edit(text: str) -> Iterator[str]:
        whole = text.strip()
        if whole[:1] in _CURRENCIES and re.fullmatch(r".\s?[-\d.,]+", whole):
            yield _CURRENCIES[whole[0]] + whole[1:]
        elif (match := _UNIT.fullmatch(whole)) and len(whole) < 40:
            yield match["number"] + _UNITS[match["unit"]] + match["after"]

    return given.changed(edit)


def day_and_month_swapped(given: Material) -> Iterator[str]:
    """2024-05-03 for 2024-03-05, where both are months of the year."""

    def edit(text: str) -> Iterator[str]:
        for match in (pattern.fullmatch(text.strip()) for pattern in _DATES):
            if match and int(match["a"]) != int(match["b"]):
                yield match["before"] + match["b"] + match["between"] + match["a"] + match["after"]
                return

    return given.changed(edit)


def time_changed(given: Material) -> Iterator[str]:
    """15:31 and 03:30 for 15:30."""

    def edit(text: str) -> Iterator[str]:
        if not (match := _TIME.search(text)):
            return
        hour, minute = int(match["hour"]), int(match["minute"])
        width = len(match["hour"])
        for new in (f"{hour:0{width}d}:{(minute + 1) % 60:02d}", f"{(hour + 12) % 24:0{width}d}:{minute:02d}"):
            yield text[: match.start()] + new + text[match.end() :]

    return given.changed(edit)


def value_changed(given: Material) -> Iterator[str]:
    """Another value in the place of one: a text that is longer by a word, a number more by one, true for false."""

    def edit(text: str) -> Iterator[str]:
        if re.fullmatch(r"-?\d{1,15}", text):
            yield str(int(text) + 1)
        yield f"{text} other"
        yield "something else"

    return islice(given.changed(edit), 2)
