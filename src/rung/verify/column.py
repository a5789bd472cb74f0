"""What a column of targets shows of itself: numbers, dates, identifiers or text, and how they are written.

Decided once over all values, never value by value. A few odd values change nothing: they are told where they stand, and the rest
keep their kind.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rung.verify.dates import ODD_SHARE, order_of, read_date
from rung.verify.numbers import LONGEST, POINTS, RESULT, NumberForm, read_number

ColumnKind = Literal["number", "date", "identifier", "text"]
IDENTIFIER_DIGITS = 6
IDENTIFIER_ROWS = 10
_ZEROS = re.compile(r"0\d+")
_DIALLED = re.compile(r"(\+|00)[\d\s()/-]{6,}")
_COMMA = re.compile(r"\d,(\d{1,2}|\d{4,})(?!\d)|\d\.\d{3},\d|\d\.\d{3}\.\d{3}(?![\d.])|(?<!\d)0,\d")
_POINT = re.compile(
    r"\d\.(\d{1,2}|\d{4,})(?![\d.])|\d,\d{3}\.\d|\d,\d{3},\d{3}(?![\d,])|\d,\d\d,\d{3}(?!\d)|(?<!\d)0\.\d|\d{4}\.\d|(?<!\d)\.\d"
)
_DOUBTFUL = re.compile(r"(?<![\d.,])[1-9]\d{0,2}\.\d{3}(?![\d.,])")


@dataclass(frozen=True, kw_only=True)
class ColumnReading:
    """What a column is.

    form       of numbers
    day_first  of dates: which part comes first between slashes; None where no value says
    doubt      why the column can be read in two ways, with a value as example; "" where it cannot
    evidence   of an identifier: what shows that it is one
    loses      whether an identifier read as a number would lose something, such as its zeros
    """

    kind: ColumnKind
    form: NumberForm = POINTS
    day_first: bool | None = None
    doubt: str = ""
    evidence: str = ""
    loses: bool = False


def read_column(values: Sequence[Any]) -> ColumnReading:
    """What the values are, those that are nothing (None, blank) left out. A column without values is text."""
    present = [value for value in values if not says_nothing(value)]
    if not present:
        return ColumnReading(kind="text")
    evidence, loses = _identifier(present)
    if evidence:
        return ColumnReading(kind="identifier", evidence=evidence, loses=loses)
    form, doubt = number_form(present)
    if _mostly(present, lambda value: read_number(value, form) is not None):
        return ColumnReading(kind="number", form=form, doubt=doubt)
    order = order_of(present)
    if _mostly(present, lambda value: _is_date(value, order.day_first)):
        return ColumnReading(kind="date", day_first=order.day_first, doubt=_two_days(order.doubtful))
    return ColumnReading(kind="text")


def says_nothing(value: Any) -> bool:
    """Whether a value is null, or text without a character to see."""
    return value is None or (isinstance(value, str) and not value.strip())


def leading_zeros(value: Any) -> bool:
    """Whether a text is digits of which the first is a zero that no quantity has."""
    return isinstance(value, str) and _ZEROS.fullmatch(value.strip()) is not None


def _identifier(values: Sequence[Any]) -> tuple[str, bool]:
    """What shows that digits are a name and no quantity ("" where nothing does), and whether a number would lose something of it.

    Leading zeros (a few of them only where all have one width); telephone numbers; one width of at least 6 digits, hardly ever the
    same value twice, and not rounded as quantities often are.
    """
    texts = [str(value).strip() for value in values if not isinstance(value, bool | float)]
    digits = [text for text in texts if text.isdigit()]
    dialled = sum(bool(_DIALLED.fullmatch(text)) for text in texts)
    if dialled and dialled >= (1 - ODD_SHARE) * len(values):
        return "telephone numbers", True
    if len(digits) < (1 - ODD_SHARE) * len(values):
        return "", False
    zeros = [text for text in digits if _ZEROS.fullmatch(text)]
    widths = [len(text) for text in digits]
    common = max(set(widths), key=widths.count)
    fixed = widths.count(common) >= (1 - ODD_SHARE) * len(digits)
    if zeros and ((fixed and common > 1) or (len(zeros) > 1 and len(zeros) > ODD_SHARE * len(digits))):
        return f"leading zeros, as in '{zeros[0]}'", True
    rounded = sum(text.endswith("0") for text in digits)
    distinct = len(set(digits)) >= (1 - ODD_SHARE) * len(digits)
    if fixed and distinct and common >= IDENTIFIER_DIGITS and len(digits) >= IDENTIFIER_ROWS and rounded <= 0.3 * len(digits):
        return f"{common} digits each, and hardly one twice, as in '{digits[0]}'", False
    return "", False


def number_form(values: Sequence[Any]) -> tuple[NumberForm, str]:
    """How the column writes numbers, and why that can be read in two ways ("" where it cannot).

    The decimal mark is the one that more values can only be read with; where none decides, the point, as in JSON.
    """
    results = (value.rpartition(RESULT)[2] for value in values if isinstance(value, str))
    texts = [text for text in results if len(text) <= LONGEST]
    commas, points = sum(bool(_COMMA.search(text)) for text in texts), sum(bool(_POINT.search(text)) for text in texts)
    points += sum(isinstance(value, float) for value in values)
    doubtful = [text for text in texts if _DOUBTFUL.search(text)]
    doubt = f"'{doubtful[0].strip()}' is a number with three decimals, or one of thousands" if doubtful and commas == points else ""
    written = NumberForm(decimal="," if commas > points else ".")
    counts, others = _texts(values)
    numbers = [number for value in [*counts, *others] if (number := read_number(value, written))]
    units = {unit for number in numbers if (unit := number.unit)}
    apart = any(not (one & other) for one in units for other in units)
    bare = [abs(number.value) for number in numbers if not number.percent]
    fractions = bare and max(bare) <= 1 and any(value % 1 for value in bare)
    return NumberForm(decimal=written.decimal, percent="fraction" if fractions else "points", needs_unit=apart), doubt


def _mostly(values: Sequence[Any], fits: Callable[[Any], bool]) -> bool:
    counts, others = _texts(values)
    fitting = sum(count for text, count in counts.items() if fits(text)) + sum(map(fits, others))
    return fitting >= (1 - ODD_SHARE) * len(values)


def _texts(values: Sequence[Any]) -> tuple[Counter[str], list[Any]]:
    """Each text once, with how often it stands there; and the values that are none."""
    return Counter(value for value in values if isinstance(value, str)), [value for value in values if not isinstance(value, str)]


def _is_date(value: Any, day_first: bool | None) -> bool:
    """In the column's order, or in either where that is in doubt."""
    orders = (True, False) if day_first is None else (day_first,)
    return isinstance(value, str) and not value.isdigit() and any(read_date(value, day_first=order) for order in orders)


def _two_days(text: str) -> str:
    """Why a date can be read in two ways."""
    if not text:
        return ""
    first, other = (read_date(text, day_first=order) for order in (True, False))
    if first is None or other is None:
        return f"some dates have the day first and some the month, such as '{text}'"
    return f"'{text.strip()}' is {first.day:%d %B} where the day comes first, and {other.day:%d %B} where the month does"
