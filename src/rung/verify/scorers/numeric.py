"""The answer is the right number, in whichever way it is written.

Numbers are equal as written, of any size; a tolerance is a setting. `1,234.5`, `$12`, `-3`, `(5)`, `1e3`, `3/4`, `12 kg` and
`12%` are read, words ("twelve") are not. How the targets are written is taken from all of them: a decimal comma, what `12%`
stands for beside plain numbers, whether the unit must be said. A unit that the answer has and the target has not does not matter;
another one than the target's is wrong. Where the answer says more than a number, the one behind the last marker (`####`, `The
answer is`, `\\boxed{`) counts, else the last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from rung.errors import UserError
from rung.parts import Constraint, SchemaConstraint
from rung.types import Example, Score
from rung.verify.column import leading_zeros, read_column
from rung.verify.echo import without_question
from rung.verify.lists import Match
from rung.verify.numbers import RESULT, Mark, NumberForm, answered_number, number_fault, read_number
from rung.verify.parse import as_text
from rung.verify.scoring import missing_target

IN_WORK = ("digit changed", "sign dropped", "sign added", "decimal point moved", "unit changed", "zeros dropped", "field changed")
# What another number is told by, which a tolerance may take for right.
WITHIN_REACH = (
    *("digit changed", "decimal point moved", "other row's target", "argument changed"),
    *("sign added", "sign dropped", "only a thought"),
)
PROPOSED: dict[str, dict[str, object]] = {"number": {}}
LISTS = {
    "match: any": "several right numbers: any one of them",
    "match: all": "one answer, a list of exactly these, in any order",
    "match: in_order": "one answer, a list of exactly these in this order",
}


class Config(BaseModel, extra="forbid", frozen=True):
    """`absolute` and `relative`: how far off an answer may be, the larger of the two. `take`: which of several numbers counts.

    `decimal`, `percent` (what 12% is beside plain numbers: 12 or .12), `needs_unit` and `worked` (targets show their work before
    ####); left out, as the targets show. `match`: what a list means.
    """

    absolute: float = Field(default=0.0, ge=0)
    relative: float | None = Field(default=None, ge=0, lt=1)
    take: Literal["last", "first", "only"] = "last"
    decimal: Mark | None = None
    percent: Literal["points", "fraction"] | None = None
    needs_unit: bool | None = None
    worked: bool | None = None
    match: Match | None = None

    @property
    def form(self) -> NumberForm:
        """How the column is written."""
        return NumberForm(decimal=self.decimal or ".", percent=self.percent, needs_unit=bool(self.needs_unit))


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """How the column is written, where the settings do not say. Raises UserError for identifiers, and for a column in doubt."""
    column = read_column([row.target for row in examples])
    if column.kind == "identifier" and column.loses:
        hint = "Use the scorer 'exact'. Where they are quantities after all, write them without the zeros."
        raise UserError(f"the targets are identifiers, not quantities: {column.evidence}", hint=hint)
    if column.doubt and column.kind == "number" and config.decimal is None:
        raise UserError(f"the targets can be read in two ways: {column.doubt}", hint="Say decimal: '.' or decimal: ','.")
    worked = any(RESULT in as_text(row.target) for row in examples)
    shown = {"decimal": column.form.decimal, "percent": column.form.percent, "needs_unit": column.form.needs_unit, "worked": worked}
    return config.model_copy(update={name: value for name, value in shown.items() if getattr(config, name) is None})


def accepts(config: Config) -> Mapping[str, str]:
    """Numbers within a tolerance that was asked for."""
    if config.worked:
        return dict.fromkeys(IN_WORK, "only the number behind #### counts")
    near = config.absolute or config.relative
    within = "a number within the tolerance is right"
    return {kind: within for kind in WITHIN_REACH if near}


def harmless(config: Config) -> tuple[str, ...]:
    """Words around the number."""
    return ("code fence", "sentence")


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the number is within the tolerance, else 0."""
    target = read_number(example.target, config.form)
    if target is None:
        return Score(value=None, reason=f"the target {example.target!r} is not a number")
    number, fault = answered_number(without_question(output, example), config.form, config.take)
    if number is None:
        return Score(value=0.0, reason=fault)
    fault = number_fault(number, target, config.form, absolute=config.absolute, relative=config.relative)
    return Score(value=0.0, reason=fault) if fault else Score(value=1.0)


def render(target: Any, config: Config) -> str:
    """Bare digits; a target with a unit, a percent sign, a decimal comma or its work shown as it is written."""
    number = read_number(target, config.form)
    if number is None or number.unit or number.percent or number.computed or config.decimal == "," or RESULT in as_text(target):
        return as_text(target)
    return f"{number.value:f}"


def label(example: Example, output: str, config: Config) -> str | None:
    """The number that was read, so that answers can be put in order."""
    number, _ = answered_number(without_question(output, example), config.form, config.take)
    return None if number is None else f"{number.value:f}"


def check(example: Example, config: Config) -> str | None:
    """The target must be a number, as the column writes them."""
    if problem := missing_target(example):
        return problem
    if leading_zeros(example.target):
        return f"the target {example.target!r} begins with a zero, as identifiers do and quantities do not"
    if read_number(example.target, config.form):
        return None
    mark = " with a decimal comma" if config.decimal == "," else ""
    return f"the target {example.target!r} is not a number{mark}"


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """A bare number, whole where every target is; none where answers have a decimal comma, which JSON has not."""
    numbers = [number for row in examples if (number := read_number(row.target, config.form))]
    if config.decimal == "," or not numbers:
        return None
    return SchemaConstraint(schema={"type": "integer" if all(number.whole for number in numbers) else "number"})


def describe(examples: Sequence[Example], config: Config) -> str:
    """Asks for the bare number, with what stands beside it in the targets."""
    numbers = [number for row in examples if (number := read_number(row.target, config.form))]
    if config.worked:
        return f"Show the work; end with {RESULT} and the number alone."
    comma = " Write a decimal comma." if config.decimal == "," else ""
    if any(number.unit for number in numbers):
        return f"Reply with the number and its unit alone: digits, no words.{comma}"
    if any(number.percent for number in numbers):
        return f"Reply with the percentage alone: digits and the sign %.{comma}"
    return f"Reply with the number alone: digits, no words, no unit.{comma}"
