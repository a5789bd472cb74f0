"""How a Run used its tools: right tool, right arguments, needless calls, missing calls.

What is right is known only of rows that say so (`data.columns.calls`); outcomes are counted for all.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from rung.calls import Call
from rung.types import Run, Task
from rung.verify.calls import call_fault, paired, same_name, target_calls

Fits = Callable[[Call, Call], bool]
KINDS = ("right", "wrong_arguments", "wrong_tool", "needless", "missing")


def count_calls(made: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]], tools: Sequence[Any]) -> dict[str, int]:
    """How many calls are of each of KINDS: a wanted one is right, wrong or missing, a made one right, wrong or needless."""
    left = [_made(call) for call in made]
    goals = target_calls(list(wanted)) or []
    counts = dict.fromkeys(KINDS, 0)
    stages: tuple[tuple[str, Fits], ...] = (
        ("right", lambda call, goal: call_fault(call, goal, tools) is None),
        ("wrong_arguments", lambda call, goal: same_name(call.name, goal.name)),
        ("wrong_tool", lambda call, goal: True),
    )
    for kind, fits in stages:
        taken = paired([[fits(call, goal) for goal in goals] for call in left])
        left = [call for place, call in enumerate(left) if place not in taken.values()]
        goals = [goal for place, goal in enumerate(goals) if place not in taken]
        counts[kind] = len(taken)
    return counts | {"needless": len(left), "missing": len(goals)}


def _made(call: Mapping[str, Any]) -> Call:
    """A call as it was made; one that no tool could be given, whose arguments were therefore left out, is not one without any."""
    fault = str(call.get("reason", "")) if call.get("outcome") == "refused" and not call["arguments"] else ""
    return Call(name=str(call["name"]), arguments=call["arguments"], fault=fault)


def call_report(task: Task, run: Run) -> dict[str, Any]:
    """Totals over a Run: calls made, their outcomes, and, over the rows that say which calls are right, the counts of each kind."""
    tools = task.tools.offers if task.tools else ()
    gold = {row.id: row.calls for row in task.examples if row.calls is not None}
    totals: Counter[str] = Counter()
    for row in run.rows:
        if row.example in gold:
            totals.update(count_calls(row.answer.calls, gold[row.example], tools))
    made = [call for row in run.rows for call in row.answer.calls]
    outcomes = Counter(str(call["outcome"]) for call in made)
    known = sum(row.example in gold for row in run.rows)
    return {"made": len(made), "outcomes": dict(sorted(outcomes.items())), "rows_with_calls_known": known} | (
        {kind: totals[kind] for kind in KINDS} if known else {}
    )
