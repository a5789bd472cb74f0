"""Personal data: e-mail addresses, phone numbers, payment cards (Luhn) and bank accounts (IBAN), by pattern and check digit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pydantic import BaseModel

from rung.data.audit import Finding, first_ids, in_rows, texts
from rung.types import Example

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])")
PHONE = re.compile(r"(?<![\w.])(?:\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4})(?![\w-])")
CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """A warning for each kind that stands in any row."""
    said = [(example, texts(example)) for example in examples]
    found = []
    for name, holds in DETECTORS.items():
        rows = [example for example, text in said if holds(text)]
        if rows:
            message = f"{name} in {in_rows(len(rows))}: an adapter may learn them by heart"
            found.append(Finding(check="pii", severity="warning", message=message, examples=first_ids(rows), count=len(rows)))
    return found


def luhn(digits: str) -> bool:
    """The check digit of payment cards (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(text: str) -> bool:
    """The check digits of a bank account number (ISO 7064 mod 97-10, as ISO 13616 uses it)."""
    packed = text.replace(" ", "")
    return 15 <= len(packed) <= 34 and int("".join(str(int(c, 36)) for c in packed[4:] + packed[:4])) % 97 == 1


def _has_card(text: str) -> bool:
    numbers = (re.sub(r"\D", "", match[0]) for match in CARD.finditer(text))
    return any(number[0] in "23456" and len(set(number)) > 1 and luhn(number) for number in numbers)


DETECTORS: dict[str, Callable[[str], bool]] = {
    "e-mail addresses": lambda text: "@" in text and EMAIL.search(text) is not None,
    "phone numbers": lambda text: PHONE.search(text) is not None,
    "payment card numbers": _has_card,
    "bank account numbers": lambda text: any(iban(match[0]) for match in IBAN.finditer(text)),
}
