"""The answer is the right number, within a tolerance.

Reads `1,234.5`, `$12`, `-3`, `(5)`, `1e3` and `12%`, which may stand for 12 or 0.12. Where the answer says more than a number, the
last number in it counts, as is usual for answers that reason first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from rung.parts import Constraint, SchemaConstraint
from rung.types import Example, Score
from rung.verify.lists import Match
from rung.verify.parse import Number, close, find_numbers, read_number
from rung.verify.scoring import missing_target

PROPOSED: dict[str, dict[str, object]] = {"number": {}}
LISTS = {
    "match: any": "several right numbers: any one of them",
    "match: all": "one answer, a list of exactly these, in any order",
    "match: in_order": "one answer, a list of exactly these in this order",
}


class Config(BaseModel, extra="forbid", frozen=True):
    """`absolute` and `relative`: how far off an answer may be, the larger of the two. `take`: which of several numbers counts.

    `match`: what a list means.
    """

    absolute: float = Field(default=0.0, ge=0)
    relative: float = Field(default=1e-9, ge=0, lt=1)
    take: Literal["last", "first", "only"] = "last"
    match: Match | None = None


def accepts(config: Config) -> Mapping[str, str]:
    """Numbers within a tolerance that was asked for."""
    near = config.absolute or config.relative > type(config)().relative
    within = "a number within the tolerance is right"
    return {kind: within for kind in ("digit changed", "decimal point moved", "other row's target", "argument changed") if near}


def harmless(config: Config) -> tuple[str, ...]:
    """Words around the number."""
    return ("code fence", "sentence")


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the number is within the tolerance, else 0."""
    target = read_number(example.target)
    if target is None:
        return Score(value=None, reason=f"the target {example.target!r} is not a number")
    number, fault = _answered(output, config)
    if number is None:
        return Score(value=0.0, reason=fault)
    near = close(number, target, absolute=config.absolute, relative=config.relative)
    return Score(value=1.0) if near else Score(value=0.0, reason=f"{number.value:g}, expected {target.value:g}")


def check(example: Example, config: Config) -> str | None:
    """The target must be a number."""
    if problem := missing_target(example):
        return problem
    return None if read_number(example.target) else f"the target {example.target!r} is not a number"


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """A bare number, whole where every target is."""
    numbers = [number for row in examples if (number := read_number(row.target))]
    whole = all(number.value.is_integer() and not number.percent for number in numbers)
    return SchemaConstraint(schema={"type": "integer" if whole else "number"})


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for the bare number."""
    return "Reply with the number alone: digits, no words, no unit."


def _answered(output: str, config: Config) -> tuple[Number | None, str]:
    if whole := read_number(output):
        return whole, ""
    numbers = find_numbers(output)
    if not numbers:
        return None, "no number in the answer"
    if config.take == "only" and len(numbers) > 1:
        return None, f"{len(numbers)} numbers in the answer, where one was asked for"
    return numbers[0 if config.take == "first" else -1], ""
