"""Whether a constraint lets an answer be written."""

from __future__ import annotations

from rung.parts import ChoiceConstraint, Constraint, SchemaConstraint
from rung.verify.parse import NotJson, strict_json
from rung.verify.schema import value_fault


def admits(constraint: Constraint, text: str) -> bool:
    """Whether a model that is held to the constraint can write the text, or JSON of the same value.

    What calls a row admits hangs on the tools that it offers, so that calls are left to who makes their constraint.
    """
    if isinstance(constraint, ChoiceConstraint):
        return text in constraint.choices
    if not isinstance(constraint, SchemaConstraint):
        return True
    try:
        return value_fault(strict_json(text), constraint.schema) is None
    except NotJson:
        return False
