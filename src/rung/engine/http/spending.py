"""What a server's answers cost: taken off the budget at its most before they are asked for, and put right when they have come."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rung.engine.backend import Budget, price_usd
from rung.errors import UserError
from rung.types import Answer

# Before the keys of tunings, for which money is put aside as for batches.
TUNING = "tuning-"
# What is sent for a question, as `body_of` makes it.
Body = Mapping[str, Any]


class BudgetSpent(UserError):
    """The next answer could take the spend above what the task allows."""


@dataclass(kw_only=True)
class Bill:
    """What one question costs in USD: `held` is put aside for it until it is settled, `usd` is what it is known, or must be taken,
    to have cost, `factor` what its answers cost of what they would by the prices.
    """

    purse: Purse
    where: str
    held: float = 0.0
    usd: float = 0.0
    factor: float = 1.0

    def pay(self, price: float | None, body: Body) -> None:
        """An answer came; `price` None where what it cost is not known: it is taken at its most."""
        self.usd += self.factor * (self.purse.most(body) if price is None else price)
        if price is not None:
            self.purse.learn(price, body)

    def lost(self, body: Body) -> None:
        """An attempt brought nothing, and may have been billed all the same: it counts at its most, and the next is put aside for.

        Raises BudgetSpent.
        """
        most = self.purse.most(body)
        self.usd += most
        self.purse.budget.lost_usd += most
        self.more(body)

    def more(self, body: Body) -> None:
        """The question is asked once more. Raises BudgetSpent."""
        with self.purse.entry():
            self.held += self.purse.take(body, self.where)

    def settle(self) -> None:
        """Nothing more is asked: what was put aside and not spent is free again."""
        with self.purse.budget.lock:
            self.purse.budget.spent_usd += self.usd - self.held
        self.held = self.usd


@dataclass(kw_only=True)
class Purse:
    """A budget, and the prices of one server (see `price_usd`)."""

    prices: Mapping[str, float] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)
    _unseen: float = 0.0

    def pay_from(self, budget: Budget, where: str) -> None:
        """Refuse from now on to ask what could go beyond the budget. Raises UserError for a limit without prices."""
        if budget.limit_usd is not None and not self.prices:
            raise UserError(
                "limits.usd is set, but nothing says what an answer costs",
                where=where,
                hint="Add prices: {input_usd_per_million: ..., output_usd_per_million: ...} to the task (0 for your own server).",
            )
        self.budget = budget

    def reserve(self, body: Body, where: str) -> Bill:
        """Takes the most that this can cost off the budget. Raises BudgetSpent where that is too much.

        It is written down by the `entry` around it, which must be closed before the question goes out.
        """
        return Bill(purse=self, where=where, held=self.take(body, where))

    @contextmanager
    def entry(self) -> Iterator[None]:
        """What is kept within, and the total with all that is put aside, are written down together or not at all."""
        budget = self.budget
        with budget.writing:
            if budget.limit_usd is None:
                yield
                return
            with budget.together():
                yield
                budget.keep(budget.spent_usd)

    @contextmanager
    def paying(self, body: Body, where: str) -> Iterator[Bill]:
        """One question by itself: put aside for and written down before it is asked, settled after. Raises BudgetSpent."""
        with self.entry():
            bill = self.reserve(body, where)
        try:
            yield bill
        finally:
            with self.entry():
                bill.settle()

    def take(self, body: Body, where: str, factor: float = 1.0) -> float:
        """What is put aside for a question, of which an answer costs so much of the price. Raises BudgetSpent."""
        budget = self.budget
        if budget.limit_usd is None:
            return 0.0
        most = self.most(body) * factor
        with budget.lock:
            if budget.spent_usd + most > budget.limit_usd:
                lost = f" (up to {budget.lost_usd:.4f} of it for answers that were lost on the way)" if budget.lost_usd else ""
                raise BudgetSpent(
                    f"the budget of {budget.limit_usd:g} USD could be exceeded: {budget.spent_usd:.4f} USD are spent or under way"
                    f"{lost}, and the next answer may cost {most:.4f}",
                    where=where,
                    hint="Raise limits.usd in the task; answers so far are kept and not paid for again.",
                )
            budget.spent_usd += most
        return most

    def hold(self, key: str, usd: float, where: str) -> None:
        """Puts money aside for a tuning, once: it stays so until it is `paid`, whatever becomes of this process.

        Raises BudgetSpent.
        """
        budget = self.budget
        if budget.limit_usd is None or key in budget.batches:
            return
        with self.entry(), budget.lock:
            if budget.spent_usd + usd > budget.limit_usd:
                raise BudgetSpent(
                    f"the tuning may cost {usd:.2f} USD, and of the budget of {budget.limit_usd:g} USD {budget.spent_usd:.2f} are "
                    "spent or under way",
                    where=where,
                    hint="Raise limits.usd in the task, or let it learn from fewer rows or over fewer epochs.",
                )
            budget.spent_usd += usd
            budget.batches[key] = usd

    def paid(self, key: str, usd: float) -> None:
        """What a tuning came to cost, in the place of what was put aside for it; what was paid before is not paid again."""
        budget = self.budget
        if key in budget.batches:
            with self.entry(), budget.lock:
                budget.spent_usd += usd - budget.batches.pop(key)

    def learn(self, price: float, body: Body) -> None:
        """What an answer cost. More than the most that was sent: the server adds to questions what is not seen here."""
        if self.budget.limit_usd is not None:
            with self.budget.lock:
                self._unseen = max(self._unseen, price - self._sent(body))

    def most(self, body: Body) -> float:
        """The most that a question can cost; 0 where nobody limits the spend.

        A token is at least one byte of text; what servers add to a question shows in what its answer costs.
        """
        return 0.0 if self.budget.limit_usd is None else self._sent(body) + self._unseen

    def _sent(self, body: Body) -> float:
        parts = [body["messages"], body.get("tools", []), *([body["response_format"]] if "response_format" in body else [])]
        sent = len(json.dumps(parts, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        longest = body.get("max_completion_tokens", body.get("max_tokens", 0))
        return price_usd(self.prices, Answer(text="", prompt_tokens=sent, completion_tokens=longest)) or 0.0


def checked_prices(prices: Mapping[str, float] | None) -> Mapping[str, float]:
    """Raises UserError for prices that say half."""
    missing = {"input_usd_per_million", "output_usd_per_million"} - set(prices or {})
    if prices and missing:
        raise UserError(f"prices lack {' and '.join(sorted(missing))}", hint="State both, in USD per million tokens.")
    return dict(prices or {})
