"""Near misses of code that is run: the ideal answer with one place of it changed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import NamedTuple

from rung.verify.near_misses.material import Material, same

# What stands between two parts of an expression, and what is written in its stead.
_COMPARED = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_COUNTED = {"+": "-", "-": "+", "*": "+", "//": "%", "%": "//", "/": "*"}
_MOST = 2


class _Place(NamedTuple):
    """Bytes of a line that are to be written anew."""

    line: int
    start: int
    end: int
    text: str


def comparison_turned(given: Material) -> Iterator[str]:
    """A comparison of the code says the opposite."""

    def place(node: ast.AST, lines: list[bytes]) -> _Place | None:
        single = isinstance(node, ast.Compare) and len(node.ops) == 1
        return _between(node.left, node.comparators[0], _COMPARED, lines) if single and isinstance(node, ast.Compare) else None

    return _changed(given, place)


def operator_changed(given: Material) -> Iterator[str]:
    """The code adds where it should subtract, or the like."""
    return _changed(
        given, lambda node, lines: _between(node.left, node.right, _COUNTED, lines) if isinstance(node, ast.BinOp) else None
    )


def number_changed(given: Material) -> Iterator[str]:
    """A number in the code is off by one."""

    def place(node: ast.AST, lines: list[bytes]) -> _Place | None:
        if not isinstance(node, ast.Constant) or type(node.value) is not int or node.end_col_offset is None:
            return None
        return _Place(node.lineno - 1, node.col_offset, node.end_col_offset, str(node.value + 1))

    return _changed(given, place)


def empty_body(given: Material) -> Iterator[str]:
    """The function that is asked for does nothing."""
    program = given.scorer.program(given.example)
    functions = [node for node in ast.parse(program or "").body if isinstance(node, ast.FunctionDef)]
    for node in functions[-1:]:
        node.body = [ast.Pass()]
        yield ast.unparse(node)


def _changed(given: Material, place_of: Callable[[ast.AST, list[bytes]], _Place | None]) -> Iterator[str]:
    """The ideal answer with one of the places that can be changed drawn and changed, a few times."""
    if given.scorer.program(given.example) is None:
        return
    above, tree = _parsed(given.ideal)
    if tree is None:
        return
    lines = [*[b""] * above, *[line.encode() for line in given.ideal.split("\n")]]
    places = sorted({place for node in ast.walk(tree) if (place := place_of(node, lines)) is not None})
    given.draw.shuffle(places)
    for place in places[:_MOST]:
        line = lines[place.line]
        changed = line[: place.start] + place.text.encode() + line[place.end :]
        answer = b"\n".join([*lines[above : place.line], changed, *lines[place.line + 1 :]]).decode()
        if not same(answer, given.ideal):
            yield answer


def _parsed(text: str) -> tuple[int, ast.Module | None]:
    """(lines put above it to make a module of it, the module): a body stands in a function."""
    for above in ("", "def _():\n"):
        try:
            return above.count("\n"), ast.parse(above + text)
        except (SyntaxError, ValueError):
            continue
    return 0, None


def _between(left: ast.expr, right: ast.expr, signs: dict[str, str], lines: list[bytes]) -> _Place | None:
    if left.end_lineno != right.lineno or left.end_col_offset is None:
        return None
    between = lines[right.lineno - 1][left.end_col_offset : right.col_offset]
    sign = between.decode(errors="replace").strip(" ()\t")
    if sign not in signs:
        return None
    start = left.end_col_offset + between.index(sign.encode())
    return _Place(right.lineno - 1, start, start + len(sign), signs[sign])
