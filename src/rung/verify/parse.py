"""Reading what a model wrote: targets as text, and JSON among prose. Numbers and dates have readers of their own."""

from __future__ import annotations

import json
from typing import Any

from rung.calls import outermost_json, refuse_constant


class NotJson(ValueError):
    """The text holds no JSON value of the kind asked for."""


def as_text(value: Any) -> str:
    """A target as the text that a model should answer with: a string as it is, any other value as compact JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def as_texts(target: Any) -> list[str]:
    """A target that is a list as the texts in it, any other as one text."""
    return [as_text(item) for item in target] if isinstance(target, list | tuple) else [as_text(target)]


def strict_json(text: str) -> Any:
    """The JSON value that the whole text is. Raises NotJson, also for NaN and infinities, which are not JSON."""
    try:
        return json.loads(text, parse_constant=refuse_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None


def find_json(text: str, kinds: tuple[type, ...] = (dict, list)) -> Any:
    """The last JSON value of one of `kinds` in the text, whatever stands around it: what was said before it were drafts.

    Raises NotJson where there is none, and where one that was begun behind it is cut off: that was to be the answer.
    """
    names = " or ".join("object" if kind is dict else "list" for kind in kinds)
    values, cut = _json_in(text)
    if (cut == "{" and dict in kinds) or (cut == "[" and list in kinds):
        raise NotJson(f"the last JSON {'object' if cut == '{' else 'list'} in the answer is cut off")
    for value in reversed(values):
        if isinstance(value, kinds):
            return value
    raise NotJson(f"no JSON {names} in the answer")


def find_all_json(text: str) -> list[Any]:
    """Every outermost JSON object or list in the text, in order; what is cut off, and NaN, are not JSON."""
    return _json_in(text)[0]


def unfenced(text: str) -> str:
    """What stands in a text's code fence where the text is nothing but that, else the text."""
    text = text.strip()
    if not (text.startswith("```") and text.endswith("```") and "\n" in text):
        return text
    inner = text[text.index("\n") + 1 : -3].strip()
    return text if "```" in inner else inner


def _json_in(text: str) -> tuple[list[Any], str]:
    """The values, and the bracket that opens what the text's end cuts off."""
    reader, values = outermost_json(text, constants=False), []
    while True:
        try:
            values.append(next(reader))
        except StopIteration as end:
            return values, end.value
