"""What a rung may spend at the gate: by what dev says of it, written down before its first test row is asked (`verify.alpha`)."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rung.climb.facts import Allotted
from rung.climb.ledger import charged_level, plan_of
from rung.verify.alpha import WHOLE, Division, spends
from rung.verify.choosing import counted
from rung.verify.foresight import Foresight, foresee
from rung.verify.run import evaluate, random_order
from rung.verify.silence import Heard, refuse_silence

if TYPE_CHECKING:
    from rung.climb.steps import Climb
    from rung.types import Candidate, Row, Task
    from rung.verify.judge import Trial

LEAST_OF_DEV = 48


def allot(climb: Climb, rung: str, trial: Trial) -> Allotted:
    """What the rung was given, or is now. Dev is asked as far as it tells something; the report asks for all of it later."""
    known = climb.record.allotted.get(rung)
    if known is not None:
        return known
    started = time.monotonic()
    foresight = _foreseen(climb, rung, trial.candidate)
    plan, part = plan_of(climb), part_by(climb, rung, foresight)
    if was := charged_level(climb, trial):
        # By a version that wrote no shares down, which was killed after its charge.
        part = max(part, min(WHOLE, math.ceil(was / plan.alpha * WHOLE)))
    found = Allotted(rung=rung, part=part, dev=foresight, seconds=time.monotonic() - started)
    climb.record.add(found)
    climb.progress.note(f"{rung}: {_said(found)}")
    return found


def part_by(climb: Climb, rung: str, foresight: Foresight | None) -> int:
    """What the rung gets where dev says this."""
    plan, total = plan_of(climb), len(counted(climb.gate_task, climb.gate_task.split("test")))
    chance = None if foresight is None else lambda part: foresight.chance(spends(plan.alpha, part), total)
    return _division(climb, plan.rungs).part(rung, chance, blind=_blind(climb, rung))


def most_of_dev(task: Task, rung: str) -> int:
    """No more rows of dev than twice what the rung's search is held to: where answers are dear, so are these."""
    held, rows = task.settings.get(rung, {}).get("dev_rows"), len(task.split("dev"))
    return min(rows, max(LEAST_OF_DEV, 2 * held)) if held else rows


def _foreseen(climb: Climb, rung: str, candidate: Candidate) -> Foresight | None:
    task = climb.task
    dev = random_order(task, "dev")[: most_of_dev(task, rung)]

    def answered(n: int) -> Sequence[Row]:
        rows = evaluate(task, candidate, "dev", dev[:n], climb.runtime, climb.progress).rows
        refuse_silence([Heard(candidate, rows)], task, climb.runtime)
        return rows

    return foresee(task, dev, answered)


def _division(climb: Climb, rungs: tuple[str, ...]) -> Division:
    """What was given so far. Rungs that were judged before shares were written down had equal ones."""
    record = climb.record
    equal = math.ceil(WHOLE / len(rungs))
    given = {name: equal for name in record.judged if name in rungs}
    given |= {name: fact.part for name, fact in record.allotted.items()}
    left_out = record.diagnosis.record.skips if record.diagnosis else {}
    return Division(rungs=rungs, given=given, hopeless=frozenset(left_out))


def _blind(climb: Climb, rung: str) -> bool:
    """Whether a rung before this one was left out for want of time, of which the gate took its part: nothing is known of it."""
    record, names = climb.record, plan_of(climb).rungs
    left_out = record.diagnosis.record.skips if record.diagnosis else {}
    return any(name not in record.judged and name not in left_out for name in names[: names.index(rung)])


def _said(found: Allotted) -> str:
    share = f"{found.part / WHOLE:.1%} of what the climb may spend"
    if found.dev is None:
        return f"tested at {share}"
    held = f"{found.dev.mean:.1%} on {found.dev.rows:,} dev rows, at most {found.dev.upper:.1%}"
    return f"dev leaves it little hope ({held}): tested at {share}" if found.dev.hopeless else f"tested at {share}, by dev ({held})"
