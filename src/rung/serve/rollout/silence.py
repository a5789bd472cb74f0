"""Whether somebody complained of an answer: a score of every answer, also of those that nobody says anything of.

Where people say only what is bad, or only what is good, the mean of what they say is the same of every version (`words`). How many
of all who ask complain is not. Silence is known after a while: answers count in the order in which they were asked, a complaint no
sooner than silence, for else the first that count would all be complaints. Time is that of what was written down, so that every
server comes to the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from datetime import datetime

from rung.registry.rollout_states import Observed
from rung.serve.rollout.words import NEITHER


class Silence:
    """The answers of one rollout of which it is not known yet whether somebody complains."""

    def __init__(self, within_s: float) -> None:
        """within_s  seconds from an answer in which a complaint of it counts"""
        self._within_s = within_s
        self._now = float("-inf")
        self._open: OrderedDict[str, tuple[Observed, float, float]] = OrderedDict()

    def see(self, one: Observed) -> None:
        """An answer, or what somebody says of one: their last word stands."""
        if one.kind == "answer":
            self._open.setdefault(one.answer, (one, self._now, 1.0))
        elif one.kind == "feedback" and one.answer in self._open:
            answer, since, _ = self._open[one.answer]
            worth = max(one.scores.values(), default=NEITHER)
            self._open[one.answer] = (answer, since, 0.0 if worth < NEITHER else 1.0)

    def until(self, created: str) -> Iterator[tuple[Observed, float]]:
        """The answers of which it is known at that moment (ISO 8601; a clock that goes back stands still), each with its score."""
        if created:
            self._now = max(self._now, datetime.fromisoformat(created).timestamp())
        while self._open and next(iter(self._open.values()))[1] + self._within_s <= self._now:
            _, (answer, _, score) = self._open.popitem(last=False)
            yield answer, score
