"""A base that may call the task's tools: in its plain form, and bounded to so many calls."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rung.errors import UserError
from rung.parts import ToolUse
from rung.rungs.base import BuildContext, longest_answer
from rung.types import Candidate, Task

NO_TOOLS = "the task gives no tools (tools:)"


def plain_candidate(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """The instruction, the answer held to its scorer's natural form, and the tools' files put into the store."""
    from rung.engine.tools.declare import bundle
    from rung.verify.scoring import scorer_of

    backend = context.runtime.backend_for(task.base)
    if task.tools is None:
        raise UserError(NO_TOOLS, where=task.path)
    files = bundle(task.tools, Path(task.path).parent, context.blobs, context.work)
    return Candidate(
        rung="r3_tools",
        base=backend.reference,
        template=backend.template,
        adapters=task.base_adapters,
        prompt=task.instruction,
        constraint=scorer_of(task).constraint(task.split("train")),
        tools=ToolUse(toolset=task.tools, files=files),
        max_tokens=parent.max_tokens if parent else longest_answer(task),
        parent=parent.id if parent else None,
    )


def one_call(plain: Candidate) -> Candidate:
    """The first form that is tried: a call, then the answer."""
    return looped(plain, steps=1, forced=1)


def looped(candidate: Candidate, *, steps: int, forced: int) -> Candidate:
    """The same with at most so many calls for a question, the first `forced` of which must be made."""
    return replace(candidate, tools=replace(candidate.tools, steps=steps, forced=forced) if candidate.tools else None)
