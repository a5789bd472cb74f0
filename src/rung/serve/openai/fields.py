"""A body's JSON -> its fields. What is not known is refused by its name, never passed over: it might have changed the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rung.errors import did_you_mean
from rung.serve.limits import Limits
from rung.serve.types import Refused, StackedAdapter

# Values and texts in one body, beyond which looking at each would itself be an attack.
MOST_VALUES = 400_000
# What asks for something that is not done here, but for these values, with which it asks for nothing.
ONLY: Mapping[str, tuple[Any, ...]] = {
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "modalities": (["text"],),
    "store": (False,),
    "service_tier": ("auto", "default"),
    "reasoning_effort": ("none",),
    "verbosity": ("medium",),
    "best_of": (1,),
    "echo": (False,),
    "suffix": ("",),
    "prediction": (),
    "audio": (),
    "moderation": (),
    "web_search_options": (),
    "functions": (),
    "function_call": (),
    "background": (False,),
    "truncation": ("disabled",),
    "include": ([],),
    "prompt": (),
    "max_tool_calls": (),
    "context_management": (),
}
# What changes no answer: the client's own words for its question.
NO_PART = ("metadata", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options")

# What pydantic calls the kinds of a union: no part of a body.
_KIND = re.compile(r"[\[(]|^constrained-|^[A-Z]")
_PLAIN = frozenset({"str", "list", "dict", "bool", "int", "float", "none"})

Text = Annotated[str, Field(max_length=512)]
BodyKind = TypeVar("BodyKind", bound="Body")


class Stacked(BaseModel):
    """An adapter of a body's `adapters`."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: Annotated[str, Field(min_length=1, max_length=200)]
    weight: Annotated[float, Field(ge=-16, le=16, allow_inf_nan=False)] = 1.0


class Body(BaseModel):
    """What every endpoint takes. `adapters`, `mode` and `held` are this server's own (extra_body of OpenAI's client)."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    model: Annotated[str, Field(min_length=1, max_length=2000)]
    user: Text | None = None
    safety_identifier: Text | None = None
    adapters: Annotated[list[Stacked], Field(max_length=64)] | None = None
    mode: Text | None = None
    held: Text | None = None

    @property
    def who(self) -> str:
        """The client's word for its own user."""
        return self.safety_identifier or self.user or ""

    @property
    def stack(self) -> tuple[StackedAdapter, ...] | None:
        return None if self.adapters is None else tuple(StackedAdapter(id=one.id, weight=one.weight) for one in self.adapters)


class StreamOptions(BaseModel):
    """What a stream is to tell beside the text. Padding against those who watch lengths is not made here."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    include_usage: bool | None = None
    include_obfuscation: bool | None = None


def read_json(raw: bytes, limits: Limits) -> dict[str, Any]:
    """A body as the object that it must be. Raises Refused."""
    try:
        body = json.loads(raw.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_each_once)
    except RecursionError:
        raise Refused(400, "The body's JSON is nested too deeply.", code="invalid_json") from None
    except ValueError as error:
        told = f" ({error.msg} at character {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
        raise Refused(400, f"The body is not valid JSON{told}.", code="invalid_json") from None
    if not isinstance(body, dict):
        raise Refused(400, "The body must be a JSON object.", code="invalid_json")
    _look_through(body, limits.depth)
    return body


def read_body(kind: type[BodyKind], given: Mapping[str, Any]) -> BodyKind:
    """A body's fields. Raises Refused, with the field that is meant."""
    kept = {}
    for name, value in given.items():
        if name in NO_PART and name not in kind.model_fields:
            continue
        if name in ONLY and name not in kind.model_fields:
            if value is not None and value not in ONLY[name]:
                problem = f"This server does not do what `{name}` asks for. Leave it out."
                raise Refused(400, problem, param=name, code="unsupported_parameter")
            continue
        kept[name] = value
    try:
        return kind.model_validate(kept)
    except ValidationError as error:
        raise _refused(error, kind) from None


def _refused(error: ValidationError, kind: type[Body]) -> Refused:
    first = error.errors(include_url=False, include_context=False)[0]
    param = place_of(first["loc"])
    match first["type"]:
        case "extra_forbidden":
            hint = did_you_mean(str(first["loc"][-1])[:80], kind.model_fields) if len(first["loc"]) == 1 else ""
            problem = f"Unrecognized request argument supplied: {param}. {hint}".strip()
            return Refused(400, problem, param=param, code="unknown_parameter")
        case "missing":
            return Refused(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")
    return Refused(400, f"Invalid value for '{param}': {first['msg']}.", param=param, code="invalid_value")


def place_of(location: tuple[int | str, ...]) -> str:
    """`messages[0].content`. Words that pydantic has for the kinds of a union are no part of a body."""
    told = ""
    for part in location:
        if isinstance(part, int):
            told += f"[{part}]"
        elif not (_KIND.search(part) or part in _PLAIN):
            told += f".{part}" if told else part
    return told[:200]


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """What stands before this server may read the first of two, and let through what the second asks for."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(name for place, (name, _) in enumerate(pairs) if name in {other for other, _ in pairs[:place]})
        raise Refused(400, f"The body says '{twice[:80]}' twice.", param=twice[:80], code="invalid_json")
    return made


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")


def _look_through(body: Any, deepest: int) -> None:
    """Raises Refused for what is nested too deeply, has too many values, or holds half of a character."""
    waiting, seen = [(body, 1)], 0
    while waiting:
        value, depth = waiting.pop()
        seen += 1
        if seen > MOST_VALUES:
            raise Refused(413, "The body has too many values.", code="body_too_large")
        if isinstance(value, str):
            if not _is_whole(value):
                raise Refused(400, "A text holds half of a character (a lone surrogate).", code="invalid_text")
        elif isinstance(value, dict | list):
            if depth > deepest:
                raise Refused(400, f"The body is nested more than {deepest} deep.", code="invalid_json")
            if isinstance(value, dict):
                waiting += [(key, depth) for key in value]
                waiting += [(part, depth + 1) for part in value.values()]
            else:
                waiting += [(part, depth + 1) for part in value]


def _is_whole(text: str) -> bool:
    try:
        text.isascii() or text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
