"""Any server that speaks OpenAI's chat completions: `base: https://host/v1#model`, its key in RUNG_API_KEY or OPENAI_API_KEY.

What a server may refuse and another demands (the name of the token limit, JSON schemas) is learnt from its own answer, once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from rung.engine.backend import Budget, ContextTooLong, Request, price_usd
from rung.engine.bases.resolve import Base
from rung.engine.http.body import OPTIONAL, body_of, form
from rung.engine.http.completion import read_completion
from rung.engine.http.error_text import read_error
from rung.engine.http.line import Line
from rung.engine.http.refusals import Asked, NoAnswer, refused_for
from rung.engine.http.sending import Patience, Reply, post
from rung.engine.http.signs import is_too_long
from rung.engine.http.spending import Purse, checked_prices
from rung.errors import BrokenEnvironment, UserError
from rung.sources.address import ServerAddress
from rung.types import FAILED, REFUSED, Answer

_Gathered = tuple[dict[int, Answer], dict[int, ContextTooLong], dict[int, NoAnswer]]


def open(base: Base, *, prices: Mapping[str, float] | None = None) -> OpenAIHTTP:
    """The server, not yet asked anything. Raises UserError for prices that say half."""
    purse = Purse(prices=checked_prices(prices))
    return OpenAIHTTP(reference=base.pinned, address=base.reference.name, model=base.reference.member, purse=purse)


@dataclass(kw_only=True)
class OpenAIHTTP:
    """A Backend over HTTP. What it costs by the task's prices comes out of the purse's budget."""

    reference: str
    address: str
    model: str
    purse: Purse = field(default_factory=Purse)
    patience: Patience = field(default_factory=Patience)
    template: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refused: set[str] = field(default_factory=set)
    _taken: set[str] = field(default_factory=set)

    def pay_from(self, budget: Budget) -> None:
        """Refuse from now on to ask what could go beyond the budget. Raises UserError for a limit without prices."""
        self.purse.pay_from(budget, self.address)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One call for each request, a few at a time. Raises UserError, ContextTooLong, BudgetSpent, BrokenEnvironment."""
        if any(request.adapters for request in requests):
            raise UserError(
                "a server's model cannot be adapted from here", where=self.address, hint="Use a local base for r4 and r5."
            )
        self.purse.foresee(requests)
        try:
            return self._all(requests)
        finally:
            self.purse.budget.keep(self.purse.budget.spent_usd)

    @property
    def _asked(self) -> Asked:
        return Asked(address=ServerAddress.read(self.address), model=self.model)

    def _all(self, requests: Sequence[Request]) -> list[Answer]:
        with (
            Line(self._asked, self.patience.timeout_s) as line,
            ThreadPoolExecutor(max_workers=self.patience.threads) as pool,
        ):
            asked = [pool.submit(self._one, line, request, self.patience) for request in requests]
            try:
                answers, problems, silent = self._gathered(line, asked)
            except BaseException:
                for future in asked:
                    future.cancel()
                raise
        answers |= {index: self._missing(requests[index], silence) for index, silence in silent.items()}
        if problems:
            # Told together, with the others' answers: nothing is paid for twice.
            said = {index: error.problem for index, error in problems.items()}
            raise ContextTooLong(said, answers, where=next(iter(problems.values())).where)
        return [answers[index] for index in range(len(requests))]

    def _gathered(self, line: Line, asked: Sequence[Future[Answer]]) -> _Gathered:
        """By place: the answers, what was too long, and what came to no answer while the server answers other questions."""
        answers: dict[int, Answer] = {}
        problems: dict[int, ContextTooLong] = {}
        silent: dict[int, NoAnswer] = {}
        for index, future in enumerate(asked):
            try:
                answers[index] = future.result()
            except ContextTooLong as error:
                problems[index] = error
            except NoAnswer as silence:
                if silence.reason == FAILED and not self._is_alive(line):
                    raise silence.error from None
                silent[index] = silence
        return answers, problems, silent

    def _missing(self, request: Request, silence: NoAnswer) -> Answer:
        """One question without an answer does not end the work on others; a form that was never taken is the user's to mend."""
        if silence.reason == REFUSED and form(request) not in self._taken:
            raise silence.error from None
        return Answer(text="", finish_reason=silence.reason, fault=silence.fault)

    def _is_alive(self, line: Line) -> bool:
        """Whether the server answers the shortest of questions, now."""
        shortest = Request(messages=({"role": "user", "content": "Hi"},), max_tokens=1)
        try:
            self._one(line, shortest, replace(self.patience, attempts=1))
        except NoAnswer as silence:
            return silence.reason != FAILED
        except BrokenEnvironment:
            return False
        return True

    def _one(self, line: Line, request: Request, patience: Patience) -> Answer:
        with self.purse.reserve(request, self.address) as bill:
            began = time.perf_counter()
            reply = self._settled(line, request, patience)
            self._taken.add(form(request))
            answer = read_completion(reply.content, request, time.perf_counter() - began).answer
            price = price_usd(self.purse.prices, answer)
            bill.pay(price)
            return replace(answer, cost_usd=price)

    def _settled(self, line: Line, request: Request, patience: Patience) -> Reply:
        """The server's reply, once what it does not know has been left out of the request. Raises NoAnswer."""
        for _ in range(len(OPTIONAL) + 1):
            body = body_of(request, self.model, self._refused)
            reply = post(line, self.address, body, patience)
            if reply.status == 200:
                return reply
            unknown = next(
                (name for name in OPTIONAL if name in body and name in reply.text and reply.status in (400, 404, 422)), None
            )
            held = unknown == "response_format" and request.constraint is not None and request.constraint.kind == "json_schema"
            if unknown is None or is_too_long(reply.status, read_error(reply.text)) or held:
                break
            with self._lock:
                self._refused.add(unknown)
        raise refused_for(reply.status, reply.text, self._asked)
