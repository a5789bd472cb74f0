"""Lists and objects that stand in a cell of text: as JSON has them, as Python prints them, as numpy prints its arrays."""

from __future__ import annotations

import ast
import io
import itertools
import tokenize
from typing import Any

from rung.data.read.formats import parse_json
from rung.data.read.rows import RowError

LONGEST = 20_000  # characters of what is written in Python
_NOTHING = frozenset(("nan", "none", "null", "NaN"))


def list_in_text(text: str) -> Any:
    """The list or object that a text is; None where it is none.

    `['a' 'b']` is how numpy prints two texts, not Python's one: they stay two. `array([..], dtype=object)` is what is in it.
    """
    try:
        value = parse_json(text)
    except RowError:
        value = _in_python(text)
    return value if isinstance(value, list | dict) else None


def _in_python(text: str) -> Any:
    if len(text) > LONGEST:
        return None
    try:
        return _value(ast.parse(_with_commas(text), mode="eval").body)
    except (ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
        return None


def _with_commas(text: str) -> str:
    """The text with a comma between values that follow each other without one."""
    whole = f"({text.strip()}\n)"
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(whole).readline) if token.type != tokenize.NL]
    lines = whole.split("\n")
    for left, right in reversed([*itertools.pairwise(tokens)]):
        if _is_value(left, ("]",)) and _is_value(right, ("[", "-")):
            line, column = left.end
            lines[line - 1] = f"{lines[line - 1][:column]},{lines[line - 1][column:]}"
    return "\n".join(lines)


def _is_value(token: tokenize.TokenInfo, marks: tuple[str, ...]) -> bool:
    """Whether a value begins or ends with the token, or it is one of the marks of one."""
    return token.type in (tokenize.STRING, tokenize.NUMBER) or token.string in marks


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        return {str(ast.literal_eval(key)): _value(part) for key, part in zip(node.keys, node.values, strict=True) if key}
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "array" and node.args:
        return _value(node.args[0])
    if isinstance(node, ast.Name) and node.id in _NOTHING:
        return None
    return ast.literal_eval(node)
