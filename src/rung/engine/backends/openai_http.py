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
from rung.engine.chat import calls_text, text_of, with_tools_in_words, wrapped_tool
from rung.errors import BrokenEnvironment, UserError
from rung.parts import ChoiceConstraint, SchemaConstraint
from rung.types import Answer

_PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_TOO_LONG = re.compile(r"context.{0,20}(length|window|size)|maximum context|too long|too many tokens", re.IGNORECASE)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class BudgetSpent(UserError):
    """The next answer could take the spend above what the task allows."""


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
                return _gathered(asked)
            except BaseException:
                for future in asked:
                    future.cancel()
                raise

    def _headers(self) -> dict[str, str]:
        """The key goes to a server named in the task file: OpenAI's own key never in clear text over a network."""
        where = urlsplit(self.address)
        safe = where.scheme == "https" or where.hostname in _LOOPBACK
        key = os.environ.get("RUNG_API_KEY") or (os.environ.get("OPENAI_API_KEY") if safe else None)
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _one(self, client: Any, request: Request) -> Answer:
        reserved = self._reserve(request)
        cost = 0.0
        try:
            began = time.perf_counter()
            reply = self._settled(client, request)
            answer = self._read(reply, request, time.perf_counter() - began)
            cost = reserved if answer.cost_usd is None else answer.cost_usd
            return answer
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

    def _settled(self, client: Any, request: Request) -> dict[str, Any]:
        """The server's reply, once what it does not know has been left out of the request."""
        for _ in range(len(_OPTIONAL) + 1):
            body = self._body(request)
            status, text, reply = self._post(client, body)
            if status == 200:
                return reply
            unknown = next((name for name in _OPTIONAL if name in body and name in text and status in (400, 404, 422)), None)
            if unknown is None or _TOO_LONG.search(text) or (unknown == "response_format" and _kind(request) == "json_schema"):
                raise self._refusal(status, text)
            with self._lock:
                self._refused.add(unknown)
        raise self._refusal(status, text)

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

    def _post(self, client: Any, body: Mapping[str, Any]) -> tuple[int, str, dict[str, Any]]:
        """(status, text, reply) of the first reply that is not a passing fault. Raises BrokenEnvironment when patience ends."""
        import httpx

        problem = ""
        for attempt in range(self.patience.attempts):
            wait = min(self.patience.first_wait_s * 2**attempt, self.patience.longest_wait_s) * random.uniform(0.5, 1.0)
            try:
                response = client.post(f"{self.address}/chat/completions", json=body)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")
            else:
                if response.status_code not in _PASSING:
                    reply = _json_object(response.text)
                    if response.status_code != 200 or _has_message(reply):
                        return response.status_code, response.text, reply or {}
                    problem = f"a reply that is no chat completion: {response.text[:120]!r}"
                else:
                    problem = f"HTTP {response.status_code}: {_complaint(response.text)}"
                    wait = _retry_after(response.headers.get("retry-after"), wait)
                    if response.status_code == 429 and "insufficient_quota" in response.text:
                        break
            if attempt + 1 < self.patience.attempts:
                time.sleep(min(wait, self.patience.longest_wait_s))
        raise BrokenEnvironment(
            f"the server does not answer ({problem})",
            where=self.address,
            hint="Answers so far are kept: run the same command again.",
        )

    def _refusal(self, status: int, text: str) -> UserError:
        said = _complaint(text)
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

    def _read(self, reply: Mapping[str, Any], request: Request, seconds: float) -> Answer:
        choice = reply["choices"][0]
        message = choice["message"]
        text = calls_text(message["tool_calls"]) if message.get("tool_calls") else text_of(message.get("content"))
        usage = reply.get("usage") or {}
        details = usage.get("prompt_tokens_details") or {}
        answer = Answer(
            text=_choice(text, request.constraint.choices) if isinstance(request.constraint, ChoiceConstraint) else text,
            latency_s=seconds,
            prompt_tokens=usage.get("prompt_tokens"),
            cached_tokens=details.get("cached_tokens"),
            completion_tokens=usage.get("completion_tokens"),
            finish_reason=choice.get("finish_reason") or "stop",
        )
        return replace(answer, cost_usd=price_usd(self.prices, answer))


def _gathered(asked: Sequence[Future[Answer]]) -> list[Answer]:
    """The answers. Those that were too long are told together, with the others' answers: nothing is paid for twice."""
    answers, problems = {}, {}
    where = ""
    for index, future in enumerate(asked):
        try:
            answers[index] = future.result()
        except ContextTooLong as error:
            problems[index], where = error.problem, error.where
    if problems:
        raise ContextTooLong(problems, answers, where=where)
    return list(answers.values())


_OPTIONAL = ("max_tokens", "response_format", "temperature", "top_p", "seed")


def _checked(prices: Mapping[str, float] | None) -> Mapping[str, float]:
    missing = {"input_usd_per_million", "output_usd_per_million"} - set(prices or {})
    if prices and missing:
        raise UserError(f"prices lack {' and '.join(sorted(missing))}", hint="State both, in USD per million tokens.")
    return dict(prices or {})


def _kind(request: Request) -> str:
    return request.constraint.kind if request.constraint else ""


def _clean(turn: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in turn.items() if value is not None or key == "content"}


def _response_format(constraint: ChoiceConstraint | SchemaConstraint) -> dict[str, Any]:
    if isinstance(constraint, ChoiceConstraint):
        answer = {"type": "string", "enum": list(constraint.choices)}
        schema = {"type": "object", "properties": {"answer": answer}, "required": ["answer"], "additionalProperties": False}
    else:
        schema = dict(constraint.schema)
    strict = {"strict": True} if _is_closed(schema) else {}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **strict}}


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


def _choice(text: str, choices: Sequence[str]) -> str:
    """The one choice that a reply means, else the reply as it is: a wrong answer must stay visible."""
    wrapped = _json_object(text)
    said = str(wrapped["answer"]) if wrapped and set(wrapped) == {"answer"} else text
    bare = {choice.casefold().strip(" \t\n.,;:!\"'`*()[]"): choice for choice in choices}
    whole = bare.get(said.casefold().strip(" \t\n.,;:!\"'`*()[]"))
    if whole is not None:
        return whole
    named = [choice for key, choice in bare.items() if key and re.search(rf"(?<!\w){re.escape(key)}(?!\w)", said.casefold())]
    return named[0] if len(named) == 1 else said


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _has_message(reply: Mapping[str, Any] | None) -> bool:
    choices = (reply or {}).get("choices")
    return isinstance(choices, list) and bool(choices) and isinstance(choices[0].get("message"), Mapping)


def _complaint(text: str) -> str:
    """The server's own words, shortened."""
    error = (_json_object(text) or {}).get("error")
    said = error.get("message") if isinstance(error, Mapping) else error
    return " ".join(str(said or text).split())[:300]


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
