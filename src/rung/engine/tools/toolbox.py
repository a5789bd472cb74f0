"""The bounded conversation between a model and its tools: a call, its result, another call or the answer.

A Candidate's `tools` say how it goes: `steps` is the most calls for one question, `forced` how many of them are made before
anything may be answered. While a call is forced the output is held to the calls' schemas; after the last one to the answer's own
constraint; between, to either. Every step is one batch over the questions that are still open.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from rung.calls import Call, calls_in, plain_value
from rung.engine.backend import Asked, ContextTooLong, Request
from rung.engine.markers import defused
from rung.engine.tools.attended import Attended, waiting
from rung.engine.tools.box import Box
from rung.engine.tools.schema import calls_schema
from rung.json_form import canonical_json
from rung.parts import ChoiceConstraint, SchemaConstraint, ToolUse
from rung.reply import read_reply
from rung.storage import Blobs
from rung.types import Answer, Message

CALL_TOKENS = 160

Ask = Callable[[Sequence[Request]], list[Answer]]
# (row, what the base said of it) -> the row's question with fewer demonstrations; raises ContextTooLong where it has none
Shorter = Callable[[int, str], Request]
Made = Mapping[str, Any]


def call_turns(calls: Sequence[Made]) -> list[Message]:
    """The turns that calls and their results stand for: the same in evaluation, demonstrations and training.

    A result is one line of JSON, in which no line break can stand bare, and no template's words for who speaks stand whole: what a
    tool returns cannot look like what follows it.
    """
    turns: list[Message] = []
    for number, call in enumerate(calls):
        identity = f"call{number:05d}"
        function = {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)}
        made = {"id": identity, "type": "function", "function": function}
        turns.append({"role": "assistant", "content": None, "tool_calls": [made]})
        turns.append({"role": "tool", "name": call["name"], "tool_call_id": identity, "content": _result_text(call)})
    return turns


@dataclass
class _Open:
    """One question on its way to an answer."""

    number: int
    request: Request
    calls: list[dict[str, Any]] = field(default_factory=list)
    said: list[Answer] = field(default_factory=list)
    closed: bool = False


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """A Candidate's tools, ready to be used."""

    tools: ToolUse
    box: Box
    attended: Attended | None = None

    @classmethod
    def open(cls, tools: ToolUse, blobs: Blobs, attended: Attended | None = None) -> Toolbox:
        """The tools that a Candidate names, their source from the store; `attended` where somebody waits for the answer."""
        files = blobs.local(tools.files) if tools.files else None
        if attended and attended.most is not None:
            steps = min(tools.steps, attended.most)
            tools = replace(tools, steps=steps, forced=min(tools.forced, steps))
        return cls(tools=tools, box=Box(tools=tools.toolset, files=files, attended=attended), attended=attended)

    def answer(self, requests: Sequence[Request], ask: Ask, shorter: Shorter) -> list[Answer]:
        """One Answer for each Request: figures are sums over its steps, `calls` what was called on the way."""
        rows = [self._opened(number, request) for number, request in enumerate(requests)]
        under_way = rows
        while under_way:
            for row, said in zip(under_way, self._said(under_way, ask, shorter), strict=True):
                row.said.append(said)
            wanted = [self._wanted(row) for row in under_way]
            outcomes = iter(self.box.perform([call for calls in wanted for call in calls]))
            for row, calls in zip(under_way, wanted, strict=True):
                row.calls += [next(outcomes) for _ in calls]
                row.closed = self._is_closed(row)
            under_way = [row for row, calls in zip(under_way, wanted, strict=True) if calls and not self._waits(row)]
        return [_summed(row) for row in rows]

    def _opened(self, number: int, request: Request) -> _Open:
        """A question, with the calls that were made for it before."""
        row = _Open(number, request, calls=[dict(call) for call in self.attended.made] if self.attended else [])
        row.closed = bool(row.calls) and self._is_closed(row)
        return row

    def _is_closed(self, row: _Open) -> bool:
        spent = sum(call["seconds"] for call in row.calls)
        return len(row.calls) >= self.tools.steps or spent > self.box.limits.total_seconds

    def _waits(self, row: _Open) -> bool:
        """Whether a person is to be asked before the conversation goes on."""
        return self.attended is not None and bool(waiting(row.calls))

    def _said(self, rows: Sequence[_Open], ask: Ask, shorter: Shorter) -> list[Answer]:
        """One step. Questions that are too long are asked with fewer demonstrations, then without the last results."""
        answers: dict[int, Answer] = {}
        while left := [place for place in range(len(rows)) if place not in answers]:
            try:
                answers |= dict(zip(left, ask([self._next(rows[place]) for place in left]), strict=True))
            except ContextTooLong as error:
                for place, problem in error.set_apart(left, answers):
                    _shorten(rows[place], problem, shorter)
        return [answers[place] for place in range(len(rows))]

    def _next(self, row: _Open) -> Request:
        """The question with all calls so far, and what may be said to it now."""
        request = replace(row.request, messages=(*row.request.messages, *call_turns(row.calls)))
        if row.closed or self.tools.steps == 0:
            return request
        longest = max(request.max_tokens, CALL_TOKENS)
        if len(row.calls) < self.tools.forced:
            return replace(request, constraint=SchemaConstraint(schema=self._schema), max_tokens=longest)
        return replace(request, constraint=self._either(request.constraint), max_tokens=longest)

    def _either(self, final: Asked | None) -> SchemaConstraint | None:
        """A call or the answer. Free answers stay free: a call is then found in what is said."""
        if final is None:
            return None
        answer = {"type": "string", "enum": list(final.choices)} if isinstance(final, ChoiceConstraint) else final.schema
        calls = self._schema.get("anyOf", [self._schema])
        return SchemaConstraint(schema={"anyOf": [*calls, answer]})

    def _wanted(self, row: _Open) -> list[Call]:
        """The calls in what was said last, as many as are still allowed; none where it is the answer.

        A forced call that was broken off is a call all the same, so that it is refused and counted.
        """
        if row.closed or self.tools.steps == 0 or row.said[-1].fault:
            return []
        text = read_reply(row.said[-1].text).text  # a call that was only thought of is not made
        calls = calls_in(text)
        if not calls and len(row.calls) < self.tools.forced:
            calls = [Call(name=plain_value(text[:80]), arguments={})]
        return calls[: self.tools.steps - len(row.calls)]

    @cached_property
    def _schema(self) -> dict[str, Any]:
        return calls_schema(self.tools.toolset.offers)


def _result_text(call: Made) -> str:
    if "result" in call:
        return f"Result of {call['name']}:\n{defused(canonical_json(call['result']))}"
    return f"{call['name']} gave no result: {defused(canonical_json(call['reason']))}"


def _shorten(row: _Open, problem: str, shorter: Shorter) -> None:
    try:
        row.request = shorter(row.number, problem)
    except ContextTooLong:
        if not _without_last_result(row):
            raise


def _without_last_result(row: _Open) -> bool:
    """Whether there was a result to leave out: what tools return must not end the evaluation of everything else."""
    for place in reversed(range(len(row.calls))):
        if "result" in row.calls[place]:
            kept = {key: value for key, value in row.calls[place].items() if key != "result"}
            row.calls[place] = kept | {"reason": "the result leaves the model no room"}
            row.closed = True
            return True
    return False


def _summed(row: _Open) -> Answer:
    """The last thing said is the answer. Times and tokens of every step count; one that is unknown makes the sum unknown."""
    last = row.said[-1]
    latency_s = _sum([answer.latency_s for answer in row.said])
    return replace(
        last,
        text=_bare_choice(last.text, row),
        latency_s=None if latency_s is None else latency_s + sum(call["seconds"] for call in row.calls),
        prompt_tokens=_sum([answer.prompt_tokens for answer in row.said]),
        cached_tokens=_sum([answer.cached_tokens for answer in row.said]),
        completion_tokens=_sum([answer.completion_tokens for answer in row.said]),
        cost_usd=_sum([answer.cost_usd for answer in row.said]),
        calls=tuple(row.calls),
    )


def _bare_choice(text: str, row: _Open) -> str:
    """Beside calls, a choice is said as a JSON string."""
    final = row.request.constraint
    if not isinstance(final, ChoiceConstraint) or text in final.choices:
        return text
    try:
        said = json.loads(text)
    except ValueError:
        return text
    return said if isinstance(said, str) else text


def _sum(figures: Sequence[Any]) -> Any:
    return None if any(figure is None for figure in figures) else sum(figures)
