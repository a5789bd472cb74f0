"""Requests answered by batches: what came is read as an answer, what nothing came of is handed in once more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from rung.engine.backend import ContextTooLong, Keep, Request, Say
from rung.engine.http.batch.batches import Batches, Collected
from rung.engine.http.batch.lines import Result, name_of
from rung.engine.http.refusals import NoAnswer
from rung.engine.http.spending import Bill, Body
from rung.types import FAILED, Answer

# Fewer questions than this are asked by themselves, at the full price: a batch may take a day.
LEAST = 16
_ROUNDS = 2


@dataclass(kw_only=True)
class Rounds:
    """The questions of one call.

    body    what is sent for a question
    read    the Answer in what came for it, paid by the bill; None where another try may bring one. Raises ContextTooLong, NoAnswer
    failed  hears what else came of a question; it may raise
    """

    batches: Batches
    body: Callable[[Request], Body]
    read: Callable[[Request, Body, Result, Bill], Answer | None]
    failed: Callable[[int, Exception], None]
    keep: Keep
    say: Say
    answers: dict[int, Answer] = field(default_factory=dict)

    def run(self, requests: Sequence[Request]) -> dict[int, str]:
        """Fills `answers`; what is left without one or a failure, by place, with why."""
        left = dict.fromkeys(range(len(requests)), "")
        for _ in range(_ROUNDS):
            if len(left) < LEAST:
                break
            left = self._round(requests, left)
        return left

    def missing(self, left: dict[int, str]) -> None:
        """What nothing came of: no answer, and never a wrong one."""
        for place, why in left.items():
            self.answers[place] = Answer(text="", finish_reason=FAILED, fault=why or "the batch brought nothing")

    def _round(self, requests: Sequence[Request], places: dict[int, str]) -> dict[int, str]:
        bodies: dict[str, Body] = {}
        named: dict[str, list[int]] = {}
        for place in places:
            body = self.body(requests[place])
            bodies[name_of(body)] = body
            named.setdefault(name_of(body), []).append(place)
        left = dict(places)
        for collected in self.batches.run(bodies, self.say):
            fresh, failures = self._read(collected, requests, bodies, named, left)
            with self.batches.purse.entry():
                if fresh:
                    self.keep(fresh)
                self.batches.settle(collected)
            self.answers |= fresh
            self.batches.done(collected)
            for place, error in failures:
                left.pop(place, None)
                self.failed(place, error)
        return left

    def _read(
        self,
        collected: Collected,
        requests: Sequence[Request],
        bodies: dict[str, Body],
        named: dict[str, list[int]],
        left: dict[int, str],
    ) -> tuple[dict[int, Answer], list[tuple[int, Exception]]]:
        """The answers in a batch by place, and what else came; why nothing did stands in `left`."""
        fresh: dict[int, Answer] = {}
        failures: list[tuple[int, Exception]] = []
        for name in collected.kept.names:
            result = collected.results.get(name, Result(problem=collected.problem))
            if name not in named:
                self.batches.pay_unasked(collected, result)
            for number, place in enumerate(named.get(name, ())):
                bill = collected.bill if number == 0 else Bill(purse=self.batches.purse, where="")
                try:
                    answer = self.read(requests[place], bodies[name], result, bill)
                except (ContextTooLong, NoAnswer) as error:
                    failures.append((place, error))
                    continue
                if answer is None:
                    left[place] = result.problem or f"HTTP {result.status}"
                else:
                    left.pop(place)
                    fresh[place] = answer if number == 0 or answer.cost_usd is None else replace(answer, cost_usd=0.0)
        return fresh, failures
