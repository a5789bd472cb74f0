"""What a server's answers cost, taken off the budget before they are asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rung.engine.backend import Budget, price_usd
from rung.errors import UserError
from rung.types import Answer

# What is sent for a question, as `body_of` makes it.
Body = Mapping[str, Any]


class BudgetSpent(UserError):
    """The next answer could take the spend above what the task allows."""


@dataclass(kw_only=True)
class Bill:
    """What one answer cost in USD: what was put aside for it until `usd` says otherwise, nothing where it never came."""

    reserved: float
    usd: float = 0.0

    def pay(self, price: float | None) -> None:
        """The answer came; None where its price is not known."""
        self.usd = self.reserved if price is None else price


@dataclass(kw_only=True)
class Purse:
    """A budget, and the prices of one server (see `price_usd`)."""

    prices: Mapping[str, float] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)

    def pay_from(self, budget: Budget, where: str) -> None:
        """Refuse from now on to ask what could go beyond the budget. Raises UserError for a limit without prices."""
        if budget.limit_usd is not None and not self.prices:
            raise UserError(
                "limits.usd is set, but nothing says what an answer costs",
                where=where,
                hint="Add prices: {input_usd_per_million: ..., output_usd_per_million: ...} to the task (0 for your own server).",
            )
        self.budget = budget

    @contextmanager
    def foresee(self, bodies: Sequence[Body]) -> Iterator[Foreseen]:
        """Writes down the most that can have been spent once all these are answered, and after that what was."""
        foreseen = Foreseen(purse=self, usd=self.budget.spent_usd + sum(map(self.most, bodies)), left=len(bodies))
        foreseen.write()
        try:
            yield foreseen
        finally:
            self.budget.keep(self.budget.spent_usd)

    @contextmanager
    def reserve(self, body: Body, where: str) -> Iterator[Bill]:
        """Takes the most that this can cost off the budget while it is asked. Raises BudgetSpent where that is too much."""
        bill = Bill(reserved=self._reserved(body, where))
        try:
            yield bill
        finally:
            with self.budget.lock:
                self.budget.spent_usd += bill.usd - bill.reserved

    def _reserved(self, body: Body, where: str) -> float:
        budget = self.budget
        if budget.limit_usd is None:
            return 0.0
        most = self.most(body)
        with budget.lock:
            if budget.spent_usd + most > budget.limit_usd:
                raise BudgetSpent(
                    f"the budget of {budget.limit_usd:g} USD could be exceeded: {budget.spent_usd:.4f} USD are spent or under way, "
                    f"and the next answer may cost {most:.4f}",
                    where=where,
                    hint="Raise limits.usd in the task; answers so far are kept and not paid for again.",
                )
            budget.spent_usd += most
        return most

    def most(self, body: Body) -> float:
        """The most that a question can cost. A token is at least one byte of text."""
        parts = [body["messages"], body.get("tools", []), *([body["response_format"]] if "response_format" in body else [])]
        sent = len(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        longest = body.get("max_completion_tokens", body.get("max_tokens", 0))
        return price_usd(self.prices, Answer(text="", prompt_tokens=sent, completion_tokens=longest)) or 0.0


@dataclass(kw_only=True)
class Foreseen:
    """The most that a batch can bring the total to, which shrinks to the truth as its answers come."""

    purse: Purse
    usd: float
    left: int
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def more(self, body: Body) -> None:
        """One question is asked a second time, so."""
        with self.lock:
            self.usd += self.purse.most(body)
            self.write()

    def came(self, body: Body, cost: float | None) -> None:
        """One of them was answered, and cost so much (None where that is not known)."""
        with self.lock:
            self.left -= 1
            if cost is not None:
                self.usd += cost - self.purse.most(body)
            if self.left:
                self.write()

    def write(self) -> None:
        """Writes the total down, where there is a limit to it."""
        budget = self.purse.budget
        if budget.limit_usd is not None:
            budget.keep(min(budget.limit_usd, self.usd))


def checked_prices(prices: Mapping[str, float] | None) -> Mapping[str, float]:
    """Raises UserError for prices that say half."""
    missing = {"input_usd_per_million", "output_usd_per_million"} - set(prices or {})
    if prices and missing:
        raise UserError(f"prices lack {' and '.join(sorted(missing))}", hint="State both, in USD per million tokens.")
    return dict(prices or {})
