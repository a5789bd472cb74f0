"""A task for a data file: looked at, tried, and written so that it loads, and can be proven, without an edit."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rung.disk import place
from rung.errors import RungError, UserError
from rung.garbage import uncollected
from rung.parts import USUAL_PACE, Pace
from rung.propose.ending import Ending, ending_of
from rung.propose.profile import Profile
from rung.propose.task_file import write_task
from rung.task.load import check_keys, load_task
from rung.types import Bar, Task
from rung.verify.alpha import AlphaPlan
from rung.verify.near_misses.words import trial_lines
from rung.verify.scoring import bind
from rung.verify.split_size import card, gate_problem

BAR_STEP = 0.05
MOST_LEFT_OUT = 0.05
LEAST_OF_WISHED = 0.5
FEW_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A task file that was written: what it is about, the bar that it sets, what its test split can and cannot prove, what its
    scorer was found to catch, and how it ends: rows as the model will see them, made-up answers, the lines to change.
    """

    profile: Profile
    out: Path
    at_least: float
    card: Sequence[str]
    trials: Sequence[str]
    ending: Ending


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A task file that is not there yet.

    base       the model to change, as its user wrote it; None is the default one
    downloads  where packages that the task file names are kept
    alpha      what a first climb of a task may spend, and into how many parts that is split
    pace       the machine's, which the search is sized by
    """

    profile: Profile
    out: Path
    base: str | None
    downloads: Path
    alpha: Callable[[Task], AlphaPlan]
    pace: Pace = USUAL_PACE

    def write(self, at_least: float, lines: Sequence[str], trials: Sequence[str] = ()) -> Task:
        """Writes the text beside its place, and loads it."""
        self.rewrite(at_least, lines, trials)
        return load_task(self.file, self.downloads)

    def rewrite(self, at_least: float, lines: Sequence[str], trials: Sequence[str]) -> None:
        """Writes it with what was found out. Raises UserError where a key of it is wrong: the rows are what they were."""
        self.file.write_text(write_task(self.profile, self.out, at_least, lines, self.base, trials, self.pace), "utf-8")
        check_keys(self.file)

    @property
    def file(self) -> Path:
        """In the same folder, so that what it names is where it will be."""
        return self.out.with_name(f".{self.out.name}.{os.getpid()}")


def refuse_existing(out: Path) -> None:
    """Raises UserError where something stands already."""
    if out.exists():
        raise UserError("there is a file already", where=str(out), hint="Choose another with --out, or move it away.")


@uncollected()
def propose(draft: Draft) -> Proposal:
    """Writes the task file. Raises UserError, leaving nothing behind, where it would not load or could prove no bar."""
    draft = replace(draft, profile=replace(draft.profile, leave_out=_unmatchable(draft.profile)))
    wished = draft.profile.at_least
    try:
        task = draft.write(wished, [])
        alpha = draft.alpha(task)
        at_least = _provable(draft, task, alpha)
        lines = tuple(line["text"] for line in _card(task, at_least, alpha))
        trials = tuple(line["text"] for line in trial_lines(task))
        # What the split rows show is only known once there is a task.
        draft = replace(draft, profile=replace(draft.profile, findings=task.findings))
        draft.rewrite(at_least, lines, trials)
        refuse_existing(draft.out)
        place(draft.file, draft.out)
    except OSError as error:
        raise UserError(f"cannot be written: {error.strerror}", where=str(draft.out)) from error
    except RungError as error:
        problem, where = (text.replace(str(draft.file), str(draft.out)) for text in (error.problem, error.where))
        raise type(error)(problem, where=where, hint=error.hint) from None
    finally:
        draft.file.unlink(missing_ok=True)
    ending = ending_of(draft.profile, _with_bar(task, at_least, alpha))
    return Proposal(profile=draft.profile, out=draft.out, at_least=at_least, card=lines, trials=trials, ending=ending)


def _unmatchable(profile: Profile) -> Mapping[str, str]:
    """Id -> why, of rows whose target the proposed scorer could never call right, where they are few; many are told as an error."""
    scorer = bind(Bar(scorer=profile.scorer, config=profile.config)).settle(profile.examples, profile.folder)
    found = {row.id: reason for row in profile.examples if (reason := scorer.check(row))}
    return found if len(found) <= MOST_LEFT_OUT * len(profile.examples) else {}


def _provable(draft: Draft, task: Task, alpha: AlphaPlan) -> float:
    """The highest bar up to the wished one that this test split could prove.

    Raises UserError, with the rows that would be needed, where it can prove none that would say anything.
    """
    wished = draft.profile.at_least
    least = _least_telling(draft.profile)
    steps = [round(BAR_STEP * step, 2) for step in range(int(1 / BAR_STEP), 0, -1)]
    for bar in [wished, *[step for step in steps if step < wished]]:
        problem = gate_problem(_with_bar(task, bar, alpha), alpha.shares)
        if problem is None and bar >= least:
            return bar
        if problem is None or bar < least:
            break
    raise _too_few(draft, task, least, alpha)


def _least_telling(profile: Profile) -> float:
    """Below half of what the kind of answers asks for, and in a small file below what one answer for all rows scores, a bar says
    nothing."""
    shares = [count / sum(profile.classes.values()) for count in profile.classes.values()]
    return max(LEAST_OF_WISHED * profile.at_least, *(shares if profile.usable < FEW_ROWS else [0.0]), 0.0)


def _too_few(draft: Draft, task: Task, least: float, alpha: AlphaPlan) -> UserError:
    from rung.verify.stats.clusters import sizes
    from rung.verify.stats.power import fewest_rows

    test = task.split("test")
    rows = fewest_rows(alpha.alpha / alpha.shares, least)
    groups = len(sizes([row.group or row.id for row in test]))
    needed = math.ceil(rows * len(test) / max(groups, 1) * draft.profile.usable / max(len(test), 1))
    problem = (
        f"{draft.profile.usable:,} rows are too few to prove anything: even right answers to all {len(test):,} test rows would not "
        f"prove {least:.0%}. At least about {needed:,} rows are needed"
    )
    return UserError(problem, where=draft.profile.reference.shown, hint="Add more examples to the file.")


def _card(task: Task, at_least: float, alpha: AlphaPlan) -> list[dict[str, Any]]:
    return card(_with_bar(task, at_least, alpha), alpha)


def _with_bar(task: Task, at_least: float, alpha: AlphaPlan) -> Task:
    return replace(task, quality=replace(task.quality, at_least=at_least), alpha=alpha.alpha)
