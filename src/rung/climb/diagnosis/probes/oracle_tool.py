"""Oracle tool: does the base answer once the right call's result is handed over? Beside that: its own call, and tools of no use.

Result helps and its own call does not: it cannot form the call. Result does not help: no tool is what is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.climb.diagnosis.case import Arm, Case, Evidence
from rung.data.sample import shuffled
from rung.engine.demos import pool_bytes
from rung.engine.tools.toolbox import call_turns
from rung.errors import UserError
from rung.parts import Demonstrations
from rung.rungs.asks import Ask
from rung.rungs.base import why_not_mended
from rung.rungs.calling import one_call, plain_candidate
from rung.rungs.causes import TOOL
from rung.rungs.traces import rows_to_trace, traces
from rung.types import Candidate, Example, Task
from rung.verify.scoring import target_text

TITLE = "the right tool's result beside the question"
CAUSE = TOOL
USELESS = (
    {
        "name": "tide_height",
        "description": "Height of the tide at a harbour, in metres.",
        "parameters": {"type": "object", "properties": {"harbour": {"type": "string"}}, "required": ["harbour"]},
    },
    {
        "name": "play_song",
        "description": "Play a song in the living room.",
        "parameters": {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]},
    },
)


class Config(BaseModel):
    """`demonstrations`: worked calls shown, out of `pool_rows` train rows. `report_rows`: rows of the arm that only reports."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    demonstrations: int = Field(default=2, ge=1)
    pool_rows: int = Field(default=200, ge=1)
    report_rows: int = Field(default=48, ge=16)


def applies(task: Task) -> str:
    """Needs tools."""
    return why_not_mended(task, CAUSE)


def probe(case: Case, config: Config) -> Evidence:
    """The tools rung's own plain form, with the right calls made for it, and with one forced call of its own."""
    plain = plain_candidate(case.task, case.parent, case.context)
    made = traces(_with_calls(case.sample.examples), plain, case.context) if _with_calls(case.sample.examples) else {}
    arms = [_handed(case, name, form, made) for name, form in _forms(case, plain, config).items()] if made else []
    # Not among the forms of the prompt that later probes may begin with.
    own = replace(case.arm("its own call", one_call(plain)), candidate=None)
    return Evidence(arms=(*arms, own, _useless(case, plain, config)), facts={"calls_known": len(made)})


def foresee(case: Case, config: Config) -> list[Ask]:
    """The plain form with a call's result beside each question, one call of its own, and with tools of no use."""
    plain = plain_candidate(case.task, case.parent, case.context)
    form = replace(plain, tools=None)
    handed = []
    if any(row.calls for row in case.sample.examples):
        handed = [case.foreseen("the right call's result", form, chars=len(str(offers_of(plain))))]
    own = replace(case.foreseen("its own call", one_call(plain)), times=2.0)
    useless = case.foreseen("tools of no use", form, chars=len(str(USELESS)), limit=config.report_rows)
    return [*handed, *([case.foreseen("closed book", form)] if handed else []), own, useless]


def offers_of(candidate: Candidate) -> tuple[Mapping[str, Any], ...]:
    """What the model is told of the candidate's tools."""
    return candidate.tools.toolset.offers if candidate.tools else ()


def _with_calls(rows: Sequence[Example]) -> list[Example]:
    return [row for row in rows if row.calls]


def _forms(case: Case, plain: Candidate, config: Config) -> dict[str, Candidate]:
    """The plain form, and the same after worked questions with their calls, as the rung tries both."""
    forms = {"the right call's result": plain}
    rows = _with_calls(rows_to_trace(case.task, config.pool_rows))
    shown = traces(rows, plain, case.context) if rows else {}
    worked = [replace(row, tools=offers_of(plain)) for row in shuffled(rows, case.task.seed) if row.id in shown]
    if len(worked) > config.demonstrations:
        pool = pool_bytes(worked, lambda row: target_text(case.task, row), lambda row: call_turns(shown[row.id]))
        shown_first = Demonstrations(pool=case.context.blobs.put_bytes(pool), k=config.demonstrations)
        forms["the right call's result, after worked calls"] = replace(plain, demonstrations=shown_first)
    return forms


def _handed(case: Case, name: str, plain: Candidate, made: Mapping[str, Sequence[Mapping[str, Any]]]) -> Arm:
    """Each row with the right calls and their results behind it; rows that need none, or whose calls fail, stay as they are."""
    form = replace(plain, tools=None)
    listed = offers_of(plain)
    places = case.places(case.chars(form, float(len(str(listed)))))
    shown = {place: _answered(row, made, listed) for place in places if (row := case.sample.examples[place]).id in made}
    arm = case.handed(name, form, places, shown)
    unknown = tuple(place not in shown and case.sample.examples[place].calls != () for place in arm.places)
    return replace(arm, unknown=unknown)


def _answered(example: Example, made: Mapping[str, Sequence[Mapping[str, Any]]], tools: tuple[Any, ...]) -> Example:
    return replace(example, messages=(*example.messages, *call_turns(made[example.id])), tools=tools)


def _useless(case: Case, plain: Candidate, config: Config) -> Arm:
    """Tools that no question needs, offered: what that costs."""
    form = replace(plain, tools=None)
    places = case.places(case.chars(form, float(len(str(USELESS)))), config.report_rows)
    rows = [case.sample.examples[place] for place in places]
    try:
        values = case.ask(form, [replace(row, tools=USELESS) for row in rows])
    except UserError as error:
        case.context.progress.note(f"tools of no use were not offered: {error.problem}")
        return Arm(name="tools of no use offered", places=(), values=(), against=(), shows=False)
    return Arm(name="tools of no use offered", places=places, values=values, against=case.ask(form, rows), shows=False)
