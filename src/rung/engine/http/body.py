"""What a server is sent for a question: in the fields that it is known to hold to, without what it refused before."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.engine.backend import Asked, Request
from rung.engine.chat import with_tools_in_words, with_words, wrapped_tool
from rung.engine.http.finding import UNCHECKED, ServerFinding
from rung.engine.http.sampling import sampling_fields
from rung.engine.markers import defused
from rung.parts import ChoiceConstraint, SchemaConstraint

# What a server may not know: left out once it has said so.
OPTIONAL = ("max_tokens", "response_format", "temperature", "top_p", "seed", "top_logprobs", "logprobs", "stream_options", "stop")
# Tokens that the form takes around an answer: `{"answer": "..."}`, and the white space that some grammars let a model put in.
ROOM = 48
# Tokens that a model which thinks before it answers has beyond those of the answer: with them most thoughts come to an end.
ROOM_FOR_THOUGHTS = 8192


def _grammar(choices: Sequence[str]) -> str:
    """llama.cpp's GBNF of one of several texts."""
    return "root ::= " + " | ".join(json.dumps(choice, ensure_ascii=False) for choice in choices)


def _regex(choices: Sequence[str]) -> str:
    return "(" + "|".join(map(re.escape, choices)) + ")"


# The fields by which servers take one of several answers, each with what is written there: vLLM's today and of before, llama.cpp's,
# SGLang's.
OWN_CHOICE: Mapping[str, Callable[[Sequence[str]], Any]] = {
    "structured_outputs": lambda choices: {"choice": list(choices)},
    "guided_choice": list,
    "grammar": _grammar,
    "regex": _regex,
}


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of a server when a question is put to it: what its check found, and what it has refused and shown since.

    room     tokens for thoughts beside those of the answer
    longest  the most tokens that the model writes; None where that is not known
    """

    finding: ServerFinding = UNCHECKED
    refused: frozenset[str] = frozenset()
    room: int = 0
    longest: int | None = None

    def limit(self, tokens: int) -> int:
        """The limit to send for an answer of at most so many tokens."""
        whole = tokens + self.room
        return whole if self.longest is None else min(whole, self.longest)

    @property
    def choice(self) -> str:
        """Its own field for one of several answers; "" where it has none."""
        return "" if self.finding.choice in self.refused else self.finding.choice

    @property
    def has_forms(self) -> bool:
        """Whether `response_format` is sent."""
        return self.finding.has_forms and "response_format" not in self.refused

    @property
    def has_tools(self) -> bool:
        """Whether `tools` are sent."""
        return self.finding.has_tools and "tools" not in self.refused


def body_of(request: Request, model: str, known: Known) -> dict[str, Any]:
    """The JSON of one question, in the fields that the server is known to hold to; what it has none for is put in words."""
    refused = known.refused | set(known.finding.without)
    held = _held(request.constraint, known)
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "messages": [_clean(turn) for turn in request.messages],
        limit: known.limit(request.max_tokens + (ROOM if _is_wrapped(held) else 0)),
    }
    optional = {"temperature": request.temperature, "seed": request.seed} | ({"top_p": request.top_p} if request.top_p < 1 else {})
    optional |= sampling_fields(request) | _alternatives(request, known)
    body |= {name: value for name, value in optional.items() if name not in refused} | held
    if request.constraint and not held:
        body["messages"] = with_words(body["messages"], _form_in_words(request.constraint))
    if request.tools and (request.constraint or not known.has_tools):
        body["messages"] = with_tools_in_words(body["messages"], request.tools)
    elif request.tools:
        body["tools"] = [wrapped_tool(tool) for tool in request.tools]
    return body


def _held(constraint: Asked | None, known: Known) -> dict[str, Any]:
    """The field that holds an answer to its form; {} where there is none."""
    if isinstance(constraint, ChoiceConstraint) and known.choice:
        return {known.choice: OWN_CHOICE[known.choice](constraint.choices)}
    return {"response_format": response_format(constraint)} if constraint and known.has_forms else {}


def _is_wrapped(held: Mapping[str, Any]) -> bool:
    """Whether the answer comes within an object that nobody but the form asked for."""
    schema = held.get("response_format", {}).get("json_schema", {}).get("schema", {})
    return set(schema.get("properties", ())) == {"answer"}


def _alternatives(request: Request, known: Known) -> dict[str, Any]:
    """Log-probabilities are asked for where they tell choices apart."""
    if not isinstance(request.constraint, ChoiceConstraint) or not known.finding.top_logprobs:
        return {}
    asked = sampling_fields(request).get("top_logprobs", 0)
    return {"logprobs": True, "top_logprobs": max(asked, known.finding.top_logprobs)}


def _form_in_words(constraint: Asked) -> str:
    if isinstance(constraint, ChoiceConstraint):
        return "Answer with one of these, word for word, and nothing else:\n" + "\n".join(constraint.choices)
    # In the schema's own order: it is the order in which it will be filled in.
    written = json.dumps(constraint.schema, ensure_ascii=False)
    return f"Answer with JSON alone, without a code fence, that fits this JSON schema:\n{written}"


def form(request: Request) -> str:
    """What requests have in common that a server either takes or refuses, whatever is asked."""
    held = response_format(request.constraint) if request.constraint else {}
    return json.dumps([held, bool(request.tools)], sort_keys=True)


def is_object(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is one of objects: servers take no other at the root, so that others are asked for as `{"answer": ...}`."""
    return schema.get("type") == "object"


def response_format(constraint: ChoiceConstraint | SchemaConstraint) -> dict[str, Any]:
    """OpenAI's form of a constraint."""
    if isinstance(constraint, ChoiceConstraint):
        schema = _wrapped({"type": "string", "enum": list(constraint.choices)})
    else:
        schema = dict(constraint.schema) if is_object(constraint.schema) else _wrapped(constraint.schema)
    strict = {"strict": True} if _is_closed(schema) else {}
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, **strict}}


def _clean(turn: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in turn.items() if value is not None or key == "content"}
    # A server renders by itself, and would take a template's tokens in what somebody quotes for the tokens.
    return {**kept, "content": _quoted(kept["content"])} if kept.get("role") in ("user", "tool") and "content" in kept else kept


def _quoted(content: Any) -> Any:
    if isinstance(content, str):
        return defused(content)
    if not isinstance(content, list | tuple):
        return content
    return [{**part, "text": defused(part["text"])} if isinstance(part.get("text"), str) else part for part in content]


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
