"""A whole conversation as one text, with a mark before each turn; beside it nothing that could be an answer."""

from __future__ import annotations

from dataclasses import replace

from rung.data.read.rows import Row
from rung.data.shapes.answered import answered
from rung.data.shapes.fields import asides
from rung.data.shapes.marked import cut, is_answered, marked
from rung.data.shapes.parts import Parts

TITLE = "text with turns"
ORDER = 80
EXAMPLE = '{"text": "Human: ... Assistant: ..."}'
FIELDS = ("text", "system")
# A text in which somebody happens to be quoted is none: nearly all rows of a file must have the form.
FEWEST = 0.9


def fits(row: Row) -> bool:
    """Whether the row is one text in one of the forms that are known, with an answer at its end."""
    key = _key(row)
    found = cut(str(row[key])) if key else None
    return found is not None and is_answered(found[1])


def convert(row: Row) -> Parts:
    """The conversation up to its last turn, and what that says."""
    key = _key(row) or ""
    form, messages = cut(row[key]) or ("", [])
    parts = answered(messages, row)
    return replace(parts, inferences=(*parts.inferences, marked(form)))


def _key(row: Row) -> str | None:
    """The one field that may hold a text with turns."""
    aside = asides(row)
    others = [name for name, value in row.items() if name not in aside and value not in (None, "", [])]
    return others[0] if len(others) == 1 and isinstance(row[others[0]], str) else None
