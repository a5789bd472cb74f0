"""What a server is sent for a question, without what it refused before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from rung.engine.backend import Request
from rung.engine.chat import with_tools_in_words, wrapped_tool
from rung.parts import ChoiceConstraint, SchemaConstraint

# What a server may not know: left out once it has said so.
OPTIONAL = ("max_tokens", "response_format", "temperature", "top_p", "seed")


def body_of(request: Request, model: str, refused: set[str]) -> dict[str, Any]:
    """The JSON of one question."""
    limit = "max_completion_tokens" if "max_tokens" in refused else "max_tokens"
    body: dict[str, Any] = {
        "model": model,
        "messages": [_clean(turn) for turn in request.messages],
        limit: request.max_tokens,
    }
    optional = {"temperature": request.temperature, "seed": request.seed} | ({"top_p": request.top_p} if request.top_p < 1 else {})
    body |= {name: value for name, value in optional.items() if name not in refused}
    if request.constraint and "response_format" not in refused:
        body["response_format"] = response_format(request.constraint)
    if request.tools and request.constraint:
        body["messages"] = with_tools_in_words(body["messages"], request.tools)
    elif request.tools:
        body["tools"] = [wrapped_tool(tool) for tool in request.tools]
    return body


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
    return {key: value for key, value in turn.items() if value is not None or key == "content"}


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
