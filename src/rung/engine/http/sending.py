"""A question sent, with patience: what passes is tried again, what lasts is given back."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rung.engine.http.completion import has_message, json_object
from rung.engine.http.line import Line
from rung.engine.http.refusals import NoAnswer, complaint
from rung.errors import BrokenEnvironment
from rung.types import FAILED

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on with a server that falters. Waits grow twofold from `first_wait_s`, with jitter; Retry-After is obeyed."""

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    timeout_s: float = 120.0
    threads: int = 4


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back: its status, its text, and the object that the text is ({} where it is none)."""

    status: int
    text: str
    content: Mapping[str, Any]


def post(line: Line, address: str, body: Mapping[str, Any], patience: Patience) -> Reply:
    """The first reply that is not a passing fault. Raises NoAnswer when patience ends, and BrokenEnvironment where nobody is
    there or nothing is given.
    """
    import httpx

    problem, nobody = "", False
    for attempt in range(patience.attempts):
        wait = min(patience.first_wait_s * 2**attempt, patience.longest_wait_s) * random.uniform(0.5, 1.0)
        try:
            response = line.post(body)
        except httpx.TransportError as error:
            problem, nobody = f"{type(error).__name__}: {error}".rstrip(": "), isinstance(error, httpx.ConnectError)
        else:
            nobody = response.status_code == 429
            if response.status_code not in _PASSING:
                reply = json_object(response.text)
                if response.status_code != 200 or has_message(reply):
                    return Reply(status=response.status_code, text=response.text, content=reply or {})
                problem = f"a reply that is no chat completion: {response.text[:120]!r}"
            else:
                problem = f"HTTP {response.status_code}: {complaint(response.text)}"
                wait = retry_after(response.headers.get("retry-after"), wait)
                if response.status_code == 429 and "insufficient_quota" in response.text:
                    break
        if attempt + 1 < patience.attempts:
            time.sleep(min(wait, patience.longest_wait_s))
    fault = BrokenEnvironment(
        f"the server does not answer ({problem})",
        where=address,
        hint="Answers so far are kept: run the same command again.",
    )
    raise fault if nobody else NoAnswer(fault, FAILED, f"the server failed on it ({problem})")


def retry_after(header: str | None, otherwise: float) -> float:
    """Seconds that a Retry-After header asks for (a number, or a date: RFC 9110, 10.2.3)."""
    if not header:
        return otherwise
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return otherwise
