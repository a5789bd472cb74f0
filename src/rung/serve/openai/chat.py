"""/v1/chat/completions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import Field

from rung.engine.caller import MOST_LOGPROBS, Piece
from rung.serve.door import Delivered
from rung.serve.limits import Limits
from rung.serve.openai.answers import Flow, beside, call_bodies, may_call, new_id, said_of, tokens_of, usage_of
from rung.serve.openai.fields import Body, StreamOptions, read_body
from rung.serve.openai.forms import choice_of, form_of, tools_of
from rung.serve.openai.messages import messages_of
from rung.serve.openai.plan import Plan, Who, asks_of
from rung.serve.openai.sampling import Count, Seed, Stop, Temperature, Tokens, TopP, count_of, refuse_options, sampling_of
from rung.serve.types import Asked, Refused, Served


class ChatBody(Body):
    """What it takes."""

    messages: list[Any]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    n: Count | None = None
    stop: Stop | None = None
    seed: Seed | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None


def plan(given: Mapping[str, Any], who: Who, limits: Limits) -> Plan:
    """What a body asks for. Raises Refused."""
    body = read_body(ChatBody, given)
    if body.max_tokens is not None and body.max_completion_tokens not in (None, body.max_tokens):
        raise Refused(400, "max_tokens and max_completion_tokens say different things.", param="max_tokens", code="invalid_value")
    if body.top_logprobs is not None and not body.logprobs:
        raise Refused(400, "top_logprobs asks for logprobs, which is not true.", param="top_logprobs", code="invalid_value")
    refuse_options(body.stream, body.stream_options)
    asked = Asked(
        id=new_id("chatcmpl-"),
        tenant=who.tenant,
        endpoint="chat",
        model=body.model,
        messages=messages_of(body.messages, limits),
        tools=tools_of(body.tools, limits),
        choice=choice_of(body.tool_choice),
        constraint=form_of(body.response_format, limits),
        session=who.session,
        user=body.who,
        stack=body.stack,
        mode=body.mode or "",
        held=body.held or "",
        stream=bool(body.stream),
    )
    sampling = sampling_of(
        body,
        max_tokens=body.max_completion_tokens or body.max_tokens,
        stop=body.stop,
        seed=body.seed,
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
    )
    asks = asks_of(asked, sampling, count_of(body.n, limits), seeded=body.seed is not None)
    return Plan(asks=asks, telling=ChatTelling(body, asked), stream=asked.stream)


class ChatTelling:
    """Answers in the shapes of chat completions, whole and in chunks."""

    named = False

    def __init__(self, body: ChatBody, asked: Asked) -> None:
        self._body, self._asked, self._created = body, asked, int(time.time())
        self._one_call = body.parallel_tool_calls is False
        self._flows: dict[int, Flow] = {}
        self._begun: set[int] = set()
        self._heard: set[int] = set()
        self._tokens: dict[int, list[Mapping[str, Any]]] = {}
        self._head: dict[str, Any] = {}

    def whole(self, delivered: Sequence[Delivered]) -> dict[str, Any]:
        """The body of an answer that is sent at once; the deliveries are in the order of their places."""
        first = delivered[0]
        choices = [self._choice(place, one) for place, one in enumerate(delivered)]
        return {
            "id": self._asked.id,
            "object": "chat.completion",
            "created": self._created,
            "model": first.served.ref,
            "choices": choices,
            "usage": usage_of([one.answer for one in delivered]),
            "system_fingerprint": first.fingerprint,
            "rung": beside(first),
        }

    def _choice(self, place: int, delivered: Delivered) -> dict[str, Any]:
        said = said_of(delivered, one_call=self._one_call)
        message: dict[str, Any] = {"role": "assistant", "content": said.text, "refusal": said.refusal}
        if said.calls:
            message["tool_calls"] = call_bodies(said)
        return {"index": place, "message": message, "logprobs": self._logprobs(delivered), "finish_reason": said.ending}

    def _logprobs(self, delivered: Delivered) -> dict[str, Any] | None:
        if not self._body.logprobs:
            return None
        tokens = tokens_of(delivered.answer, self._body.top_logprobs or 0)
        return None if tokens is None else {"content": list(tokens), "refusal": None}

    def opened(self, served: Served, fingerprint: str) -> Iterator[dict[str, Any]]:
        self._head = {"model": served.ref, "system_fingerprint": fingerprint}
        yield from ()

    def piece(self, place: int, piece: Piece) -> Iterator[dict[str, Any]]:
        flow = self._flows.setdefault(place, Flow(calls=may_call(self._asked)))
        self._heard |= {place} if piece.tokens else set()
        self._tokens.setdefault(place, []).extend(token.told for token in piece.tokens)
        if freed := flow.take(piece.text):
            yield from self._begin(place)
            yield self._chunk(place, {"content": freed})

    def ended(self, place: int, delivered: Delivered) -> Iterator[dict[str, Any]]:
        flow = self._flows.setdefault(place, Flow(calls=may_call(self._asked)))
        said = said_of(delivered, one_call=self._one_call)
        if not self._begun:
            self._head = {"model": delivered.served.ref, "system_fingerprint": delivered.fingerprint}
        yield from self._begin(place)
        self._left(place, delivered)
        if rest := flow.rest(said.text or ""):
            yield self._chunk(place, {"content": rest})
        if said.refusal is not None:
            yield self._chunk(place, {"refusal": said.refusal})
        if said.calls:
            yield self._chunk(place, {"tool_calls": [{"index": n, **call} for n, call in enumerate(call_bodies(said))]})
        yield self._chunk(place, {}, ending=said.ending)

    def closed(self, delivered: Sequence[Delivered]) -> Iterator[dict[str, Any]]:
        if self._body.stream_options and self._body.stream_options.include_usage:
            usage = usage_of([one.answer for one in delivered])
            yield {**self._frame(), "choices": [], "usage": usage, "rung": beside(delivered[0])}

    def failed(self, refused: Refused) -> dict[str, Any]:
        return refused.body

    def _begin(self, place: int) -> Iterator[dict[str, Any]]:
        if place not in self._begun:
            self._begun.add(place)
            yield self._chunk(place, {"role": "assistant", "content": "", "refusal": None})

    def _left(self, place: int, delivered: Delivered) -> None:
        """Tokens that no piece told: of an answer that came whole, all."""
        if self._body.logprobs and place not in self._heard:
            self._tokens[place] = list(tokens_of(delivered.answer, self._body.top_logprobs or 0) or ())

    def _chunk(self, place: int, delta: dict[str, Any], *, ending: str | None = None) -> dict[str, Any]:
        logprobs = None
        if (
            self._body.logprobs
            and ("content" in delta or ending)
            and "role" not in delta
            and (tokens := self._tokens.pop(place, None))
        ):
            logprobs = {"content": list(tokens), "refusal": None}
        choice = {"index": place, "delta": delta, "logprobs": logprobs, "finish_reason": ending}
        usage = {"usage": None} if self._body.stream_options and self._body.stream_options.include_usage else {}
        return {**self._frame(), "choices": [choice], **usage}

    def _frame(self) -> dict[str, Any]:
        return {"id": self._asked.id, "object": "chat.completion.chunk", "created": self._created, **self._head}
