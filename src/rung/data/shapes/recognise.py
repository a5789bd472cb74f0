"""Which shape a row has, told by its fields' names; the folder is the list of what is known."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from rung import plugins
from rung.data.read.rows import Row
from rung.data.shapes.conversation import check_question
from rung.data.shapes.parts import TOOL_KEYS, Parts


def shape_of(row: Row) -> str | None:
    """The title of the shape that a row's fields fit, or None."""
    return next((title for title, shape in _shapes().items() if shape.fits(row)), None)


def convert_row(row: Row, title: str) -> Parts:
    """A row of a self-describing shape, understood. Raises RowError."""
    parts: Parts = _shapes()[title].convert(row)
    check_question(parts.messages)
    return parts


def known_shapes() -> str:
    """An example of each shape, for who has another."""
    examples = [shape.EXAMPLE for shape in _shapes().values()]
    return f"{', '.join(examples[:-1])} and {examples[-1]}"


@cache
def shape_fields() -> frozenset[str]:
    """The names of the fields that some shape reads: none of them is anything else in a row that has a shape."""
    return frozenset(TOOL_KEYS).union(*[shape.FIELDS for shape in _shapes().values()])


@cache
def _shapes() -> dict[str, ModuleType]:
    """Title to shape, in the order in which they are asked whether they fit."""
    shapes = [plugins.load("shapes", name) for name in plugins.names("shapes")]
    return {shape.TITLE: shape for shape in sorted(shapes, key=lambda shape: int(shape.ORDER))}
