"""/v1/responses: items in, items out, and events that say their names."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from rung.engine.caller import MOST_LOGPROBS, Piece
from rung.serve.door import Delivered
from rung.serve.limits import Limits
from rung.serve.openai.answers import Flow, Said, beside, may_call, new_id, said_of, tokens_of, usage_of
from rung.serve.openai.fields import Body, StreamOptions, Text, read_body
from rung.serve.openai.forms import choice_of, form_of, tools_of
from rung.serve.openai.items import call_items, message_item, messages_of_input, refusal_item, text_part, turn_of
from rung.serve.openai.kept import Conversations
from rung.serve.openai.plan import Ask, Plan, Planner, Who
from rung.serve.openai.sampling import Temperature, Tokens, TopP, refuse_options, sampling_of
from rung.serve.types import Asked, Refused, Served
from rung.types import Message

LOGPROBS = "message.output_text.logprobs"


class TextSettings(BaseModel):
    """A body's `text`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    format: dict[str, Any] | None = None
    verbosity: None = None


class Reasoning(BaseModel):
    """A body's `reasoning`: it may only say that none is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    effort: None = None
    summary: None = None
    generate_summary: None = None


class ConversationId(BaseModel):
    """A body's `conversation`, as an object."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Text


class ResponseBody(Body):
    """What it takes."""

    input: Any
    instructions: str | None = None
    max_output_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    tools: list[Any] | None = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    text: TextSettings | None = None
    reasoning: Reasoning | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS)] | None = None
    include: list[str] | None = None
    previous_response_id: Text | None = None
    conversation: Text | ConversationId | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None

    @property
    def conversation_id(self) -> str:
        """Of the conversation that it is a part of; "" of none."""
        return self.conversation.id if isinstance(self.conversation, ConversationId) else self.conversation or ""


def planner(kept: Conversations) -> Planner:
    """What reads bodies, with the conversations that may go on."""
    return lambda given, who, limits: plan(given, who, limits, kept)


def plan(given: Mapping[str, Any], who: Who, limits: Limits, kept: Conversations) -> Plan:
    """What a body asks for. Raises Refused."""
    body = read_body(ResponseBody, given)
    refuse_options(body.stream, body.stream_options)
    for wanted in body.include or ():
        if wanted not in (LOGPROBS, "reasoning.encrypted_content"):
            raise Refused(400, f"This server cannot include '{wanted[:80]}'.", param="include", code="unsupported_value")
    conversation = body.conversation_id
    if conversation and body.previous_response_id:
        problem = "conversation and previous_response_id cannot both be given."
        raise Refused(400, problem, param="previous_response_id", code="invalid_value")
    before: tuple[Message, ...] = ()
    if conversation:
        before = kept.turns(who.tenant, conversation, "conversation")
    elif body.previous_response_id:
        before = kept.turns(who.tenant, body.previous_response_id, "previous_response_id")
    format = body.text.format if body.text else None
    asked = Asked(
        id=new_id("resp_"),
        tenant=who.tenant,
        endpoint="responses",
        model=body.model,
        messages=messages_of_input(body.input, body.instructions, before, limits),
        tools=tools_of(_nested(body.tools), limits),
        choice=choice_of(body.tool_choice),
        constraint=form_of(format, limits, "text.format"),
        session=who.session or conversation,
        user=body.who,
        stack=body.stack,
        mode=body.mode or "",
        held=body.held or "",
        stream=bool(body.stream),
    )
    logprobs = LOGPROBS in (body.include or ()) or bool(body.top_logprobs)
    sampling = sampling_of(
        body,
        max_tokens=body.max_output_tokens,
        seed=time.time_ns() % 2**48,
        top_logprobs=(body.top_logprobs or 0) if logprobs else None,
    )
    telling = ResponseTelling(body, asked, kept, logprobs=logprobs)
    return Plan(asks=(Ask(asked=asked, sampling=sampling),), telling=telling, stream=asked.stream)


def _nested(tools: list[Any] | None) -> list[Any] | None:
    """Tools as chat completions have them: here a function's fields stand beside its type."""
    if tools is None:
        return None
    return [
        {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}
        if isinstance(tool, dict) and tool.get("type") == "function" and "function" not in tool
        else tool
        for tool in tools
    ]


class ResponseTelling:
    """An answer in the shapes of responses, whole and in events."""

    named = True

    def __init__(self, body: ResponseBody, asked: Asked, kept: Conversations, *, logprobs: bool) -> None:
        self._body, self._asked, self._kept, self._logprobs = body, asked, kept, logprobs
        self._created, self._number = int(time.time()), -1
        self._flow = Flow(calls=may_call(asked))
        self._message = new_id("msg_")
        self._begun = self._opened = False
        self._model = asked.model

    def whole(self, delivered: Sequence[Delivered]) -> dict[str, Any]:
        """The body of an answer that is sent at once."""
        [one] = delivered
        said = said_of(one, one_call=self._body.parallel_tool_calls is False)
        self._remember(said)
        return self._finished(one, self._items(one, said), said)

    def opened(self, served: Served, fingerprint: str) -> Iterator[dict[str, Any]]:
        self._model = served.ref
        yield from ()

    def piece(self, place: int, piece: Piece) -> Iterator[dict[str, Any]]:
        if freed := self._flow.take(piece.text):
            yield from self._begin()
            logprobs = [dict(token.told) for token in piece.tokens] if self._logprobs else []
            yield self._delta(freed, logprobs)

    def ended(self, place: int, delivered: Delivered) -> Iterator[dict[str, Any]]:
        said = said_of(delivered, one_call=self._body.parallel_tool_calls is False)
        self._model = self._model if self._begun else delivered.served.ref
        if said.text or (not said.calls and said.refusal is None):
            yield from self._begin()
            if rest := self._flow.rest(said.text or ""):
                yield self._delta(rest, [])
        items = self._items(delivered, said)
        yield from self._start()
        for number, item in enumerate(items):
            yield from self._closing(number, item)
        self._remember(said)
        body = self._finished(delivered, items, said)
        yield self._event(f"response.{body['status']}", response=body)

    def closed(self, delivered: Sequence[Delivered]) -> Iterator[dict[str, Any]]:
        yield from ()

    def failed(self, refused: Refused) -> dict[str, Any]:
        return self._event("error", code=refused.code, message=refused.message, param=refused.param)

    def _items(self, delivered: Delivered, said: Said) -> list[dict[str, Any]]:
        if said.refusal is not None:
            return [refusal_item(self._message, said.refusal)]
        calls = call_items(said)
        if said.text is None:
            return calls
        tokens = tokens_of(delivered.answer, self._body.top_logprobs or 0) if self._logprobs else None
        told = [dict(token) for token in tokens] if tokens else None
        status = "incomplete" if said.ending == "length" else "completed"
        return [message_item(self._message, said.text, told, status=status), *calls]

    def _remember(self, said: Said) -> None:
        """The conversation with this answer, under its ids: what instructions said is not handed on."""
        turns = [turn for place, turn in enumerate(self._asked.messages) if not (place == 0 and self._body.instructions)]
        turns.append(turn_of(said))
        if self._body.store is not False:
            self._kept.keep(self._asked.tenant, self._asked.id, turns)
        if self._body.conversation_id:
            self._kept.keep(self._asked.tenant, self._body.conversation_id, turns)

    def _finished(self, delivered: Delivered, items: list[dict[str, Any]], said: Said) -> dict[str, Any]:
        reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
        reason = reasons.get(said.ending)
        usage = usage_of([delivered.answer])
        told = None
        if usage:
            details = usage.get("prompt_tokens_details", {"cached_tokens": 0})
            told = {
                "input_tokens": usage["prompt_tokens"],
                "input_tokens_details": details,
                "output_tokens": usage["completion_tokens"],
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": usage["total_tokens"],
            }
        self._model = delivered.served.ref
        beside_it = {**beside(delivered), "fingerprint": delivered.fingerprint}
        frame = self._frame("incomplete" if reason else "completed", items)
        return {**frame, "incomplete_details": {"reason": reason} if reason else None, "usage": told, "rung": beside_it}

    def _frame(self, status: str, items: list[dict[str, Any]]) -> dict[str, Any]:
        body = self._body
        conversation = {"conversation": {"id": body.conversation_id}} if body.conversation_id else {}
        return {
            "id": self._asked.id,
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "model": self._model,
            "output": items,
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": body.previous_response_id,
            "store": body.store is not False,
            "temperature": body.temperature or 0.0,
            "text": {"format": (body.text.format if body.text else None) or {"type": "text"}},
            "tool_choice": body.tool_choice or "auto",
            "tools": body.tools or [],
            "top_p": 1.0 if body.top_p is None else body.top_p,
            "truncation": "disabled",
            "usage": None,
            "user": body.user,
            "metadata": body.metadata or {},
            **conversation,
        }

    def _start(self) -> Iterator[dict[str, Any]]:
        if not self._opened:
            self._opened = True
            yield self._event("response.created", response=self._frame("in_progress", []))
            yield self._event("response.in_progress", response=self._frame("in_progress", []))

    def _begin(self) -> Iterator[dict[str, Any]]:
        """The message opens with its first text."""
        yield from self._start()
        if not self._begun:
            self._begun = True
            empty = {**message_item(self._message, "", None, status="in_progress"), "content": []}
            yield self._event("response.output_item.added", output_index=0, item=empty)
            yield self._event("response.content_part.added", **self._at(), part=text_part(""))

    def _delta(self, text: str, logprobs: list[dict[str, Any]]) -> dict[str, Any]:
        return self._event("response.output_text.delta", **self._at(), delta=text, logprobs=logprobs)

    def _closing(self, number: int, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if item["type"] == "function_call":
            at = {"output_index": number, "item_id": item["id"]}
            yield self._event(
                "response.output_item.added", output_index=number, item={**item, "arguments": "", "status": "in_progress"}
            )
            yield self._event("response.function_call_arguments.delta", **at, delta=item["arguments"])
            yield self._event("response.function_call_arguments.done", **at, name=item["name"], arguments=item["arguments"])
        else:
            [part] = item["content"]
            if not self._begun:  # a refusal
                yield self._event(
                    "response.output_item.added", output_index=0, item={**item, "content": [], "status": "in_progress"}
                )
                yield self._event("response.content_part.added", **self._at(), part=part)
            else:
                yield self._event("response.output_text.done", **self._at(), text=part["text"], logprobs=part["logprobs"])
            yield self._event("response.content_part.done", **self._at(), part=part)
        yield self._event("response.output_item.done", output_index=number, item=item)

    def _at(self) -> dict[str, Any]:
        return {"item_id": self._message, "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **fields}
