"""What should not be repeated: keys and tokens, and personal data, told by pattern and check digit; and text with those masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from rung.data.digits import iban, luhn

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]
KEPT_CHARS = 2
SHOWN_CHARS = 60

EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}(?![\w-])")
ABROAD = re.compile(r"(?<![\w.])\+\d{1,3}[ .-]?(?:\(?\d{1,4}\)?[ .-]?){2,4}\d{2,4}(?![\w-])")
AMERICAN = re.compile(r"(?<![\w.])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])")
CARD = re.compile(r"(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
# What a text with one surely holds, and is found quickly: most texts cost next to nothing.
LONG_NUMBER = re.compile(r"\d(?:[ -]?\d){12}")
LOCAL_NUMBER = re.compile(r"\d{3}[ .-]\d{4}")
COUNTRY_AND_DIGITS = re.compile(r"[A-Z]{2}\d{2} ?[A-Z0-9]{4}")


def _all(pattern: str | re.Pattern[str], *parts: str) -> Finder:
    """Every match, where the text holds any of the parts."""
    compiled = re.compile(pattern)
    return lambda text: (m.span() for m in compiled.finditer(text)) if any(part in text for part in parts) else iter(())


def _phones(text: str) -> Iterator[Span]:
    if "+" in text:
        yield from (match.span() for match in ABROAD.finditer(text))
    if LOCAL_NUMBER.search(text):
        yield from (match.span() for match in AMERICAN.finditer(text))


def _cards(text: str) -> Iterator[Span]:
    for match in CARD.finditer(text) if LONG_NUMBER.search(text) else ():
        number = re.sub(r"\D", "", match[0])
        if number[0] in "23456" and len(set(number)) > 1 and luhn(number):
            yield match.span()


def _accounts(text: str) -> Iterator[Span]:
    found = IBAN.finditer(text) if COUNTRY_AND_DIGITS.search(text) else iter(())
    return (match.span() for match in found if iban(match[0]))


# Issuers gave these a form of their own, so that a match is hardly ever chance. Where one could begin anew at every few characters,
# its length is bounded: the search stays linear whatever the text.
SECRETS: Mapping[str, Finder] = {
    "AWS access keys": _all(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b", "AKIA", "ASIA"),
    "GitHub tokens": _all(
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{82})\b", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "_pat_"
    ),
    "private keys": _all(r"-----BEGIN (?:[A-Z]+ ){0,5}PRIVATE KEY-----", "PRIVATE KEY"),
    "Slack tokens": _all(r"\bxox[abprs]-\d{8,20}-[\w-]{8,}", "xox"),
    "Google API keys": _all(r"\bAIza[0-9A-Za-z_-]{35}\b", "AIza"),
    "Stripe keys": _all(r"\b[rs]k_live_[0-9A-Za-z]{24,}\b", "k_live_"),
    "OpenAI or Anthropic keys": _all(r"\bsk-(?:proj-|ant-[a-z0-9]{1,20}-)?[A-Za-z0-9_-]{32,}\b", "sk-"),
    "Hugging Face tokens": _all(r"\bhf_[A-Za-z0-9]{34}\b", "hf_"),
    "JSON web tokens": _all(r"\beyJ[A-Za-z0-9_-]{10,1000}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}", ".eyJ"),
}
PERSONAL: Mapping[str, Finder] = {
    "e-mail addresses": _all(EMAIL, "@"),
    "phone numbers": _phones,
    "payment card numbers": _cards,
    "bank account numbers": _accounts,
}


def masked(text: str) -> str:
    """The text with every secret and every personal datum cut to its first two characters."""
    spans = sorted(span for finder in (*SECRETS.values(), *PERSONAL.values()) for span in finder(text))
    parts, at = [], 0
    for start, end in spans:
        if start >= at:
            parts += [text[at:start], f"{text[start : start + KEPT_CHARS]}..."]
        at = max(at, end)
    return "".join([*parts, text[at:]])


def shown(text: str) -> str:
    """A value from the data as a message may name it: masked, on one line, short, and nothing in it that a terminal would obey."""
    line = "".join(char if char.isprintable() else "?" for char in " ".join(masked(text).split()))
    return line if len(line) <= SHOWN_CHARS else line[: SHOWN_CHARS - 3] + "..."
