"""The answer calls the right functions with the right arguments, or makes no call where none is right.

Compared by abstract syntax: the function's name, its required arguments, no unknown ones, each value one of those that are allowed;
a whole number where a fraction is asked for, but not the other way round. Texts must be equal, unless `strings: bfcl` says that
they are compared as the Berkeley function-calling benchmark does (Patil et al., 2025). `rung.verify.calls` has the rules and says
what a target may look like, `rung.calls` what is a call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from rung.calls import Call, calls_in, sets_out_to_call
from rung.data.call_texts import names_of
from rung.data.read.rows import RowError
from rung.engine.tools.schema import answer_schema
from rung.errors import UserError
from rung.parts import CallConstraint, Constraint
from rung.types import Example, Score
from rung.verify.calls import Rules, calls_fault, parameters_of, read_target, target_calls
from rung.verify.parse import as_text
from rung.verify.schema import in_schema_order, value_fault
from rung.verify.scoring import missing_target

NO_CALL = "[]"
MOST_ODD = 0.02
COUNTS = ("none", "one", "several")

PROPOSED: dict[str, dict[str, object]] = {"tool calls": {}}


class Config(BaseModel, extra="forbid", frozen=True):
    """How calls are compared.

    strings  exact, or bfcl: without regard to case, spaces and `,./-_*^`, as the benchmark does ("-50.00" is then "5000")
    order    of several calls: any, or given
    calls    how many a row may want (none, one, several); without it what the rows show
    """

    strings: Literal["exact", "bfcl"] = "exact"
    order: Literal["any", "given"] = "any"
    calls: tuple[Literal["none", "one", "several"], ...] = ()

    @property
    def rules(self) -> Rules:
        return Rules(strings=self.strings, ordered=self.order == "given")


def harmless(config: Config) -> tuple[str, ...]:
    """What stands around the calls."""
    return ("code fence", "sentence")


def accepts(config: Config) -> Mapping[str, str]:
    """What the benchmark does not look at."""
    if config.strings == "exact":
        return {}
    # An allowed value may be another's date once its points are gone.
    kinds = ("sign dropped", "sign added", "decimal point moved", "day and month swapped")
    return dict.fromkeys(kinds, "strings: bfcl compares texts without their signs and points")


def score(example: Example, output: str, config: Config) -> Score:
    """1 where every call is right, else 0 and what is wrong."""
    wanted = target_calls(example.target, example.tools)
    if wanted is None:
        return Score(value=None, reason="the target is not a function call")
    if not output.strip():
        return Score(value=0.0, reason="the answer is empty")
    calls = calls_in(output)
    if not calls and sets_out_to_call(output, names_of(example.tools)):
        return Score(value=0.0, reason="the call cannot be read: it is not whole JSON")
    fault = calls_fault(calls, wanted, example.tools, config.rules)
    return Score(value=0.0, reason=fault) if fault else Score(value=1.0)


def render(target: Any, config: Config) -> str:
    """The call as compact JSON, several as a list, the empty list for none."""
    return _written(target_calls(target) or (), ())


def ideal(example: Example, config: Config) -> str:
    """As `render`, the arguments in the order in which the row's tools list them."""
    return _written(target_calls(example.target, example.tools) or (), example.tools)


def check(example: Example, config: Config) -> str | None:
    """The target must be calls of the row's own tools that would themselves be scored as right."""
    if problem := missing_target(example):
        return problem
    try:
        wanted = read_target(example.target, example.tools)
    except RowError as error:
        return str(error)
    for call in wanted:
        if example.tools and parameters_of(call.name, example.tools) is None:
            return f"the target calls '{call.name}', which is not one of the row's tools"
    fault = score(example, ideal(example, config), config).reason
    return f"the target would not be scored as right itself: {fault}" if fault else None


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """How many calls a row may want, from all rows. Raises UserError where none wants any: whatever makes none would be right."""
    counts = _counts(examples)
    if not any(name != COUNTS[0] for name in counts):
        raise UserError("no target is a function call, so that every answer without one would be right", hint="Use another scorer.")
    return config if config.calls else config.model_copy(update={"calls": counts})


def constraint(examples: Sequence[Example], config: Config) -> Constraint | None:
    """As many calls of the row's own tools as rows want, where all rows have tools, and these let the ideal answers be written.

    Of a few rows (MOST_ODD) the target may be what their own tools' schema forbids: that is a slip in the file, not its form.
    """
    if not examples or not all(row.tools for row in examples):
        return None
    return _held(examples, config) if len(forbidden(examples, config)) <= MOST_ODD * len(examples) else None


def forbidden(examples: Sequence[Example], config: Config) -> list[Example]:
    """The rows whose right calls their own tools' schemas forbid."""
    if not examples or not all(row.tools for row in examples):
        return []
    held = _held(examples, config)
    return [row for row in examples if not _can_be_written(row, held)]


def describe(examples: Sequence[Example], config: Config) -> str:
    """Shows the form of a call, and says what to write for several and for none where the rows have such."""
    counts = config.calls or _counts(examples)
    text = 'Reply with the function call as JSON and nothing else: {"name":"<function>","arguments":{"<argument>":<value>}}.'
    if "several" in counts:
        text += " Write several calls as a JSON list" + (", in their order." if config.order == "given" else ".")
    return text + (f" Where no function fits, reply with the empty list: {NO_CALL}" if "none" in counts else "")


def _counts(examples: Sequence[Example]) -> tuple[Literal["none", "one", "several"], ...]:
    wanted = {min(2, len(calls)) for row in examples if (calls := target_calls(row.target, row.tools)) is not None}
    return tuple(name for number, name in enumerate(COUNTS) if number in wanted)  # type: ignore[misc]


def _held(examples: Sequence[Example], config: Config) -> CallConstraint:
    counts = config.calls or _counts(examples)
    return CallConstraint(none="none" in counts, one="one" in counts, several="several" in counts)


def _can_be_written(row: Example, held: CallConstraint) -> bool:
    wanted = target_calls(row.target, row.tools)
    return wanted is None or value_fault(_plain(wanted, row.tools), answer_schema(row.tools, held)) is None


def _written(calls: Sequence[Call], tools: Sequence[Mapping[str, Any]]) -> str:
    return as_text(_plain(calls, tools)) if calls else NO_CALL


def _plain(calls: Sequence[Call], tools: Sequence[Mapping[str, Any]]) -> Any:
    plain = [
        {"name": call.name, "arguments": in_schema_order(call.arguments, parameters_of(call.name, tools) or {})} for call in calls
    ]
    return plain[0] if len(plain) == 1 else plain
