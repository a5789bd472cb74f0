"""The one reader of tool calls: what rows, the tool loop and the scorer each take for a call is the same.

A call is a JSON object `{"name": ..., "arguments": {...}}`. What else is one, and what is not, is decided here alone:

{"name", "parameters"}        a call: Llama's models write it so; where both keys stand, `arguments` counts
{"function": {...}}           the call inside: OpenAI's form; only there may a name stand alone, for it can be nothing else
{"type": "tool_use", "input"} a call: Anthropic's; so are LangChain's ("tool_call", "args") and Google's {"functionCall": {"args"}}
{"tool_calls": [...]}         the calls inside: a whole message, as OpenAI sends it; wrappers may be nested, at most 32 deep
[...]                         its calls, if each part is one or holds some; else none: half a list is not what was meant
"arguments": "{...}"          the object in the text, as OpenAI sends it; "" and null, which servers write for none, are {}
arguments of another kind     no call, for `{"name": ..., "parameters": 7}` is what an extracted record looks like
code fences, tags, prose      what stands around the JSON is not looked at, so that several calls may follow each other
inside another object         no call: it is a part of an answer that happens to look like one
an object never closed        no call, nor is anything inside it: what was to follow might have made it another
a key twice                   the last counts, as in every reader of JSON that a tool may meet
NaN, 1e999, too deep          a call with a fault: its arguments are what no tool can be given, which the model should hear
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

# Python's own JSON, a schema's validator and a dataclass's copy each end at a depth of their own; a call needs none of it.
DEEPEST = 32
SCANNED_AGAIN, SCANNED_AT_LEAST = 64, 100_000  # characters that may be read in vain, by a text's length
LINES_FASTER = 32  # so many times faster than JSON is read, lines are counted
FORM = 'a tool call must be {"name": ..., "arguments": {...}}'
_OPENING = re.compile(r'\{\s*(?:["}]|\Z)|\[\s*(?:["{\[\]\d\-tfnNI]|\Z)')  # what is followed by anything else opens no JSON
# How a call begins in some model's own words: tags, control tokens, a name and its arguments on lines of their own.
_BEGINS = re.compile(
    r"<\|?/?(?:tool_calls?|function_?calls?|tool_use|python_tag|action_start)\b|<function=|<invoke\b|\[TOOL_CALLS\]|<｜tool▁call"
    r"|\bfunctools\[|^[ \t]*(?:-[ \t]+)?(?:name|function|tool|action)[ \t]*:[^\n]*\n[ \t]*"
    r"(?:arguments|parameters|action[ _]input)[ \t]*:",
    re.IGNORECASE | re.MULTILINE,
)
_NAME_KEY = re.compile(r"""["']name["']\s*:""")
_ARGUMENTS_KEY = re.compile(r"""["'](?:arguments|parameters|args|input|tool_input)["']\s*:""")
# What objects say that they are, of which the arguments stand under another key than ours.
_TYPES = ("tool_use", "tool_call", "function_call")
_PYTHON = re.compile(r"(?:\[\s*)?[A-Za-z_][\w.]*\(\s*(?:\)|\w+\s*=[^=])")


class NotCalls(ValueError):
    """A JSON value is no call and no list of calls. `meant`: it set out to be one, and the text says what is wrong with it."""

    def __init__(self, reason: str, *, meant: bool = False) -> None:
        super().__init__(reason)
        self.meant = meant


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call.

    allowed  only of a target: an argument's right values, "" among them where it may be left out; None: `arguments` as they stand
    fault    why no tool can be given its arguments, which are then left out; "" where one can
    """

    name: str
    arguments: Mapping[str, Any]
    allowed: Mapping[str, Sequence[Any]] | None = None
    fault: str = ""


def calls_in(text: str) -> list[Call]:
    """The calls that an answer makes, in order, wherever they stand in it."""
    found: list[Call] = []
    for value in outermost_json(text):
        with suppress(NotCalls):
            found += read_calls(value)
    return found


def read_calls(value: Any, *, target: bool = False) -> list[Call]:
    """The calls that a JSON value is: of a `target` with the values that it allows. Raises NotCalls."""
    return _read(value, target, DEEPEST)


def sets_out_to_call(text: str, names: Sequence[str] = ()) -> bool:
    """Whether a text in which no call can be read set out to make one: it is then neither a call nor an answer without one.

    names  of the functions at hand, which a call may stand behind alone: `weather(city="Rome")`, `{"weather": {"city": "Rome"}}`
    """
    bare = text.strip().strip("`").removeprefix("python").strip()
    if _BEGINS.search(text) or (_NAME_KEY.search(text) and _ARGUMENTS_KEY.search(text)):
        return True
    if bare.endswith((")", ")]")) and _PYTHON.match(bare):
        return True
    return bool(names) and bool(_named(tuple(names)).search(text))


def outermost_json(text: str, *, constants: bool = True) -> Generator[Any, None, str]:
    """Every outermost JSON object or list in the text, in order, whatever stands around it (prose, code fences, tags).

    A value that the end of the text cuts off, or that is nested thousands deep, ends the search: its inner pieces are not what the
    model meant to say. Without `constants`, NaN and infinities are not JSON. Returns the bracket that opens what was cut off, or
    "".
    """
    decoder = json.JSONDecoder(parse_constant=None if constants else refuse_constant)
    end = len(text.rstrip())
    start, left = 0, SCANNED_AGAIN * len(text) + SCANNED_AT_LEAST
    while found := _OPENING.search(text, start):
        opening = found.start()
        try:
            value, start = decoder.raw_decode(text, opening)
            yield value
        except json.JSONDecodeError as error:
            # Brackets opened one in the other each fail at the same far place, and each failure counts the lines before it: without
            # an end to that, time would be quadratic.
            left -= error.pos - opening + error.pos // LINES_FASTER
            if error.pos >= end or left < 0 or error.msg.startswith("Unterminated string"):
                return text[opening]
            start = opening + 1
        except ValueError:
            start = opening + 1
        except RecursionError:
            return text[opening]
    return ""


def refuse_constant(name: str) -> Any:
    """Raises ValueError: what a JSON decoder is given for NaN and the infinities, where they are not to be read."""
    raise ValueError(f"{name} is not JSON")


def plain_value(value: Any, left: int = DEEPEST) -> Any:
    """What passes between a model and its tools, as JSON that every tokenizer, store and server takes: `?` for a lone surrogate.

    Raises ValueError, with the reason, for what JSON cannot say. A reader of JSON lets such values through: 1e999 is read as an
    infinity, and `[` may be repeated for ever.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is not a number that JSON can say")
    if isinstance(value, Mapping | list) and not left:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    if isinstance(value, Mapping):
        return {plain_value(key): plain_value(part, left - 1) for key, part in value.items()}
    return [plain_value(part, left - 1) for part in value] if isinstance(value, list) else value


@lru_cache(maxsize=64)
def _named(names: tuple[str, ...]) -> re.Pattern[str]:
    """Matches one of these functions with arguments behind it: in brackets, by name or as texts, or as an object."""
    either = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    arguments = r"\(\s{0,9}(?:\w{1,64}\s{0,3}=(?!=)|[\"'{\[])|\{\s{0,9}[\"'}]"
    return re.compile(rf"(?<![\w.])(?:{either})\s{{0,3}}(?:{arguments})|[\"'](?:{either})[\"']\s{{0,9}}:\s{{0,9}}\{{")


def _read(value: Any, target: bool, left: int) -> list[Call]:
    if not left:
        raise NotCalls(f"the call is nested more than {DEEPEST} deep")
    if isinstance(value, list):
        parts = [_read(part, target, left - 1) for part in value]
        if not all(parts):
            raise NotCalls("a list of calls holds an empty one")
        return [call for part in parts for call in part]
    if not isinstance(value, Mapping):
        raise NotCalls(FORM)
    inner = value.get("tool_calls")
    if isinstance(inner, Mapping | list):
        return _read(inner, target, left - 1)
    inner = value.get("function")
    if isinstance(inner, Mapping) and inner.keys() == {"name"} and isinstance(inner["name"], str):
        return [Call(name=plain_value(inner["name"]), arguments={})]
    if isinstance(inner, Mapping | list):
        return _read(inner, target, left - 1)
    inner = value.get("function_call") or value.get("functionCall")
    if isinstance(inner, Mapping):
        return _read({"type": "function_call", **inner}, target, left - 1)
    return [_call(value, target)]


def _call(value: Mapping[str, Any], target: bool) -> Call:
    name = value.get("name")
    if value.get("type") in _TYPES and not value.keys() & {"arguments", "parameters"}:
        value = {**value, "arguments": value.get("input", value.get("args"))}
    if not isinstance(name, str) or not value.keys() & {"arguments", "parameters"}:
        raise NotCalls(FORM)
    allowed = value.get("allowed") if target else None
    if allowed is not None and not (isinstance(allowed, Mapping) and all(isinstance(said, list) for said in allowed.values())):
        raise NotCalls(f"what {name} allows is not a list for each argument", meant=True)
    # Where a column of structs gives each its keys, the form that is not used is null.
    given = "arguments" in value and (value["arguments"] is not None or value.get("parameters") is None)
    arguments = _arguments(value["arguments"], name) if given else _object(value["parameters"], name, meant=False)
    try:
        return Call(name=plain_value(name), arguments=plain_value(arguments), allowed=allowed)
    except ValueError as error:
        return Call(name=plain_value(name), arguments={}, allowed=allowed, fault=str(error))


def _arguments(value: Any, name: str) -> Mapping[str, Any]:
    return {} if value is None or (isinstance(value, str) and not value.strip()) else _object(value, name, meant=True)


def _object(value: Any, name: str, *, meant: bool) -> Mapping[str, Any]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise NotCalls(f"the arguments of {name} are {_broken(error)}", meant=meant) from None
    if not isinstance(value, Mapping):
        raise NotCalls(f"the arguments of {name} are not an object", meant=meant)
    return value


def _broken(error: Exception) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return "nested too deeply" if isinstance(error, RecursionError) else f"not JSON: {error}"
    cut = error.pos >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated string")
    return f"{'cut off' if cut else 'not JSON'}: {error.msg} at column {error.colno}"
