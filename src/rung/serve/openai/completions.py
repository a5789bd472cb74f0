"""/v1/completions: the older form, with a text in the place of a conversation.

A Candidate is asked in the way it was evaluated, through its template: the `prompt` is what a user says.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from rung.engine.caller import MOST_LOGPROBS, Piece
from rung.serve.door import Delivered
from rung.serve.limits import Limits
from rung.serve.openai.answers import Flow, beside, new_id, said_of, tokens_of, usage_of
from rung.serve.openai.fields import Body, StreamOptions, read_body
from rung.serve.openai.plan import Ask, Plan, Who, asks_of
from rung.serve.openai.sampling import Count, Seed, Stop, Temperature, Tokens, TopP, count_of, refuse_options, sampling_of
from rung.serve.types import Asked, Refused, Served


class CompletionBody(Body):
    """What it takes."""

    prompt: Any
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Tokens | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    n: Count | None = None
    stop: Stop | None = None
    seed: Seed | None = None
    logprobs: Annotated[int, Field(ge=0, le=MOST_LOGPROBS)] | None = None


def plan(given: Mapping[str, Any], who: Who, limits: Limits) -> Plan:
    """What a body asks for. Raises Refused."""
    body = read_body(CompletionBody, given)
    refuse_options(body.stream, body.stream_options)
    prompts = texts_of(body.prompt, "prompt", limits)
    n = count_of(body.n, limits)
    if len(prompts) * n > limits.texts:
        raise Refused(400, f"At most {limits.texts} completions are made at once.", param="n", code="invalid_value")
    asked = Asked(
        id=new_id("cmpl-"),
        tenant=who.tenant,
        endpoint="completions",
        model=body.model,
        messages=(),
        session=who.session,
        user=body.who,
        stack=body.stack,
        mode=body.mode or "",
        held=body.held or "",
        stream=bool(body.stream),
    )
    sampling = sampling_of(body, max_tokens=body.max_tokens, stop=body.stop, seed=body.seed, top_logprobs=body.logprobs)
    asks: list[Ask] = []
    for number, prompt in enumerate(prompts):
        own = replace(
            asked, id=asked.id if number == 0 else f"{asked.id}.p{number}", messages=({"role": "user", "content": prompt},)
        )
        for ask in asks_of(own, sampling, n, seeded=body.seed is not None):
            asks.append(replace(ask, places=tuple(number * n + place for place in ask.places)))
    return Plan(asks=tuple(asks), telling=CompletionTelling(body, asked, n), stream=asked.stream)


def texts_of(given: Any, param: str, limits: Limits) -> list[str]:
    """One text or several. Raises Refused for none, for tokens, and for too many."""
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise Refused(400, f"Invalid value for '{param}': must be a text or a list of texts.", param=param, code="invalid_value")
    if len(texts) > limits.texts:
        raise Refused(400, f"Invalid value for '{param}': at most {limits.texts} texts.", param=param, code="invalid_value")
    if not all(texts):
        raise Refused(400, f"Invalid value for '{param}': a text is empty.", param=param, code="invalid_value")
    return texts


class CompletionTelling:
    """Answers in the shapes of completions, whole and in chunks."""

    named = False

    def __init__(self, body: CompletionBody, asked: Asked, n: int) -> None:
        self._body, self._asked, self._n, self._created = body, asked, n, int(time.time())
        self._flows: dict[int, Flow] = {}
        self._tokens: dict[int, list[Mapping[str, Any]]] = {}
        self._head: dict[str, Any] = {}

    def whole(self, delivered: Sequence[Delivered]) -> dict[str, Any]:
        """The body of an answer that is sent at once."""
        self._name(delivered[0].served, delivered[0].fingerprint)
        choices = []
        for place, one in enumerate(delivered):
            said = said_of(one)
            choices.append(self._choice(place, said.text or "", self._told(one), said.ending))
        return {**self._frame(), "choices": choices, "usage": self._usage(delivered), "rung": beside(delivered[0])}

    def opened(self, served: Served, fingerprint: str) -> Iterator[dict[str, Any]]:
        self._name(served, fingerprint)
        yield from ()

    def piece(self, place: int, piece: Piece) -> Iterator[dict[str, Any]]:
        freed = self._flows.setdefault(place, Flow(calls=False)).take(piece.text)
        tokens = self._tokens.setdefault(place, [])
        if freed or piece.tokens:
            come = [token.told for token in piece.tokens]
            yield self._chunk(place, freed, _logprobs(come, tokens) if self._body.logprobs is not None else None)
            tokens += come

    def ended(self, place: int, delivered: Delivered) -> Iterator[dict[str, Any]]:
        if not self._head or not self._flows:
            self._name(delivered.served, delivered.fingerprint)
        said = said_of(delivered)
        rest = self._flows.setdefault(place, Flow(calls=False)).rest(said.text or "")
        told = None if self._tokens.get(place) else self._told(delivered)
        yield self._chunk(place, rest, told, said.ending)

    def closed(self, delivered: Sequence[Delivered]) -> Iterator[dict[str, Any]]:
        if self._body.stream_options and self._body.stream_options.include_usage:
            yield {**self._frame(), "choices": [], "usage": self._usage(delivered), "rung": beside(delivered[0])}

    def failed(self, refused: Refused) -> dict[str, Any]:
        return refused.body

    def _usage(self, delivered: Sequence[Delivered]) -> dict[str, Any] | None:
        """Over all prompts; None where one is not known."""
        each = [usage_of([one.answer for one in delivered[at : at + self._n]]) for at in range(0, len(delivered), self._n)]
        if None in each:
            return None
        keys = ("prompt_tokens", "completion_tokens", "total_tokens")
        return {key: sum(usage[key] for usage in each if usage) for key in keys}

    def _told(self, delivered: Delivered) -> dict[str, Any] | None:
        if self._body.logprobs is None:
            return None
        tokens = tokens_of(delivered.answer, self._body.logprobs)
        return None if tokens is None else _logprobs(tokens, ())

    def _chunk(self, place: int, text: str, logprobs: Any, ending: str | None = None) -> dict[str, Any]:
        usage = {"usage": None} if self._body.stream_options and self._body.stream_options.include_usage else {}
        return {**self._frame(), "choices": [self._choice(place, text, logprobs, ending)], **usage}

    @staticmethod
    def _choice(place: int, text: str, logprobs: Any, ending: str | None) -> dict[str, Any]:
        return {"text": text, "index": place, "logprobs": logprobs, "finish_reason": ending}

    def _name(self, served: Served, fingerprint: str) -> None:
        self._head = {"model": served.ref, "system_fingerprint": fingerprint}

    def _frame(self) -> dict[str, Any]:
        return {"id": self._asked.id, "object": "text_completion", "created": self._created, **self._head}


def _logprobs(tokens: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Tokens as this endpoint tells them; offsets are in characters of the answer."""
    offsets, at = [], sum(len(token["token"]) for token in before)
    for token in tokens:
        offsets.append(at)
        at += len(token["token"])
    return {
        "tokens": [token["token"] for token in tokens],
        "token_logprobs": [token["logprob"] for token in tokens],
        "top_logprobs": [{one["token"]: one["logprob"] for one in token["top_logprobs"]} for token in tokens],
        "text_offset": offsets,
    }
