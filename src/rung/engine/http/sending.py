"""A question sent, with patience: what passes is tried again, what lasts is given back."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from rung.engine.http.completion import has_message, json_object
from rung.engine.http.in_flight import InFlight
from rung.engine.http.key import masked
from rung.engine.http.line import Line
from rung.engine.http.refusals import NoAnswer, complaint
from rung.engine.http.unknown import is_lasting
from rung.errors import BrokenEnvironment
from rung.types import FAILED

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
# What a server that restarts, or a proxy before it, says in the meantime.
_AWAY = {502, 503, 504}
# How long a connection may take to be made, and the longest wait between two looks at a server that is away.
_CONNECT_S, _LOOK_S = 10.0, 5.0
# Looks at a server that never answered before it is taken for dead.
_FIRST_LOOKS = 2


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on with a server that falters. Waits grow twofold from `first_wait_s`, with jitter; Retry-After is obeyed.

    away_s  how long a server that has answered before is waited for while it answers nobody: it may be restarting
    """

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    timeout_s: float = 120.0
    away_s: float = 180.0


@dataclass(kw_only=True)
class Contact:
    """What is known of a server while it is asked: when it last answered anything, and how much it is asked at once.

    stopped  set once nobody waits for answers any more: nothing is tried again
    """

    in_flight: InFlight = field(default_factory=InFlight)
    last_answer: float | None = None
    stopped: threading.Event = field(default_factory=threading.Event, repr=False)

    def answered(self) -> None:
        """An answer came, now."""
        self.last_answer = time.monotonic()
        self.in_flight.answered()

    def failed_since(self, since: float) -> float:
        """Since when nothing was answered, for a question that failed now and at `since` before."""
        now = time.monotonic()
        return now if self.last_answer is not None and self.last_answer > since else min(since, now)

    def is_worth_waiting(self, came: Fault, since: float, patience: Patience) -> bool:
        """Whether a server that has been away since then is to be waited for: it had answered before, or says that it will."""
        back = came.loading or (came.away and self.last_answer is not None)
        return back and time.monotonic() - since < patience.away_s


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back: its status, its text, and the object that the text is ({} where it is none).

    seconds  of the attempt that brought it alone, without earlier ones and waiting
    """

    status: int
    text: str
    content: Mapping[str, Any]
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An attempt that brought nothing.

    nobody   nobody was there, or nothing is given to anybody: no question's own fault
    away     what a server that restarts looks like
    loading  the server says that it is reading its model
    wait_s   what the server asks to be waited
    last     no other attempt could bring more
    """

    problem: str
    nobody: bool = False
    away: bool = False
    loading: bool = False
    wait_s: float | None = None
    last: bool = False


def time_limits(patience: Patience) -> Any:
    """httpx's form of how long an attempt may take."""
    import httpx

    return httpx.Timeout(patience.timeout_s, connect=min(_CONNECT_S, patience.timeout_s), pool=None)


def post(line: Line, address: str, body: Mapping[str, Any], patience: Patience, contact: Contact) -> Reply:
    """The first reply that is not a passing fault. Raises NoAnswer when patience ends, and BrokenEnvironment where nobody is
    there or nothing is given.

    A server that is away is waited for, where it has answered before: those looks are no attempts.
    """
    attempts = looks = 0
    since = float("inf")
    while True:
        came = _once(line, body, contact)
        if isinstance(came, Reply):
            contact.answered()
            return came
        since = contact.failed_since(since)
        if contact.is_worth_waiting(came, since, patience):
            looks += 1
            wait = min(patience.first_wait_s * 2**looks, _LOOK_S)
        else:
            attempts += 1
            dead = came.away and came.nobody and contact.last_answer is None
            if came.last or attempts >= (min(_FIRST_LOOKS, patience.attempts) if dead else patience.attempts):
                break
            wait = min(patience.first_wait_s * 2 ** (attempts - 1), patience.longest_wait_s)
        asked = wait * random.uniform(0.5, 1.0) if came.wait_s is None else came.wait_s
        if contact.stopped.wait(min(asked, patience.longest_wait_s)):
            break
    fault = BrokenEnvironment(
        f"the server does not answer ({came.problem})",
        where=address,
        hint="Answers so far are kept: run the same command again.",
    )
    raise fault if came.nobody else NoAnswer(fault, FAILED, f"the server failed on it ({came.problem})")


def _once(line: Line, body: Mapping[str, Any], contact: Contact) -> Reply | Fault:
    """One attempt, in a place of its own among those in flight."""
    import httpx

    with contact.in_flight.place():
        began = time.perf_counter()
        try:
            response = line.post(body)
        except httpx.TransportError as error:
            nobody = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            if not nobody:
                # A line that breaks or takes too long is how some servers say that it is too much.
                contact.in_flight.too_many()
            return Fault(problem=f"{type(error).__name__}: {error}".rstrip(": "), nobody=nobody, away=nobody)
        seconds = time.perf_counter() - began
    status, text = response.status_code, response.text
    if status not in _PASSING or is_lasting(status, text):
        reply = json_object(text)
        if status != 200 or has_message(reply):
            return Reply(status=status, text=text, content=reply or {}, seconds=seconds)
        return Fault(problem=f"a reply that is no chat completion: {masked(text)[:120]!r}")
    if status == 429:
        contact.in_flight.too_many()
    return Fault(
        problem=f"HTTP {status}: {complaint(text)}",
        nobody=status == 429,
        away=status in _AWAY,
        loading=status == 503 and "loading" in text.casefold(),
        wait_s=retry_after(response.headers.get("retry-after")),
        last=status == 429 and "insufficient_quota" in text,
    )


def retry_after(header: str | None) -> float | None:
    """Seconds that a Retry-After header asks for (a number, or a date: RFC 9110, 10.2.3); None where it says nothing."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return None
