"""A question sent, with patience: what passes is tried again, what lasts is given back."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rung.engine.http.completion import has_message, json_object
from rung.engine.http.in_flight import InFlight, Stopped
from rung.engine.http.key import masked
from rung.engine.http.line import Line
from rung.engine.http.rate import LONGEST_WAIT_S, asked_to_wait, spent_for
from rung.engine.http.refusals import NoAnswer, complaint
from rung.engine.http.unknown import is_lasting
from rung.errors import BrokenEnvironment
from rung.types import FAILED

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 529}
# What a server that restarts, or a proxy before it, says in the meantime.
_AWAY = {502, 503, 504, 521, 522, 523}
# Whoever says this had sent the question on, and did not wait for its answer.
_LOST = {504, 520, 524}
# How long a connection may take to be made, and the longest wait between two looks at a server that is away.
_CONNECT_S, _LOOK_S = 10.0, 5.0
# Looks at a server that never answered before it is taken for dead.
_FIRST_LOOKS = 2


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on with a server that falters. Waits grow twofold from `first_wait_s`, with jitter; what a server asks to be
    waited is (see `rate`).

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
    resting  questions that failed by themselves and wait for their next attempt: others are asked in their turn
    """

    in_flight: InFlight = field(default_factory=InFlight)
    last_answer: float | None = None
    stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    resting: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def rest(self, seconds: float, *, in_turn: bool) -> bool:
        """Waits before the next attempt, with others `in_turn`; whether it was stopped."""
        with self._lock:
            self.resting += in_turn
        try:
            return self.stopped.wait(seconds)
        finally:
            with self._lock:
                self.resting -= in_turn

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
        back = came.loading or ((came.away or came.nobody) and not came.last and self.last_answer is not None)
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
    lost     an answer was under way when it broke off, and may have been billed
    """

    problem: str
    nobody: bool = False
    away: bool = False
    loading: bool = False
    wait_s: float | None = None
    last: bool = False
    lost: bool = False


def is_passing(status: int) -> bool:
    """Whether a status says that the same question may be answered the next time."""
    return status in _PASSING


def time_limits(patience: Patience) -> Any:
    """httpx's form of how long an attempt may take."""
    import httpx

    return httpx.Timeout(patience.timeout_s, connect=min(_CONNECT_S, patience.timeout_s), pool=None)


def post(
    line: Line, address: str, body: Mapping[str, Any], patience: Patience, contact: Contact, lost: Callable[[], None] = lambda: None
) -> Reply:
    """The first reply that is not a passing fault. Raises NoAnswer when patience ends, and BrokenEnvironment where nobody is
    there or nothing is given.

    lost  hears of each attempt that brought nothing and may have been billed, before the next is made

    A server that is away is waited for, where it has answered before: those looks are no attempts. So is one that refuses this
    question (429) while it answers others: its turn comes.
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
        if came.lost:
            lost()
        if contact.rest(wait * random.uniform(0.5, 1.0) if came.wait_s is None else came.wait_s, in_turn=not came.nobody):
            break
    fault = BrokenEnvironment(
        f"the server does not answer ({came.problem})",
        where=address,
        hint="Answers so far are kept: run the same command again.",
    )
    raise fault if came.nobody else NoAnswer(fault, FAILED, f"the server failed on it ({came.problem})", lost=came.lost)


def _once(line: Line, body: Mapping[str, Any], contact: Contact) -> Reply | Fault:
    """One attempt, in a place of its own among those in flight."""
    import httpx

    try:
        with contact.in_flight.place(contact.stopped):
            began = time.perf_counter()
            response = line.post(body)
            seconds = time.perf_counter() - began
    except Stopped:
        return Fault(problem="it was not asked: the work was ended", last=True)
    except httpx.TransportError as error:
        nobody = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        if not nobody:
            # A line that breaks or takes too long is how some servers say that it is too much.
            contact.in_flight.too_many()
        return Fault(problem=f"{type(error).__name__}: {error}".rstrip(": "), nobody=nobody, away=nobody, lost=not nobody)
    status, text = response.status_code, response.text
    if status not in _PASSING or is_lasting(status, text):
        reply = json_object(text)
        if status != 200 or has_message(reply):
            contact.in_flight.hold(spent_for(response.headers, reply or {}))
            return Reply(status=status, text=text, content=reply or {}, seconds=seconds)
        return Fault(problem=f"a reply that is no chat completion: {masked(text)[:120]!r}", lost=True)
    return _fault(status, text, response.headers, contact)


def _fault(status: int, text: str, headers: Mapping[str, str], contact: Contact) -> Fault:
    """A reply that says to come again."""
    asked = asked_to_wait(headers, text if status == 429 else "")
    if status == 429:
        contact.in_flight.too_many()
    if asked is not None and status in (429, 503):
        # All wait, and not only the question that was refused: the others would be refused as well.
        contact.in_flight.hold(min(asked, LONGEST_WAIT_S))
    too_long = asked is not None and asked > LONGEST_WAIT_S
    said = f"HTTP {status}: {complaint(text)}"
    return Fault(
        problem=f"{said}; it asks to wait {asked / 60:,.0f} minutes" if asked is not None and too_long else said,
        nobody=status == 429,
        away=status in _AWAY,
        loading=status == 503 and "loading" in text.casefold(),
        wait_s=asked,
        last=too_long or (status == 429 and "insufficient_quota" in text),
        lost=status in _LOST,
    )
