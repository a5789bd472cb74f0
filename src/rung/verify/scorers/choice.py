"""The answer names the right one of a closed set of choices.

An answer that says more than a choice is read leniently (`rung.choices` says how): it counts as the one choice that it settles on,
and as wrong where it names none or several. The question repeated names none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, field_validator

from rung.choices import Choices, choices, differ_in_case_alone, labels_in
from rung.errors import UserError
from rung.parts import ChoiceConstraint, Constraint
from rung.types import Example, Score
from rung.verify.parse import as_text
from rung.verify.scoring import missing_target

FREE_TEXT_ABOVE = 20  # more different targets than this, and than half the rows, are no closed set
ECHO_CHARS = 20  # a shorter question may be what a right answer says too

CHECKED = True
PROPOSED: dict[str, dict[str, object]] = {"closed set": {}}
LISTS = {
    "match: any": "several right choices: naming any one of them",
    "scorer: labels": "all of them are right at once, in place of this scorer",
}


class Config(BaseModel, extra="forbid", frozen=True):
    """`choices`: the closed set; left out, the targets. `match`: what a list means.

    `ignore_case`: A is a, but for choices that differ in case alone.
    """

    choices: tuple[str, ...] = ()
    ignore_case: bool = True
    match: Literal["any"] | None = None

    @field_validator("choices", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        return [as_text(item) for item in value] if isinstance(value, list | tuple) else value


def harmless(config: Config) -> tuple[str, ...]:
    """A sentence or a code fence around the one choice is not looked at."""
    lenient = config.ignore_case and not differ_in_case_alone(config.choices)
    return ("code fence", "sentence", *(("case",) if lenient else ()))


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Choices from the targets where the settings name none: a rare spelling of a frequent one in other case is no choice.

    Raises UserError where the targets look like free text.
    """
    if config.choices:
        return config
    counts = Counter(as_text(row.target).strip() for row in examples if row.target is not None)
    found = labels_in(counts, str.casefold if config.ignore_case else str)
    if len(found) > max(FREE_TEXT_ABOVE, len(examples) // 2):
        problem = f"the targets are no closed set: {len(found)} different ones in {len(examples)} rows"
        raise UserError(problem, hint="Use the scorer 'exact' or 'overlap', or list the 'choices'.")
    return config.model_copy(update={"choices": found})


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the answer names the target and no other choice, else 0."""
    right = as_text(example.target)
    reader, named = _reader(config, right), _named(example, output, config)
    if named == (reader.label(right),):
        return Score(value=1.0)
    if len(named) > 1:
        return Score(value=0.0, reason="names several choices: " + ", ".join(sorted(named)))
    return Score(value=0.0, reason=f"expected {right}" if named else f"names none of the choices; expected {right}")


def label(example: Example, output: str, config: Config) -> str | None:
    """The one choice that the answer names."""
    named = _named(example, output, config)
    return named[0] if len(named) == 1 else None


def render(target: Any, config: Config) -> str:
    """The choice in the spelling of the closed set."""
    text = as_text(target)
    return _reader(config, text).label(text) or text


def check(example: Example, config: Config) -> str | None:
    """The target must be one of the choices."""
    if problem := missing_target(example):
        return problem
    text = as_text(example.target)
    if not text.strip():
        return "the target is empty"
    return None if _reader(config, text).label(text) else f"the target {text!r} is not one of the choices"


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """One of the choices and nothing else."""
    every = closed_set(examples, config)
    return ChoiceConstraint(choices=tuple(every)) if every else None


def closed_set(examples: Sequence[Example], config: Config) -> tuple[str, ...] | None:
    """The choices."""
    return config.choices or settle(examples, config, Path()).choices or None


def describe(examples: Sequence[Example], config: Config) -> str:
    """Lists the choices."""
    every = closed_set(examples, config) or ()
    cased = " Capitals count." if differ_in_case_alone(every) else ""
    return f"Reply with exactly one of these and nothing else: {', '.join(every)}.{cased}"


def _reader(config: Config, right: str) -> Choices:
    return choices(config.choices or (right,), config.ignore_case)


def _named(example: Example, output: str, config: Config) -> tuple[str, ...]:
    reader = _reader(config, as_text(example.target))
    # A question often lists its choices: one of them, alone, is an answer for all that.
    return reader.named(output if reader.label(output.strip()) else _without_question(output, example))


def _without_question(output: str, example: Example) -> str:
    """The answer less the question, where it repeats that first; nothing where it is a part of it and more than one word."""
    content = example.messages[-1].get("content") if example.messages else ""
    asked, said = content.strip() if isinstance(content, str) else "", output.strip()
    if len(asked) >= ECHO_CHARS and asked in said:
        return said.replace(asked, "\n")
    return "" if len(said) >= ECHO_CHARS and said in asked else output
