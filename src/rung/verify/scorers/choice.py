"""The answer names the right one of a closed set of choices.

An answer that says more is read leniently: it counts as the one choice that it mentions, and as wrong where it mentions
none or several.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, field_validator

from rung.errors import UserError
from rung.parts import ChoiceConstraint, Constraint
from rung.types import Example, Score
from rung.verify.parse import as_text
from rung.verify.scoring import missing_target

_WRAPPING = " \t\r\n\"'`*.,:;!“”‘’"
FREE_TEXT_ABOVE = 20  # more different targets than this, and than half the rows, are no closed set

PROPOSED: dict[str, dict[str, object]] = {"closed set": {}}
LISTS = {
    "match: any": "several right choices: naming any one of them",
    "scorer: labels": "all of them are right at once, in place of this scorer",
}


class Config(BaseModel, extra="forbid", frozen=True):
    """`choices`: the closed set; left out, the targets of the data. `ignore_case`: A is a. `match`: what a list means."""

    choices: tuple[str, ...] = ()
    ignore_case: bool = True
    match: Literal["any"] | None = None

    @field_validator("choices", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        return [as_text(item) for item in value] if isinstance(value, list | tuple) else value


def harmless(config: Config) -> tuple[str, ...]:
    """A sentence or a code fence around the one choice is not looked at."""
    return ("code fence", "sentence", *(("case",) if config.ignore_case else ()))


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Choices from the targets where the settings name none, each in its most frequent spelling.

    Raises UserError where the targets look like free text.
    """
    if config.choices:
        return config
    counts = Counter(as_text(row.target).strip() for row in examples if row.target is not None)
    spellings = {_key(text, config): text for text, _ in reversed(counts.most_common())}
    if len(spellings) > max(FREE_TEXT_ABOVE, len(examples) // 2):
        problem = f"the targets are no closed set: {len(spellings)} different ones in {len(examples)} rows"
        raise UserError(problem, hint="Use the scorer 'exact' or 'overlap', or list the 'choices'.")
    return config.model_copy(update={"choices": tuple(sorted(spellings.values()))})


def score(example: Example, output: str, config: Config) -> Score:
    """1 where the answer names the target, else 0."""
    right = as_text(example.target)
    named = _named(output, config.choices or (right,), config)
    if {_key(choice, config) for choice in named} == {_key(right, config)}:
        return Score(value=1.0)
    if len(named) > 1:
        return Score(value=0.0, reason="names several choices: " + ", ".join(sorted(named)))
    return Score(value=0.0, reason=f"expected {right}" if named else f"names none of the choices; expected {right}")


def label(example: Example, output: str, config: Config) -> str | None:
    """The one choice that the answer names."""
    named = _named(output, config.choices or (as_text(example.target),), config)
    return next(iter(named)) if len(named) == 1 else None


def render(target: Any, config: Config) -> str:
    """The choice in the spelling of the closed set."""
    key = _key(as_text(target), config)
    return next((choice for choice in config.choices if _key(choice, config) == key), as_text(target))


def check(example: Example, config: Config) -> str | None:
    """The target must be one of the choices."""
    if problem := missing_target(example):
        return problem
    key = _key(as_text(example.target), config)
    if not key:
        return "the target is empty"
    known = {_key(choice, config) for choice in config.choices}
    return f"the target {as_text(example.target)!r} is not one of the choices" if known and key not in known else None


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """One of the choices and nothing else."""
    choices = closed_set(examples, config)
    return ChoiceConstraint(choices=tuple(choices)) if choices else None


def closed_set(examples: Sequence[Example], config: Config) -> tuple[str, ...] | None:
    """The choices."""
    return config.choices or settle(examples, config, Path()).choices or None


def describe(examples: Sequence[Example], config: Config) -> str:
    """Lists the choices."""
    return f"Reply with exactly one of these and nothing else: {', '.join(closed_set(examples, config) or ())}."


def _named(output: str, choices: Sequence[str], config: Config) -> set[str]:
    """The choices that an answer names: the whole of it, else those that stand in it as words, longest first."""
    by_key = {_key(choice, config): choice for choice in choices}
    if (whole := _key(output.strip(_WRAPPING), config)) in by_key:
        return {by_key[whole]}
    words = "|".join(re.escape(choice.strip()) for choice in sorted(choices, key=len, reverse=True))
    found = re.findall(rf"(?<!\w)(?:{words})(?!\w)", output, re.IGNORECASE if config.ignore_case else 0)
    return {by_key[key] for text in found if (key := _key(text, config)) in by_key}


def _key(text: str, config: Config) -> str:
    return text.strip().casefold() if config.ignore_case else text.strip()
