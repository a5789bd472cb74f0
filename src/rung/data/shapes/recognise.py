"""Which shape a row has, told by its fields' names and what they hold; the folder is the list of what is known."""

from __future__ import annotations

from functools import cache
from types import ModuleType

from rung import plugins
from rung.data.read.rows import Row
from rung.data.shapes.conversation import check_question
from rung.data.shapes.parts import TOOL_KEYS, Parts

FEWEST_SHAPED = 0.5  # of the rows: below that the names of the fields are a chance, and the columns are asked about


def shape_of(row: Row) -> str | None:
    """The title of the shape that a row's fields fit, by what they hold; of a row with empty fields the others decide. Or None."""
    filled = {name: value for name, value in row.items() if value is not None and value not in ("", [])}
    return _fitting(filled) or (_fitting(row) if len(filled) < len(row) else None)


def fewest_of(title: str) -> float:
    """The share of a file's rows that must have some shape for the rows to say themselves what is what."""
    return float(getattr(_shapes()[title], "FEWEST", FEWEST_SHAPED))


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
def shape_fields(titles: tuple[str, ...]) -> frozenset[str]:
    """The names of the fields that these shapes read: none of them is anything else in a row that has one of them."""
    return frozenset(TOOL_KEYS).union(*[_shapes()[title].FIELDS for title in titles])


def _fitting(row: Row) -> str | None:
    return next((title for title, shape in _shapes().items() if shape.fits(row)), None)


@cache
def _shapes() -> dict[str, ModuleType]:
    """Title to shape, in the order in which they are asked whether they fit."""
    shapes = [plugins.load("shapes", name) for name in plugins.names("shapes")]
    return {shape.TITLE: shape for shape in sorted(shapes, key=lambda shape: int(shape.ORDER))}
