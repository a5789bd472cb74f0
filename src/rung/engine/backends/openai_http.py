"""Any server that speaks OpenAI's chat completions: `base: https://host/v1#model`, its key in RUNG_API_KEY or OPENAI_API_KEY.

What a server may refuse and another demands (the name of the token limit, JSON schemas) is learnt from its own answer, once.
"""

from __future__ import annotations

import json
import os
import random
import re
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from rung.engine.backend import Budget, ContextTooLong, Request, price_usd
from rung.engine.bases.resolve import Base
from rung.engine.chat import with_tools_in_words, wrapped_tool
from rung.engine.completion import complaint, has_message, is_filtered, is_object, json_object, read_completion
from rung.errors import BrokenEnvironment, RungError, UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import FAILED, REFUSED, WITHHELD, Answer

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_TOO_LONG = re.compile(r"context.{0,20}(length|window|size)|maximum context|too long|too many tokens", re.IGNORECASE)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class BudgetSpent(UserError):
    """The next answer could take the spend above what the task allows."""


class _NoAnswer(Exception):
    """A question came to no answer. Whether that is its own fault or the server's shows in what comes of others.

    error   what to raise where it is the server's
    reason  the Answer's finish_reason where it is its own: FAILED, REFUSED or WITHHELD, and `fault` in words
    """

    def __init__(self, error: RungError, reason: str, fault: str) -> None:
        super().__init__(fault)
        self.error, self.reason, self.fault = error, reason, fault


_Gathered = tuple[dict[int, Answer], dict[int, ContextTooLong], dict[int, _NoAnswer]]


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to go on with a server that falters. Waits grow twofold from `first_wait_s`, with jitter; Retry-After is obeyed."""

    attempts: int = 6
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0
    timeout_s: float = 120.0
    threads: int = 4


def open(base: Base, *, prices: Mapping[str, float] | None = None) -> OpenAIHTTP:
    """The server, not yet asked anything. Raises UserError for prices that say half."""
    return OpenAIHTTP(reference=base.pinned, address=base.reference.name, model=base.reference.member, prices=_checked(prices))


@dataclass(kw_only=True)
class OpenAIHTTP:
    """A Backend over HTTP. What it costs by the task's prices comes out of the `budget`."""

    reference: str
    address: str
    model: str
    prices: Mapping[str, float] = field(default_factory=dict)
    patience: Patience = Patience()
    template: str = ""
    budget: Budget = field(default_factory=Budget)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _refused: set[str] = field(default_factory=set)
    _taken: set[str] = field(default_factory=set)

    def pay_from(self, budget: Budget) -> None:
        """Refuse from now on to ask what could go beyond the budget. Raises UserError for a limit without prices."""
        if budget.limit_usd is not None and not self.prices:
            raise UserError(
                "limits.usd is set, but nothing says what an answer costs",
                where=self.address,
                hint="Add prices: {input_usd_per_million: ..., output_usd_per_million: ...} to the task (0 for your own server).",
            )
        self.budget = budget

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        """One call for each request, a few at a time. Raises UserError, ContextTooLong, BudgetSpent, BrokenEnvironment."""
        import httpx

        if any(request.adapters for request in requests):
            raise UserError(
                "a server's model cannot be adapted from here", where=self.address, hint="Use a local base for r4 and r5."
            )
        self._foresee(requests)
        try:
            return self._all(httpx, requests)
        finally:
            self.budget.keep(self.budget.spent_usd)

    def _foresee(self, requests: Sequence[Request]) -> None:
        """Writes down the most that can have been spent once all these are answered."""
        if self.budget.limit_usd is not None:
            self.budget.keep(min(self.budget.limit_usd, self.budget.spent_usd + sum(map(self._most, requests))))

    def _all(self, httpx: Any, requests: Sequence[Request]) -> list[Answer]:
        with (
            httpx.Client(timeout=self.patience.timeout_s, headers=self._headers(), follow_redirects=False) as client,
            ThreadPoolExecutor(max_workers=self.patience.threads) as pool,
        ):
            asked = [pool.submit(self._one, client, request) for request in requests]
            try:
                answers, problems, silent = self._gathered(client, asked)
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

    def _gathered(self, client: Any, asked: Sequence[Future[Answer]]) -> _Gathered:
        """By place: the answers, what was too long, and what came to no answer while the server answers other questions."""
        answers: dict[int, Answer] = {}
        problems: dict[int, ContextTooLong] = {}
        silent: dict[int, _NoAnswer] = {}
        for index, future in enumerate(asked):
            try:
                answers[index] = future.result()
            except ContextTooLong as error:
                problems[index] = error
            except _NoAnswer as silence:
                if silence.reason == FAILED and not self._is_alive(client):
                    raise silence.error from None
                silent[index] = silence
        return answers, problems, silent

    def _missing(self, request: Request, silence: _NoAnswer) -> Answer:
        """One question without an answer does not end the work on others; a form that was never taken is the user's to mend."""
        if silence.reason == REFUSED and _form(request) not in self._taken:
            raise silence.error from None
        return Answer(text="", finish_reason=silence.reason, fault=silence.fault)

    def _is_alive(self, client: Any) -> bool:
        """Whether the server answers the shortest of questions, now."""
        try:
            self._one(client, Request(messages=({"role": "user", "content": "Hi"},), max_tokens=1), attempts=1)
        except _NoAnswer as silence:
            return silence.reason != FAILED
        except BrokenEnvironment:
            return False
        return True

    def _headers(self) -> dict[str, str]:
        """The key goes to a server named in the task file: OpenAI's own key never in clear text over a network."""
        where = urlsplit(self.address)
        safe = where.scheme == "https" or where.hostname in _LOOPBACK
        key = os.environ.get("RUNG_API_KEY") or (os.environ.get("OPENAI_API_KEY") if safe else None)
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _one(self, client: Any, request: Request, attempts: int | None = None) -> Answer:
        reserved = self._reserve(request)
        cost = 0.0
        try:
            began = time.perf_counter()
            reply = self._settled(client, request, attempts or self.patience.attempts)
            self._taken.add(_form(request))
            answer = read_completion(reply, request, time.perf_counter() - began)
            price = price_usd(self.prices, answer)
            cost = reserved if price is None else price
            return replace(answer, cost_usd=price)
        finally:
            with self.budget.lock:
                self.budget.spent_usd += cost - reserved

    def _reserve(self, request: Request) -> float:
        """Takes the most that this request can cost off the budget, before it is asked."""
        budget = self.budget
        if budget.limit_usd is None:
            return 0.0
        most = self._most(request)
        with budget.lock:
            if budget.spent_usd + most > budget.limit_usd:
                raise BudgetSpent(
                    f"the budget of {budget.limit_usd:g} USD could be exceeded: {budget.spent_usd:.4f} USD are spent or under way, "
                    f"and the next answer may cost {most:.4f}",
                    where=self.address,
                    hint="Raise limits.usd in the task; answers so far are kept and not paid for again.",
                )
            budget.spent_usd += most
        return most

    def _most(self, request: Request) -> float:
        """The most that a request can cost. A token is at least one byte of text."""
        sent = len(json.dumps([list(request.messages), list(request.tools)], ensure_ascii=False).encode("utf-8", "surrogatepass"))
        return price_usd(self.prices, Answer(text="", prompt_tokens=sent, completion_tokens=request.max_tokens)) or 0.0

    def _settled(self, client: Any, request: Request, attempts: int) -> dict[str, Any]:
        """The server's reply, once what it does not know has been left out of the request. Raises _NoAnswer."""
        for _ in range(len(_OPTIONAL) + 1):
            body = self._body(request)
            status, text, reply = self._post(client, body, attempts)
            if status == 200:
                return reply
            unknown = next((name for name in _OPTIONAL if name in body and name in text and status in (400, 404, 422)), None)
            if unknown is None or _TOO_LONG.search(text) or (unknown == "response_format" and _kind(request) == "json_schema"):
                raise self._refused_for(status, text)
            with self._lock:
                self._refused.add(unknown)
        raise self._refused_for(status, text)

    def _body(self, request: Request) -> dict[str, Any]:
        limit = "max_completion_tokens" if "max_tokens" in self._refused else "max_tokens"
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [_clean(turn) for turn in request.messages],
            limit: request.max_tokens,
        }
        optional = {"temperature": request.temperature, "seed": request.seed} | (
            {"top_p": request.top_p} if request.top_p < 1 else {}
        )
        body |= {name: value for name, value in optional.items() if name not in self._refused}
        if request.constraint and "response_format" not in self._refused:
            body["response_format"] = _response_format(request.constraint)
        if request.tools and request.constraint:
            body["messages"] = with_tools_in_words(body["messages"], request.tools)
        elif request.tools:
            body["tools"] = [wrapped_tool(tool) for tool in request.tools]
        return body

    def _post(self, client: Any, body: Mapping[str, Any], attempts: int) -> tuple[int, str, dict[str, Any]]:
        """(status, text, reply) of the first reply that is not a passing fault. Raises _NoAnswer when patience ends, and
        BrokenEnvironment where nobody is there or nothing is given.
        """
        import httpx

        problem, nobody = "", False
        for attempt in range(attempts):
            wait = min(self.patience.first_wait_s * 2**attempt, self.patience.longest_wait_s) * random.uniform(0.5, 1.0)
            try:
                response = client.post(f"{self.address}/chat/completions", json=body)
            except httpx.TransportError as error:
                problem, nobody = f"{type(error).__name__}: {error}".rstrip(": "), isinstance(error, httpx.ConnectError)
            else:
                nobody = response.status_code == 429
                if response.status_code not in _PASSING:
                    reply = json_object(response.text)
                    if response.status_code != 200 or has_message(reply):
                        return response.status_code, response.text, reply or {}
                    problem = f"a reply that is no chat completion: {response.text[:120]!r}"
                else:
                    problem = f"HTTP {response.status_code}: {complaint(response.text)}"
                    wait = _retry_after(response.headers.get("retry-after"), wait)
                    if response.status_code == 429 and "insufficient_quota" in response.text:
                        break
            if attempt + 1 < attempts:
                time.sleep(min(wait, self.patience.longest_wait_s))
        fault = BrokenEnvironment(
            f"the server does not answer ({problem})",
            where=self.address,
            hint="Answers so far are kept: run the same command again.",
        )
        raise fault if nobody else _NoAnswer(fault, FAILED, f"the server failed on it ({problem})")

    def _refused_for(self, status: int, text: str) -> Exception:
        """What a refusal is: one question's own, where it may be that, else the user's to mend."""
        refusal = self._refusal(status, text)
        if status in (400, 403, 422) and is_filtered(text):
            return _NoAnswer(refusal, WITHHELD, "a filter withheld it")
        own = status in (400, 413, 422) and not isinstance(refusal, ContextTooLong)
        return _NoAnswer(refusal, REFUSED, f"the server refused it (HTTP {status}: {complaint(text)})") if own else refusal

    def _refusal(self, status: int, text: str) -> UserError:
        said = complaint(text)
        if status in (401, 403):
            return UserError(
                f"the server refuses the key (HTTP {status}): {said}",
                where=self.address,
                hint="Put a valid key into the environment variable RUNG_API_KEY (or OPENAI_API_KEY).",
            )
        if _TOO_LONG.search(text):
            return ContextTooLong({0: f"the question is longer than the model's context: {said}"}, where=self.address)
        if status == 404:
            hint = "Check the address (it usually ends in /v1) and the model's name after '#'."
            return UserError(f"the server knows no such address or model '{self.model}': {said}", where=self.address, hint=hint)
        return UserError(f"the server refuses the request (HTTP {status}): {said}", where=self.address)


_OPTIONAL = ("max_tokens", "response_format", "temperature", "top_p", "seed")


def _checked(prices: Mapping[str, float] | None) -> Mapping[str, float]:
    missing = {"input_usd_per_million", "output_usd_per_million"} - set(prices or {})
    if prices and missing:
        raise UserError(f"prices lack {' and '.join(sorted(missing))}", hint="State both, in USD per million tokens.")
    return dict(prices or {})


def _form(request: Request) -> str:
    """What requests have in common that a server either takes or refuses, whatever is asked."""
    held = _response_format(request.constraint) if request.constraint else {}
    return json.dumps([held, bool(request.tools)], sort_keys=True)


def _kind(request: Request) -> str:
    return request.constraint.kind if request.constraint else ""


def _clean(turn: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in turn.items() if value is not None or key == "content"}


def _response_format(constraint: ChoiceConstraint | SchemaConstraint) -> dict[str, Any]:
    if isinstance(constraint, ChoiceConstraint):
        schema = _wrapped({"type": "string", "enum": list(constraint.choices)})
    else:
        schema = dict(constraint.schema) if is_object(constraint.schema) else _wrapped(constraint.schema)
    strict = {"strict": True} if _is_closed(schema) else {}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **strict}}


def _wrapped(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": {"answer": dict(answer)}, "required": ["answer"], "additionalProperties": False}


def _is_closed(schema: Any) -> bool:
    """Whether every object lists all its properties as required and takes no others: what OpenAI's strict mode asks for."""
    if isinstance(schema, list):
        return all(_is_closed(part) for part in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" and (
        schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(schema.get("properties", {}))
    ):
        return False
    return all(_is_closed(part) for part in schema.values())


def _retry_after(header: str | None, otherwise: float) -> float:
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
