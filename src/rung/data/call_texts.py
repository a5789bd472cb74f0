"""Targets that are calls in a text: as models, benchmarks and chat templates write them, beside JSON itself.

{"name": "f", "arguments": {"a": 1}}     among prose, tags or a code fence: what `rung.calls` finds in an answer
<function=f>{"a": 1}</function>          Llama 3.1's own tag
f(a=1), [f(a=1), g()]                    Python, each argument by its name and written out
{'name': 'f', 'arguments': {'a': 1}}     a printed Python object
anything else that set out to be a call  a bad row: it is never taken to say that no call is right
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from rung.calls import FORM, calls_in, sets_out_to_call
from rung.data.calls import as_calls, looks_like_calls
from rung.data.read.formats import parse_json
from rung.data.read.rows import RowError

MOST_PYTHON = 20_000  # characters: Python's own parser is made for programs of reasonable shape
_FUNCTION_TAG = re.compile(r"<function=(?P<name>[^<>\s]{1,200})>(?P<body>[^<]*)</function>")
_JSON_BEGINS = re.compile(r"\{|\[\s{0,99}[\[\]{\"']")
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}

Tools = Sequence[Mapping[str, Any]]


def calls_of(value: Any, tools: Tools = ()) -> list[dict[str, Any]] | None:
    """The calls that a target is, in canonical form; None for prose and for what is something else.

    Raises RowError, with the reason, where it was meant as a call and cannot be read.
    """
    if not isinstance(value, str) or looks_like_calls(value):
        return as_calls(value, tools) if looks_like_calls(value) else None
    text = value.strip()
    found = calls_in(text)
    if found and not any(call.fault for call in found):
        return as_calls([{"name": call.name, "arguments": call.arguments} for call in found], tools)
    names = names_of(tools)
    written = _tagged(text) or _python(text, names)
    if written is not None:
        return as_calls(written, tools)
    if sets_out_to_call(text, names):
        raise RowError(unreadable(text))
    return None


def begins_as_json(text: str) -> bool:
    """Whether a text begins as a JSON object, or as a list of objects, texts or lists, does: prose in brackets is none."""
    return bool(_JSON_BEGINS.match(text.lstrip()))


def unreadable(text: str) -> str:
    """What is told of a target that was meant as a call."""
    why = ""
    if begins_as_json(text):
        try:
            parse_json(text)
        except RowError as error:
            why = f" ({error})"
    told = f"the target was meant as a call and cannot be read{why}: {text[:60]!r}"
    return f"{told}; {FORM}, or a list of them; [] says that none is right"


def names_of(tools: Tools) -> tuple[str, ...]:
    """The names of tools in OpenAI's form, or of bare functions."""
    functions = (tool.get("function", tool) for tool in tools)
    return tuple(str(function["name"]) for function in functions if isinstance(function, Mapping) and function.get("name"))


def _tagged(text: str) -> list[dict[str, Any]] | None:
    found = [(match["name"], match["body"].strip()) for match in _FUNCTION_TAG.finditer(text)]
    if not found:
        return None
    return [{"name": name, "arguments": body} for name, body in found]


def _python(text: str, names: Sequence[str]) -> Any:
    """The calls, or the printed object, that a text is as Python; None where it is neither."""
    text = text.removeprefix("```python").removeprefix("```").removesuffix("```").strip()
    if len(text) > MOST_PYTHON or not text.endswith((")", "]", "}")):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    nodes = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    if calls and len(calls) == len(nodes) and all(_is_meant(call, names) for call in calls):
        return [{"name": ast.unparse(call.func), "arguments": _keywords(call)} for call in calls]
    try:
        value = ast.literal_eval(tree)
        return value if isinstance(value, dict | list) and looks_like_calls(value) else None
    except (ValueError, TypeError, RecursionError, MemoryError):
        return None


def _is_meant(call: ast.Call, names: Sequence[str]) -> bool:
    parts = ast.unparse(call.func)
    return all(part.isidentifier() for part in parts.split(".")) and (parts in names or not call.args)


def _keywords(call: ast.Call) -> dict[str, Any]:
    name = ast.unparse(call.func)
    if call.args or any(keyword.arg is None for keyword in call.keywords):
        raise RowError(f"the call of {name} gives an argument without its name: {ast.unparse(call)[:60]!r}")
    return {str(keyword.arg): _literal(keyword.value, name) for keyword in call.keywords}


def _literal(node: ast.expr, name: str) -> Any:
    if isinstance(node, ast.Name) and node.id.lower() in _CONSTANTS:
        return _CONSTANTS[node.id.lower()]
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item, name) for item in node.elts]
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) and isinstance(key.value, str) for key in node.keys):
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        return {str(key): _literal(part, name) for key, part in zip(keys, node.values, strict=True)}
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, RecursionError, MemoryError):
        value = ...
    if value is not None and not isinstance(value, str | int | float | bool):
        raise RowError(f"the call of {name} has an argument that is not written out: {ast.unparse(node)[:60]!r}")
    return value
