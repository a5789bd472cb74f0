"""Tools: the model may call what `tools:` declares, in a bounded loop whose form does best on dev; nothing is trained.

What a call may do is settled by the task file, not by the model: see `engine/tools/box.py`. A dearer form (more steps,
demonstrations) is kept only where it beats the cheaper one by more than a standard error on dev (Breiman et al., 1984, section
3.4.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from rung.data.sample import shuffled
from rung.parts import Demonstrations, Span
from rung.rungs.asks import Answers, Foreseen, raced
from rung.rungs.base import BuildContext, labelled
from rung.rungs.calling import NO_TOOLS, looped, plain_candidate
from rung.rungs.causes import TOOL
from rung.rungs.settings import read_settings
from rung.rungs.traces import rows_to_trace, traces
from rung.rungs.trials import Form, Trial, race, record
from rung.types import Candidate, Run, Task

TITLE = "tools"
UNDO = "point the name at the version before: the tools stay where they are, unused"
ORDER = 30
MENDS = (TOOL,)


class Config(BaseModel):
    """How far the search goes.

    steps             the most calls for one question
    demonstrations    the numbers of worked questions, calls included, to try
    pool_rows         train rows, drawn at random, that demonstrations are made from
    dev_rows          bounds the rows of each trial
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=3, ge=1, le=16)
    demonstrations: tuple[int, ...] = (2, 4)
    pool_rows: int = Field(default=200, ge=1)
    dev_rows: int = Field(default=150, ge=10)


def applies(task: Task) -> str:
    """Needs tools."""
    return "" if task.tools else NO_TOOLS


def foresee(task: Task, parent: Candidate | None, context: BuildContext) -> Foreseen:
    """Every form on dev, an answer for each call and one after them. What a tool itself takes is not known beforehand."""
    config = read_settings(task, "r3_tools", Config)
    plain = plain_candidate(task, parent, context)
    tried = [(name, looped(plain, **form)) for name, form in _forms(config.steps).items()]
    rows = min(config.dev_rows, len(task.split("dev")))
    asks = raced(tried, rows)
    if parent and parent.prompt != plain.prompt:
        asks += raced([("the prompt of the rung below", replace(tried[0][1], prompt=parent.prompt))], rows)
    if parent and parent.retrieval:
        asks += raced([("with documents", replace(tried[0][1], retrieval=parent.retrieval))], rows)
    if not any(row.calls for row in labelled(task)):
        pool = min(config.pool_rows, len(labelled(task)))
        asks.append(Answers(what="worked questions", candidate=tried[0][1], rows=Span.of(pool), split="train"))
    for k in sorted(config.demonstrations):
        shown = Span(least=0.0, expected=rows / 2, most=rows)
        asks.append(Answers(what=f"{k} demonstrations", candidate=tried[0][1], rows=shown, kept=False, times=1.0 + k / 4))
    return Foreseen(asks=tuple(asks), likely=tried[0][1])


def build(task: Task, parent: Candidate | None, context: BuildContext) -> Candidate:
    """Try the forms of the loop, what the rung below has (its prompt, its documents), and demonstrations, in that order, on dev."""
    config = read_settings(task, "r3_tools", Config)
    plain = plain_candidate(task, parent, context)
    trials: list[Trial] = []

    def best_of(*forms: Form) -> Trial:
        raced = race(forms, context, config.dev_rows)
        trials.extend(raced.trials)
        return raced.best

    best = best_of(*(Form(name, looped(plain, **form)) for name, form in _forms(config.steps).items()))
    if parent and parent.prompt != plain.prompt:
        prompted = replace(best.candidate, prompt=parent.prompt)
        best = best_of(best.form, Form(f"{best.name}, the prompt of the rung below", prompted))
    if parent and parent.retrieval:
        informed = replace(best.candidate, retrieval=parent.retrieval)
        best = best_of(best.form, Form(f"{best.name}, with documents", informed))
    chosen = best_of(best.form, *_demonstrated(task, best, context, config))
    record(trials, chosen, context, lambda trial: {"calls": _report(task, trial.run)})
    return chosen.candidate


def _forms(steps: int) -> dict[str, dict[str, int]]:
    one = {"one call, then the answer": {"steps": 1, "forced": 1}, "free to call": {"steps": steps, "forced": 0}}
    return one | ({f"a call first, then up to {steps - 1} more": {"steps": steps, "forced": 1}} if steps > 1 else {})


def _demonstrated(task: Task, best: Trial, context: BuildContext, config: Config) -> list[Form]:
    """With worked questions and the calls that lead to their answers, more and more of them."""
    from rung.engine.demos import pool_bytes
    from rung.engine.tools.toolbox import call_turns
    from rung.verify.scoring import target_text

    shown = traces(rows_to_trace(task, config.pool_rows), best.candidate, context)
    rows = shuffled([row for row in labelled(task) if row.id in shown], task.seed)
    pool = context.blobs.put_bytes(pool_bytes(rows, lambda row: target_text(task, row), lambda row: call_turns(shown[row.id])))
    return [
        Form(f"{best.name} + {k} demonstrations", replace(best.candidate, demonstrations=Demonstrations(pool=pool, k=k)))
        for k in sorted(config.demonstrations)
        if 0 < k < len(rows)
    ]


def _report(task: Task, run: Run) -> Mapping[str, Any]:
    from rung.verify.tool_use import call_report

    return call_report(task, run)
