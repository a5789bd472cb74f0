"""A task's locked rows on the ledger: which they are, what a climb on them may spend, what is free, and what to say of it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from rung.climb.facts import Charged
from rung.json_form import as_json, digest
from rung.registry.documents import Ledger
from rung.registry.looks import Gauge, Gauged, Grant, Standing
from rung.rungs.base import ladder
from rung.types import Bar, Candidate, Example, Run, Task
from rung.verify.alpha import WHOLE, AlphaPlan, plan_alpha, weight
from rung.verify.run import random_order

if TYPE_CHECKING:
    from rung.climb.steps import Climb
    from rung.registry.home import Home
    from rung.verify.judge import Trial

# The share of test rows that may be left out because climbs before had seen them. What is claimed is of rows like those that judge:
# a tenth, all wrong or all right, would move a mean by a tenth.
FEW = 0.1
# Enough of a digest: rows of all homes together are far fewer than 2^64.
KEY_DIGITS = 32
INSTRUCTIONS = ("system", "developer")


def row_key(example: Example) -> str:
    """Identity of a locked row: what is asked, but for case, width and blanks.

    Neither the target nor its spelling, tools or a system message is part of it: a row that was looked at stays so when the
    task around it changes.
    """
    from rung.data.split import normalise

    asked = [message for message in example.messages if message["role"] not in INSTRUCTIONS] or example.messages
    turns = [[turn["role"], normalise(str(turn.get("content") or "")), turn.get("tool_calls")] for turn in asked]
    return digest(turns)[:KEY_DIGITS]


def few_seen(task: Task, home: Home) -> frozenset[str]:
    """Ids of the test rows that are to be left out: those of climbs before that saw few, and what shares a group with them.

    Of the rest such a climb saw nothing, so that it does not count: to meet 2 of 72 rows again is not a second climb. The fewest go
    first, a tenth of all at most; a climb that met more of them is counted.
    """
    rows = [(row, row_key(row)) for row in task.split("test")]
    left_out = frozenset[str]()
    for met in home.looks.met([key for _, key in rows]):
        groups = {row.group for row, key in rows if key in met and row.group}
        more = left_out | {row.id for row, key in rows if key in met or row.group in groups}
        if len(more) > FEW * len(rows):
            break
        left_out = more
    return left_out


def at_gate(task: Task, left_out: Collection[str]) -> Task:
    """The task without the test rows that do not judge."""
    if not left_out:
        return task
    return replace(task, examples=tuple(row for row in task.examples if row.split != "test" or row.id not in left_out))


def locked_rows(task: Task) -> tuple[str, ...]:
    """The keys of a task's test rows."""
    return tuple(row_key(row) for row in task.split("test"))


def gauge_of(task: Task, of: str = "gate") -> Gauge:
    """What the gate measures: the task's test rows in their order, targets and groups included, by each bar's scorer.

    An evaluation takes its bounds otherwise: `of` says who measures.
    """
    bars = (task.quality, *task.guards)
    scorers = [as_json(_without_line(bar)) for bar in bars]
    rows = [[row.digest, row.group] for row in random_order(task, "test")]
    return Gauge(key=digest([of, rows, scorers]), lines=tuple(-bar.line if bar.at_most is not None else bar.line for bar in bars))


def _without_line(bar: Bar) -> Bar:
    """A bar wherever it stands."""
    least, most = (None if line is None else 0.0 for line in (bar.at_least, bar.at_most))
    return replace(bar, at_least=least, at_most=most, by=0.0, margin=0.0, accepts=())


def standing_of(task: Task, home: Home) -> Standing:
    """How a task's rows stand now."""
    return home.looks.standing(locked_rows(task))


def planned(task: Task, standing: Standing) -> AlphaPlan:
    """What a climb of this task may spend on rows that stand so."""
    return plan_alpha(task, [rung.name for rung in ladder() if not rung.why_skipped(task)], standing.climbs + 1)


def plan_of(climb: Climb) -> AlphaPlan:
    """What a climb may spend: what it was charged, or would be now."""
    charged = climb.record.charged
    return _numbered(climb, charged.number if charged else standing_of(climb.gate_task, climb.home).climbs + 1)


def _numbered(climb: Climb, number: int) -> AlphaPlan:
    return plan_alpha(climb.task, [rung.name for rung in climb.record.lock.rungs if not rung.skipped], number)


def level_of(climb: Climb, trial: Trial, share: Callable[[AlphaPlan], float]) -> float:
    """The alpha of a test at the gate: its share of what this climb is charged, or what was charged for the very same one, if more.

    The climb is charged, and the test written down, before the first of its rows is answered.
    """
    looks, test = climb.home.looks, _test_of(climb, trial)
    rows, level = locked_rows(climb.gate_task), looks.level(test)

    def grant(number: int) -> Grant:
        plan = _numbered(climb, number)
        return Grant(alpha=plan.alpha, part=share(plan))

    if level is None or level < share(plan_of(climb)):
        level = looks.charge(test, climb.id, rows, grant)
    # Also where the climb was killed between the two: then the test is known, and the record does not have its charge yet.
    if climb.record.charged is None and (charge := looks.charged(climb.id, rows)):
        climb.record.add(Charged(number=charge.number, alpha=charge.alpha, before=charge.before))
    return level


def charged_level(climb: Climb, trial: Trial) -> float | None:
    """The alpha that this climb was charged for a test; None where it was not."""
    return climb.home.looks.level(_test_of(climb, trial), climb.id)


def _test_of(climb: Climb, trial: Trial) -> Gauged:
    key = digest([trial.candidate.id, {name: other.id for name, other in trial.baselines.items()}])
    return Gauged(gauge=gauge_of(climb.gate_task), key=key)


def charge_evaluation(task: Task, candidate: Candidate, home: Home) -> float:
    """The alpha of evaluating a Candidate on the test split: that of a climb with one rung, charged before it is asked, once.

    An evaluation of the same Candidate by the same scorers is free where no bar stands higher.
    """
    test = Gauged(gauge=gauge_of(task, "evaluation"), key=candidate.id)
    level = home.looks.level(test)
    if level is not None:
        return level

    def grant(number: int) -> Grant:
        alpha = task.alpha * weight(number)
        return Grant(alpha=alpha, part=alpha)

    return home.looks.charge(test, digest([test.gauge.key, test.gauge.lines, test.key]), locked_rows(task), grant)


def open_to(task: Task, candidate: Candidate, home: Home) -> Task:
    """The task with the test rows on which a Candidate is evaluated: few that climbs before had seen are left out, as in a climb.

    All of them where it was evaluated on them already, which is free.
    """
    test = Gauged(gauge=gauge_of(task, "evaluation"), key=candidate.id)
    return task if home.looks.level(test) is not None else at_gate(task, few_seen(task, home))


def after(task: Task, home: Home) -> str:
    """How a task's test rows stand after an evaluation."""
    standing = standing_of(task, home)
    following = task.alpha * weight(standing.climbs + 1)
    return (
        f"Climbs and evaluations on these test rows so far: {standing.climbs:,}; error at most {standing.spent:.2%}. The next may "
        f"spend {following:.2%}."
    )


def after_evaluation(task: Task, run: Run, home: Home) -> tuple[Task, list[str]]:
    """The task with the test rows that a Run on test was on, and what the ledger says after it, a line each."""
    asked = {row.example for row in run.rows}
    judging = at_gate(task, {row.id for row in task.split("test")} - asked)
    lines = of_left_out(len(task.split("test")) - len(asked), judging)
    return judging, [after(judging, home), *[f"{line[:1].upper()}{line[1:]}." for line in lines]]


def ledger_of(climb: Climb) -> Ledger:
    """What a finished climb's document says of its locked rows."""
    task, charged, plan = climb.gate_task, climb.record.charged, plan_of(climb)
    left_out = len(climb.record.lock.left_out)
    before = charged.before if charged else standing_of(task, climb.home)
    lines = of_number(task, plan, before) if charged else [FREE]
    return Ledger(
        number=charged.number if charged else None,
        alpha=plan.alpha if charged else 0.0,
        spent=before.spent,
        seen=before.seen,
        rows=len(set(locked_rows(task))),
        next_alpha=_numbered(climb, standing_of(task, climb.home).climbs + 1).alpha,
        lines=(*lines, *of_left_out(left_out, task), *of_unknown(task, climb.home), *(of_division(climb) if charged else ())),
        left_out=left_out,
    )


def of_division(climb: Climb) -> list[str]:
    """How the rungs that came to the gate divided what the climb may spend; nothing where there was but one."""
    given = climb.record.allotted.values()
    if len(plan_of(climb).rungs) < 2 or not given:
        return []
    parts = [
        f"{one.rung} {one.part / WHOLE:.1%}{' (dev leaves it little hope)' if one.dev and one.dev.hopeless else ''}"
        for one in given
    ]
    how = "by what dev says of each" if any(one.dev for one in given) else "in equal parts"
    return [f"of what this climb may spend, {how}: {', '.join(parts)}"]


def said(task: Task, home: Home, left_out: Collection[str]) -> list[str]:
    """What the ledger says before a climb of this task, some of whose test rows do not judge, a line each."""
    judging = at_gate(task, left_out)
    standing = standing_of(judging, home)
    return [
        *of_number(judging, planned(judging, standing), standing),
        *of_left_out(len(left_out), judging),
        *of_unknown(task, home),
    ]


def of_left_out(left_out: int, judging: Task) -> list[str]:
    """What was done about few rows that were seen before."""
    if not left_out:
        return []
    rows = len(judging.split("test"))
    return [
        f"left out: {left_out:,} of {rows + left_out:,} test rows, which climbs before had seen (or which share a group with "
        f"such); those climbs saw nothing of the {rows:,} that judge, and do not count. What is claimed is of rows like these"
    ]


def of_number(task: Task, plan: AlphaPlan, before: Standing) -> list[str]:
    """The climb's number on its rows, the error so far, and where a fresh start is to be had."""
    rows = len(set(locked_rows(task)))
    if plan.number == 1:
        later = f"{task.alpha:.2%} with all later climbs on any of them"
        return [f"climb 1 on these test rows: error at most {plan.alpha:.2%}, and {later}"]
    lines = [
        f"climb {plan.number} on these test rows ({before.seen:,} of {rows:,} were climbed on before); error so far at most "
        f"{before.spent:.2%}, with this climb {before.spent + plan.alpha:.2%}: it may spend {plan.alpha:.2%}, where the first may "
        f"{task.alpha * weight(1):.2%}"
    ]
    return [*lines, CHOSEN, FRESH]


FREE = "no further error: every candidate had been judged on these very rows before, at a bar as high or higher"
CHOSEN = "this holds for candidates that were chosen by dev; who chooses by what test rows scored is wrong more often"
FRESH = (
    "free: a lower bar for the same candidates on the same rows, at the error that they had. A fresh start: test rows that no "
    "climb has seen, newly labelled; another data.seed draws from the same file, and rows that were seen still count"
)


def of_unknown(task: Task, home: Home) -> list[str]:
    """Looks of which it is not known at which rows; none where there are none."""
    looks = home.looks.unknown(task.name)
    took = f"{looks} look{'s'[: looks > 1]} that an earlier version of rung took at tasks called '{task.name}'"
    return [f"not counted: {took}; which rows they were is not known"] if looks else []
