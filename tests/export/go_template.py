"""As much of Go's text/template as Ollama's templates here are written in, run over messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class _Node:
    word: str
    parts: list[list[_Node]] = field(default_factory=lambda: [[]])
    conditions: list[str] = field(default_factory=list)


def rendered(template: str, messages: Sequence[Mapping[str, Any]]) -> str:
    """Raises ValueError for what is not of that language."""
    found = list(_pieces(template))
    tree, rest = _parsed(found)
    if rest:
        raise ValueError(f"left over: {rest[:2]}")
    return "".join(_run(tree, {"messages": messages, "$p": "", "at": None}))


def _pieces(template: str) -> Iterator[tuple[bool, str]]:
    """Texts and actions; of an action's string literals nothing ends it."""
    place = 0
    while place < len(template):
        start = template.find("{{", place)
        if start < 0:
            yield False, template[place:]
            return
        if start > place:
            yield False, template[place:start]
        end, quoted = start + 2, False
        while quoted or not template.startswith("}}", end):
            quoted ^= template[end] == '"'
            end += 2 if template[end] == "\\" else 1
        yield True, template[start + 2 : end].strip()
        place = end + 2


def _parsed(pieces: list[tuple[bool, str]]) -> tuple[list[_Node], list[tuple[bool, str]]]:
    made: list[_Node] = []
    while pieces:
        is_action, text = pieces[0]
        first = text.split(" ", 1)[0]
        if is_action and first in ("end", "else"):
            return made, pieces
        pieces = pieces[1:]
        node = _Node(word=text if is_action else f"text:{text}")
        if is_action and first in ("if", "range"):
            node = _Node(word=first, parts=[], conditions=[text.split(" ", 1)[1]])
            while True:
                body, pieces = _parsed(pieces)
                node.parts.append(body)
                said = pieces[0][1]
                pieces = pieces[1:]
                if said == "end":
                    break
                node.conditions.append(said.removeprefix("else").strip().removeprefix("if").strip())
        made.append(node)
    return made, []


def _run(nodes: list[_Node], state: dict[str, Any]) -> Iterator[str]:
    for node in nodes:
        if node.word == "range":
            for message in state["messages"]:
                state["at"] = message
                yield from _run(node.parts[0], state)
        elif node.word == "if":
            for condition, body in zip(node.conditions, node.parts, strict=False):
                if not condition or _holds(condition, state):
                    yield from _run(body, state)
                    break
        elif node.word.startswith("text:"):
            yield node.word.removeprefix("text:")
        elif set_to := re.fullmatch(r"\$p :?= (.+)", node.word):
            state["$p"] = _value(set_to[1], state)
        else:
            yield _value(node.word, state)


def _holds(condition: str, state: dict[str, Any]) -> bool:
    verb, left, right = re.fullmatch(r"(eq|ne) (\S+) (.+)", condition).groups()  # type: ignore[union-attr]
    return (_value(left, state) == _value(right, state)) == (verb == "eq")


def _value(said: str, state: dict[str, Any]) -> str:
    known = {".Content": "content", ".Role": "role"}
    if said in known:
        return str(state["at"][known[said]])
    if said == "$p":
        return str(state["$p"])
    if not re.fullmatch(r'"(?:[^"\\]|\\.)*"', said):
        raise ValueError(f"not of this language: {said}")
    wide = re.sub(r"\\U([0-9a-f]{8})", lambda code: chr(int(code[1], 16)), said)
    return str(json.loads(wide))
