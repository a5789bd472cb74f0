"""What a model may take, whoever asks it: questions a minute, and what its answers cost in a day."""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rung.engine.caller import Caller
from rung.line import LineCaps
from rung.serve.types import Refused, Served
from rung.types import Answer

if TYPE_CHECKING:
    from rung.registry.home import Home

MINUTE, DAY = 60.0, 86_400.0
# Of what a day may cost, from which on shadows are asked no more: the rest is for those who ask.
FOR_SHADOWS = 0.5


class Caps:
    """The caps of one process that serves. What was spent is kept in the home, and holds for all of them."""

    def __init__(self, home: Home, clock: Callable[[], float] = time.monotonic) -> None:
        self._home, self._clock = home, clock
        self._lock = threading.Lock()
        self._asked: dict[str, deque[float]] = defaultdict(deque)
        self._unpriced: set[str] = set()

    def admit(self, served: Served, caps: LineCaps) -> None:
        """Counts a question. Raises Refused (429) where the minute, or the day, has had its share."""
        if caps.usd_per_day is not None:
            self._refuse_spent(served, caps.usd_per_day)
        if caps.per_minute is not None:
            self._refuse_hurried(served.name, caps.per_minute)

    def admits_shadow(self, served: Served, caps: LineCaps) -> bool:
        """Whether a copy that nobody is sent may cost something today. It is not counted among the minute's."""
        if caps.usd_per_day is None:
            return True
        return served.ref not in self._unpriced and self._home.spending.of(served.name, _today()) < FOR_SHADOWS * caps.usd_per_day

    def held_to(self, caller: Caller, caps: LineCaps, most: int) -> Caller:
        """The caller, whose answer has no more tokens than the cap.

        most  the Candidate's own
        """
        if caps.tokens is None:
            return caller
        wanted = caller.sampling.max_tokens
        tokens = min(caps.tokens, most if wanted is None else wanted)
        return replace(caller, sampling=replace(caller.sampling, max_tokens=tokens))

    def spent(self, served: Served, caps: LineCaps, answer: Answer) -> None:
        """Counts what an answer has cost, where a day has a cap."""
        if caps.usd_per_day is None or not served.name:
            return
        if answer.cost_usd is None:
            if served.candidate.base_reference.is_server:
                self._unpriced.add(served.ref)
            return
        if answer.cost_usd:
            self._home.spending.add(served.name, _today(), answer.cost_usd)

    def _refuse_spent(self, served: Served, most: float) -> None:
        name = served.name
        if served.ref in self._unpriced:
            problem = f"what answers of '{served.ref}' cost is not known, and its task caps it"
            raise Refused(503, f"{problem}. The task's prices say what they cost.", type="server_error", code="cost_unknown")
        if self._home.spending.of(name, _today()) >= most:
            wait = DAY - datetime.now(UTC).timestamp() % DAY
            raise Refused(
                429,
                f"the answers of '{name}' have cost today what they may: {most:g} USD",
                type="rate_limit_error",
                code="spending_cap",
                retry_after_s=wait,
            )

    def _refuse_hurried(self, name: str, most: int) -> None:
        moment = self._clock()
        with self._lock:
            asked = self._asked[name]
            while asked and asked[0] <= moment - MINUTE:
                asked.popleft()
            if len(asked) < most:
                asked.append(moment)
                return
            wait = asked[0] + MINUTE - moment
        said = f"'{name}' answers {most:,} questions a minute at most"
        raise Refused(429, said, type="rate_limit_error", code="rate_cap", retry_after_s=max(wait, 0.1))


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
