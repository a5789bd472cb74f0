"""The answer calls the right functions with the right arguments, or makes no call where none is right.

Compared by abstract syntax, in the way of the Berkeley function-calling benchmark (Patil et al., 2025): the function's name, its
required arguments, no unknown ones, each value within the allowed set; texts without regard to case, spaces and `,./-_*^`; a whole
number where a fraction is asked for, but not the other way round; several calls in any order. `rung.verify.calls` says what a
target may look like, `rung.calls` what is a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rung.calls import Call, calls_in, sets_out_to_call
from rung.errors import UserError
from rung.parts import CallConstraint, Constraint
from rung.types import Example, Score
from rung.verify.calls import calls_fault, parameters_of, target_calls
from rung.verify.parse import as_text
from rung.verify.schema import in_schema_order
from rung.verify.scoring import missing_target

NO_CALL = "no call"

PROPOSED: dict[str, dict[str, object]] = {"tool calls": {}}


class Config(BaseModel, extra="forbid", frozen=True):
    """No settings."""


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the calls."""
    return ("code fence", "sentence")


def score(example: Example, output: str, config: Config) -> Score:
    """1 where every call is right, else 0 and what is wrong."""
    wanted = target_calls(example.target)
    if wanted is None:
        return Score(value=None, reason="the target is not a function call")
    calls = calls_in(output)
    if not calls and sets_out_to_call(output):
        return Score(value=0.0, reason="the call cannot be read: it is not whole JSON")
    fault = calls_fault(calls, wanted, example.tools)
    return Score(value=0.0, reason=fault) if fault else Score(value=1.0)


def render(target: Any, config: Config) -> str:
    """The call as compact JSON, several as a list, `no call` for none."""
    return _written(target_calls(target) or (), ())


def ideal(example: Example, config: Config) -> str:
    """As `render`, the arguments in the order in which the row's tools list them."""
    return _written(target_calls(example.target) or (), example.tools)


def check(example: Example, config: Config) -> str | None:
    """The target must be calls of the row's own tools that would themselves be scored as right."""
    if problem := missing_target(example):
        return problem
    wanted = target_calls(example.target)
    if wanted is None:
        return f"the target is not a function call: {as_text(example.target)[:60]!r}"
    for call in wanted:
        if example.tools and parameters_of(call.name, example.tools) is None:
            return f"the target calls '{call.name}', which is not one of the row's tools"
    fault = score(example, render(example.target, config), config).reason
    return f"the target would not be scored as right itself: {fault}" if fault else None


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Raises UserError where no row wants a call: whatever makes none would be right."""
    if not any(target_calls(row.target) for row in examples):
        raise UserError("no target is a function call, so that every answer without one would be right", hint="Use another scorer.")
    return config


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """Calls of the row's own tools, where rows have tools."""
    return CallConstraint() if examples and all(row.tools for row in examples) else None


def describe(examples: Sequence[Example], config: Config) -> str:
    """Shows the form of a call, and says what to write for several and for none where the rows have such."""
    counts = {len(calls) for row in examples if (calls := target_calls(row.target)) is not None}
    text = 'Reply with the function call as JSON and nothing else: {"name":"<function>","arguments":{"<argument>":<value>}}.'
    if max(counts, default=0) > 1:
        text += " Write several calls as a JSON list."
    return text + (f" Where no function fits, reply: {NO_CALL}" if 0 in counts else "")


def _written(calls: Sequence[Call], tools: Sequence[Mapping[str, Any]]) -> str:
    if not calls:
        return NO_CALL
    plain = [
        {"name": call.name, "arguments": in_schema_order(call.arguments, parameters_of(call.name, tools) or {})} for call in calls
    ]
    return as_text(plain[0] if len(plain) == 1 else plain)
