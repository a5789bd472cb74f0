"""What is nearly JSON to JSON: Python's literals, JavaScript's bare keys, NaN, comments, a comma before a bracket."""

from __future__ import annotations

import ast
import json
import re

TOKEN = re.compile(
    r'(?P<double>"(?:[^"\\\n]|\\.)*")'
    r"|(?P<single>'(?:[^'\\\n]|\\.)*')"
    r"|(?P<comment>//[^\n]*)"
    r"|(?P<comma>,(?=\s*[}\]]))"
    r"|(?P<tuple>[()])"
    r"|(?P<word>[A-Za-z_$][\w$]*)(?P<colon>\s*:)?"
)
WORDS = {"None": "null", "True": "true", "False": "false", "null": "null", "true": "true", "false": "false"}
NOTHING = frozenset(("NaN", "nan", "undefined"))


def as_json(text: str) -> str:
    """The text as JSON would have it, line breaks kept; what is no literal stays as it is, for the reader to refuse."""
    return TOKEN.sub(_translated, text)


def _translated(match: re.Match[str]) -> str:
    kind, token = match.lastgroup, match[0]
    if kind == "double":
        return token if _is_json(token) else _as_text(token)
    if kind == "single":
        return _as_text(token)
    if kind in ("comment", "comma"):
        return ""
    if kind == "tuple":
        return "[" if token == "(" else "]"
    word = match["word"]
    if kind == "colon":
        return json.dumps(word) + match["colon"]
    return "null" if word in NOTHING else WORDS.get(word, word)


def _is_json(token: str) -> bool:
    try:
        json.loads(token)
    except ValueError:
        return False
    return True


def _as_text(token: str) -> str:
    """A text in Python's quotes, in JSON's."""
    try:
        value = ast.literal_eval(token)
    except (ValueError, SyntaxError, MemoryError):
        return token
    return json.dumps(value, ensure_ascii=False)
