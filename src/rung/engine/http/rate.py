"""How long a server asks to be left alone: in its headers, of every kind that servers have, and in its words."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

# What is asked to be waited is waited up to this; a server that asks for more is not waited for.
LONGEST_WAIT_S = 600.0
# The longest that is waited on the word of limits which have refused nothing yet.
_LONGEST_PAUSE_S = 60.0
# OpenAI and those who do as it does (Azure, Groq, vLLM behind gateways), Anthropic, and the IETF's draft.
_KINDS = (
    ("x-ratelimit-remaining-{}", "x-ratelimit-reset-{}"),
    ("anthropic-ratelimit-{}-remaining", "anthropic-ratelimit-{}-reset"),
)
_PLAIN = (("x-ratelimit-remaining", "x-ratelimit-reset"), ("ratelimit-remaining", "ratelimit-reset"))
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SPAN = r"(?:\d+(?:\.\d+)?\s*(?:ms|[smhd])\s*)+"
# "Please try again in 1.2s", "Please retry after 20 seconds", "retry in 7m12s".
_WORDS = re.compile(
    r"(?:try again|retry(?:ing)?)\s+(?:in|after)\s+"
    rf"(?:(?P<span>{_SPAN})\b|(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>milli|sec|min|hour))",
    re.IGNORECASE,
)
_WORD_UNITS = {"milli": 0.001, "sec": 1.0, "min": 60.0, "hour": 3600.0}
# Epochs in seconds and in milliseconds begin here.
_EPOCH_S, _EPOCH_MS = 1e9, 1e12


def asked_to_wait(headers: Mapping[str, str], text: str = "") -> float | None:
    """Seconds that a reply asks for; None where it says nothing.

    text  the server's words, of a refusal

    What is said in so many words (`retry-after-ms`, `Retry-After`) counts before what follows from its limits.
    """
    milli = _number(headers.get("retry-after-ms"))
    if milli is not None:
        return milli / 1000
    said = retry_after(headers.get("retry-after"))
    if said is not None:
        return said
    resets = [reset for left, reset, _ in _limits(headers) if left == 0 and reset is not None]
    if text and resets:
        return max(resets)
    return _in_words(text)


def spent_for(headers: Mapping[str, str], reply: Mapping[str, Any]) -> float:
    """Seconds until the server takes more, where an answer's headers say that nothing is left, or less than it took itself.

    0 where there is more, or nothing is said.
    """
    usage = reply.get("usage")
    took = usage.get("total_tokens") if isinstance(usage, Mapping) else None
    least = float(took) if isinstance(took, int | float) and not isinstance(took, bool) else 0.0
    waits = [0.0]
    for left, reset, is_tokens in _limits(headers):
        if left is not None and reset is not None and left <= (least if is_tokens else 0):
            waits.append(reset)
    return min(max(waits), _LONGEST_PAUSE_S)


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number, or a date: RFC 9110, 10.2.3); None where it says nothing."""
    if not header:
        return None
    seconds = _number(header)
    if seconds is not None:
        return seconds
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return _seconds(header)


def _limits(headers: Mapping[str, str]) -> Iterator[tuple[float | None, float | None, bool]]:
    """(what is left, seconds until there is more, whether tokens are counted) of every limit that is told."""
    for left, reset in _KINDS:
        for what in ("requests", "tokens", "input-tokens", "output-tokens"):
            if (name := left.format(what)) in headers:
                yield _number(headers[name]), _seconds(headers.get(reset.format(what))), what != "requests"
    for left, reset in _PLAIN:
        if left in headers:
            yield _number(headers[left]), _seconds(headers.get(reset)), False


def _seconds(said: str | None) -> float | None:
    """`6m0s`, `120ms`, `8.64s`, seconds, an epoch in seconds or milliseconds, RFC 3339."""
    if not said:
        return None
    said = said.strip()
    number = _number(said)
    if number is not None:
        if number >= _EPOCH_S:
            return max(0.0, (number / 1000 if number >= _EPOCH_MS else number) - time.time())
        return number
    if re.fullmatch(_SPAN, said):
        return sum(float(value) * _UNITS[unit] for value, unit in re.findall(r"(\d+(?:\.\d+)?)\s*(ms|[smhd])", said))
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _in_words(text: str) -> float | None:
    found = _WORDS.search(text)
    if found is None:
        return None
    if found["span"]:
        return _seconds(found["span"].strip())
    return float(found["number"]) * _WORD_UNITS[found["unit"].lower()]


def _number(said: str | None) -> float | None:
    """A finite number from 0 on (a negative one is 0); None for anything else."""
    try:
        number = float(said or "")
    except ValueError:
        return None
    return max(0.0, number) if math.isfinite(number) else None
