"""Numbers as people write them: read exactly, in the way that their column is written, with the unit that stands beside.

What is read: `1,234.5`, `1.234,5` (in a column with decimal commas), `1'234`, `1 234`, `12,34,567`, `-3`, `(5)`, `5-`, `1e3`,
`12%`, `3/4`, `$12`, `EUR 12`, `12 kg`, `1.2 million`, `12k`. What is not: number words ("twelve"), and digits that are part of a
date, a time or a word. A fraction that never ends is computed to 40 digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from typing import Any, Literal

from rung.verify.units import ATTACHED, NONE, PERCENT, SCALES, unit_of

Mark = Literal[".", ","]
RESULT = "####"  # before the result of a worked solution, as GSM8K writes them
COMPUTED_DIGITS = 15  # a float that was computed shows its noise beyond these
COMPUTED_NOISE = 1e-9
LONGEST = 200  # a number with its unit; what is longer is read only where it is digits alone
_LARGEST_EXPONENT = 400
_EXACT = Context(prec=40, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

_MINUS = ("-", "\u2212", "\u2012", "\u2013")
_SIGN = "[-+\u2212\u2012\u2013]"
_THIN = "\u00a0\u2007\u2009\u202f"
_APOSTROPHE = "'\u2019\u02bc"
_SYMBOL = "[$\u20ac\u00a3\u00a5\u20b9\u20bd\u20a9\u20aa\u20ab\u0e3f\u20ba\u20b4\u20b1]"
_TOKEN = re.compile(
    rf"(?P<skip>(?<!\d)(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}(?:T[\d:.]+)?|\d{{1,2}}([-/.])\d{{1,2}}\2\d{{4}})(?!\d)|\d++:\d\d[\d:.]*+)"
    rf"|(?<![^\W\d_])(?P<sign>{_SIGN})?(?P<before>(?:[A-Za-z]{{1,4}}\.?)?{_SYMBOL}|(?<![^\W_])(?:[A-Z]{{3}}|Rs\.?|[Kk]r\.?|Fr\.?)(?=[\s\d-]))?"
    rf"\s?(?P<inner>{_SIGN})?"
    rf"(?P<digits>\d++(?:[.,_{_APOSTROPHE}{_THIN}]\d++)*+|(?<!\d)[.,]\d++)(?P<exponent>[eE][-+\u2212]?\d{{1,9}}(?![\w.]))?(?:\s?/\s?(?P<under>\d++)(?![\d/]))?"
    rf"(?P<words>(?:\s?(?:\u00b0\s?[CFcf]?|[^\W\d_]++(?:/[^\W\d_]++)?[\u00b2\u00b3]?\.?|{_SYMBOL}(?!\s?\d)|%)){{0,2}}+)"
)
_WHOLE_DIGITS = re.compile(rf"({_SIGN})?(\d+)")
_MARKER = re.compile(
    r"####|\\boxed\s*\{|\b(?:answer|result|antwort|ergebnis|respuesta|resultado|r[ée]ponse|r[ée]sultat|risposta|risultato|resposta)\b"
    r"[^.\n:=]{0,60}?(?::|=|\b(?:is|was|ist|lautet|es|est|è|é)\b)|(?:答案|答え)[^\d\n]{0,6}",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"(?:\b(?:not|never|nicht|kein|keine|pas|non|nunca)|n['\u2019]t)\s+\W?$", re.IGNORECASE)
_NOT = re.compile(r"\s*(?:not|nicht|no|pas|non|não)\b", re.IGNORECASE)
_VULGAR = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3", "⅛": "1/8"}


@dataclass(frozen=True, kw_only=True)
class NumberForm:
    """How the numbers of a column are written, settled once over all of them.

    decimal     the mark before the fraction
    percent     what `12%` is where the target has no such sign: 12 (`points`) or .12 (`fraction`); None: either
    needs_unit  the column's units differ, so that a number without one does not say enough
    """

    decimal: Mark = "."
    percent: Literal["points", "fraction"] | None = None
    needs_unit: bool = False


@dataclass(frozen=True, kw_only=True)
class Number:
    """A number as written: its exact value, a percent sign, and what the unit beside it may mean (empty where none stands)."""

    value: Decimal
    percent: bool = False
    unit: frozenset[str] = NONE

    @property
    def whole(self) -> bool:
        """Whether it has no fraction."""
        exponent = self.value.as_tuple().exponent
        return (isinstance(exponent, int) and exponent >= 0) or self.value == self.value.to_integral_value()

    @property
    def computed(self) -> bool:
        """Whether it has more digits than anybody writes down, so that the last ones are a computer's."""
        return not self.whole and len(self.value.as_tuple().digits) > COMPUTED_DIGITS


POINTS = NumberForm()


def read_number(value: Any, form: NumberForm = POINTS, *, strict: bool = True) -> Number | None:
    """The number that a JSON value is, or that a text is as a whole, `(5)` being -5 as accountants write it; else None.

    Of a text that shows its work, what stands behind its last `####`. Unless `strict`, one that can only be read with the other
    decimal mark is read so.
    """
    if isinstance(value, str):
        return _whole_number(_tidied(value.rpartition(RESULT)[2]), form, strict=strict)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return Number(value=Decimal(value))
    return Number(value=Decimal(repr(value))) if math.isfinite(value) else None


def answered_number(text: str, form: NumberForm, take: str = "last") -> tuple[Number | None, str]:
    """The number that an answer gives, and why there is none.

    What the whole answer is; of several numbers the one behind the last marker (`####`, `The answer is`, `\\boxed{`), or the last.
    Unlike a target, one that can only be read with the other decimal mark is read so.
    """
    text = _tidied(text)
    if whole := _whole_number(text, form, strict=False):
        return whole, ""
    every = list(_matches(text))
    found = [match for match in every if not _negated(match, text)]
    if not found:
        return None, "the answer says only what the number is not" if every else "no number in the answer"
    if take == "only" and len(found) > 1:
        return None, f"{len(found)} numbers in the answer, where one was asked for"
    match = found[0] if take == "first" else (take == "last" and _marked(text)) or found[-1]
    number = _number(match, text, form, strict=False)
    return number, "" if number else f"{match['digits'][:40]} cannot be read as a number"


def find_numbers(text: str, form: NumberForm = POINTS) -> Iterator[Number]:
    """Every number in the text, in order."""
    text = _tidied(text)
    return (number for match in _matches(text) if (number := _number(match, text, form, strict=False)))


def same_number(answer: Number, target: Number, form: NumberForm = POINTS) -> bool:
    """Whether one number is the other as written, units included; only computed fractions differ by as much as rounding does."""
    return number_fault(answer, target, form, absolute=0.0, relative=None) == ""


def number_fault(answer: Number, target: Number, form: NumberForm, *, absolute: float, relative: float | None) -> str:
    """Why an answer's number is not the target's; "" where it is, within the larger tolerance.

    Without tolerances numbers are equal as written, of any size. A fraction of more than 15 digits was computed, and is equal
    within 1e-9 of itself.
    """
    if target.unit and (unit_fault := _unit_fault(answer, target, form)):
        return unit_fault
    right = _readings(target, answer, form)
    if any(_near(left, goal, answer, target, absolute, relative) for left in _readings(answer, target, form) for goal in right):
        return ""
    return f"{_shown(answer)}, expected {_shown(target)}"


def _unit_fault(answer: Number, target: Number, form: NumberForm) -> str:
    said = frozenset(("%",)) if answer.percent else answer.unit
    if said and not said & target.unit:
        return f"the unit is {_units(said)}, expected {_units(target.unit)}"
    return f"no unit, expected {_units(target.unit)}" if form.needs_unit and not said else ""


def _readings(number: Number, other: Number, form: NumberForm) -> tuple[Decimal, ...]:
    """What it may stand for beside the other: `12%` is 12 or .12, unless both have the sign or the column says which."""
    if not number.percent or other.percent:
        return (number.value,)
    hundredth = number.value.scaleb(-2, _EXACT)
    return {"points": (number.value,), "fraction": (hundredth,), None: (number.value, hundredth)}[form.percent]


def _near(left: Decimal, right: Decimal, answer: Number, target: Number, absolute: float, relative: float | None) -> bool:
    if left == right:
        return True
    if relative is None:
        relative = COMPUTED_NOISE if answer.computed or target.computed else 0.0
    off = abs(_EXACT.subtract(left, right))
    allowed = _EXACT.multiply(Decimal(repr(relative)), right.copy_abs())
    return off <= max(allowed, Decimal(repr(absolute)))


def _shown(number: Number) -> str:
    text = str(number.value) if len(number.value.as_tuple().digits) <= 40 else f"{number.value:.6e}"
    return text + ("%" if number.percent else "") + (f" {_units(number.unit)}" if number.unit else "")


def _units(unit: frozenset[str]) -> str:
    return " or ".join(sorted(unit))


def _tidied(text: str) -> str:
    """Typographic and LaTeX spellings of what is plain: `1{,}234`, `1\\,234`, `\\frac{1}{2}`, `½`."""
    text = text.strip()
    if "\\" in text or "{" in text:
        text = re.sub(r"\\[,!;]|\{,\}", lambda found: "," if found[0] == "{,}" else "", text)
        text = re.sub(r"\\d?frac\{(\d{1,30})\}\{(\d{1,30})\}", r"\1/\2", text).replace("\\$", "$").replace("\\%", "%")
    if not _VULGAR.keys().isdisjoint(text):
        text = "".join(_VULGAR.get(char, char) for char in text)
    return text


def _matches(text: str) -> Iterator[re.Match[str]]:
    return (match for match in _TOKEN.finditer(text) if match["digits"])


def _negated(match: re.Match[str], text: str) -> bool:
    """Whether the word before it is a negation: `42, not 41`."""
    return bool(_NEGATED.search(text, max(0, match.start() - 12), match.start()))


def _marked(text: str) -> re.Match[str] | None:
    """The number behind the last marker: the first of its sentence, or what follows the last `=` there."""
    for marker in reversed(list(_MARKER.finditer(text))):
        if _NOT.match(text, marker.end()):
            continue
        line = text[marker.end() : marker.end() + LONGEST].split("\n", 1)[0]
        sentence = re.split(r"(?<!\d)[.;]\s|\.\s+(?=[^\W\d_])|,\s", line, maxsplit=1)[0]
        start = marker.end() + (sentence.rfind("=") + 1)
        found = (found for found in _TOKEN.finditer(text, start, marker.end() + LONGEST) if found["digits"])
        match = next((match for match in found if not _negated(match, text)), None)
        if match and match.start() <= marker.end() + len(line):
            return match
    return None


def _whole_number(text: str, form: NumberForm, *, strict: bool) -> Number | None:
    if len(text) > LONGEST:
        digits = _WHOLE_DIGITS.fullmatch(text)
        return Number(value=Decimal(("-" if digits[1] in _MINUS else "") + digits[2])) if digits else None
    bracketed = len(text) > 2 and text[0] == "(" and text[-1] == ")"
    trailing = text[-1:] in ("-", "\u2212") and text[:1].isdigit()
    text = text[1:-1] if bracketed else text[:-1] if trailing else text
    text = re.sub(r"(?<=\d) (?=\d{3}(?!\d))", "\u202f", text)
    text = re.sub(rf"^({_SIGN})\s(?=\d)", r"\1", text)
    match = _TOKEN.fullmatch(text)
    number = _number(match, text, form, strict=strict) if match and match["digits"] else None
    if number is None or (match and not _known(match["words"])):
        return None
    return replace(number, value=number.value.copy_negate()) if bracketed or trailing else number


def _number(match: re.Match[str], text: str, form: NumberForm, *, strict: bool) -> Number | None:
    digits = match["digits"]
    plain = _plain_digits(digits, form.decimal)
    if plain is None and not strict:
        plain = _plain_digits(digits, "," if form.decimal == "." else ".")
    exponent = int((match["exponent"] or "e0")[1:].replace("\u2212", "-"))
    if plain is None or abs(exponent) > _LARGEST_EXPONENT:
        return None
    before = text[match.start() - 1] if match.start() else " "
    dash = before.isalnum() or before in "-)"  # in `3-4` and `item-4` it is a dash
    twice = match["sign"] and match["inner"]
    if twice and strict:
        return None
    minus = not twice and (match["inner"] in _MINUS or (match["sign"] in _MINUS and not dash))
    percent, unit, scale = _beside(match)
    value = Decimal(f"{'-' if minus else ''}{plain}e{exponent + scale}")
    if match["under"]:
        below = Decimal(match["under"])
        if not below:
            return None
        value = _EXACT.divide(value, below)
    return Number(value=value, percent=percent, unit=unit)


def _beside(match: re.Match[str]) -> tuple[bool, frozenset[str], int]:
    """The percent sign, the unit and the power of ten that stand before and behind the digits."""
    words = match["words"].split() or [""]
    unit = (match["before"] and unit_of(match["before"])) or NONE
    first, attached = words[0].rstrip("."), match["words"][:1] == words[0][:1]
    scale = ATTACHED.get(first) if attached else None
    if attached and first == "m" and unit:
        scale = 6
    scale = scale if scale is not None else SCALES.get(first.casefold())
    named = words[1] if scale is not None and len(words) > 1 else "" if scale is not None else words[0]
    percent = named.casefold() in PERCENT or match["words"].split()[:2] == ["per", "cent"]
    return percent, unit or (named and unit_of(named)) or NONE, scale or 0


def _known(words: str) -> bool:
    """Whether all that stands behind the digits is part of the number."""
    parts = [part.strip(".") for part in words.split()]
    known = [part.casefold() in PERCENT or part.casefold() in SCALES or part in ATTACHED or bool(unit_of(part)) for part in parts]
    return all(known) or [part.casefold() for part in parts] == ["per", "cent"]


def _plain_digits(token: str, decimal: str) -> str | None:
    """The digits with a point before the fraction; None where they are not grouped as a number with this decimal mark is."""
    whole, mark, fraction = token.partition(decimal)
    if mark and not fraction.isdigit():
        return None
    groups = re.split(rf"[.,_{_APOSTROPHE}{_THIN}]", whole)
    if len(groups) > 1:
        marks = set(whole) - set("".join(groups))
        first, *rest = groups
        western = 1 <= len(first) <= 3 and all(len(group) == 3 for group in rest)
        indian = marks == {","} and 1 <= len(first) <= 2 and len(rest[-1]) == 3 and all(len(group) == 2 for group in rest[:-1])
        if len(marks) != 1 or not (western or indian) or first.startswith("0"):
            return None
    return "".join(groups) + (f".{fraction}" if mark else "")
