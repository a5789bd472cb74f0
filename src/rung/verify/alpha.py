"""The plan of alpha: what each climb on the same locked rows may spend, and what of that each rung.

Over climbs. The k-th climb on rows that overlap spends at most `weight(k)` of alpha: three quarters the first, and of the rest
1 / (k (k - 1)) the k-th, so that after k climbs alpha (1 - 1 / 4k) is spent and never more than alpha (alpha spending; Foster and
Stine, JRSS B 2008; Tian and Ramdas, Statistical Methods in Medical Research 2021). Climbs that share a row overlap each other, so
that the j-th of those that share it has number j or higher: for every row, the chance that any climb which looked at it passes
something wrongly is at most alpha. That is for Candidates which owe nothing to the test rows but that nothing has passed yet: then
there is one path on which each of them is fixed. Who breeds the next climb's from what scored highest on the test rows is not
covered (with four fifths kept, 11% within eight climbs in place of 5%; without a ledger it would be 77%).

Over the rungs of a climb. Each rung that is judged has an equal share a_i, and the a_i sum to what the climb may spend. When rung w
has passed, its cheaper forms are tested at a_w together (a graphical procedure: Bretz, Maurer, Brannath and Posch, Statistics in
Medicine 2009; within a_w the fallback of Wiens 2003). Let T be the rungs whose Candidate is truly below the bar, and w the rung
whose forms are tried, which is one that passed.

    w in T      its pass is an error that is counted already, with those of T: at most the sum of a_i over T
    w not in T  a wrong pass is one of T, at most the sum of a_i over T, or one of a form of w: at most a_w, which T does not hold

Either way a wrong pass has a chance of at most the sum of the a_i, under any dependence between the Candidates (Bonferroni). The
rung that a bar of quality compares with is never judged, and has no share. A share is for a Candidate made without the test rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.types import Task

# By the chance to pass for candidates that are just good enough (docs/decisions.md): 6 / (pi k)^2 takes 3 to 9 points of the first
# climb's, this at most 5, and leaves later ones about as much.
FIRST = 0.75
POWER = 0.8


@dataclass(frozen=True, kw_only=True)
class AlphaPlan:
    """What the climb of this `number` on its rows may spend in all, and each rung's equal share of it."""

    number: int
    alpha: float
    rungs: Mapping[str, float]

    @property
    def shares(self) -> int:
        """Into how many parts it is split; one, where no rung is judged."""
        return max(1, len(self.rungs))


def weight(number: int) -> float:
    """The part of alpha that the climb of this number on its rows may spend, from 1; over all numbers the parts sum to 1."""
    if number < 1:
        raise ValueError(f"climbs are numbered from 1, not {number}")
    return FIRST if number == 1 else (1 - FIRST) / (number * (number - 1))


def rows_at(rows: int, level: float, other: float) -> int:
    """The rows with which a test at the level `other` has the power (80%) that it has with `rows` at `level`, by the normal law."""
    from scipy.special import ndtri

    now, then = (float(ndtri(1 - half / 2)) + float(ndtri(POWER)) for half in (level, other))
    return math.ceil(rows * (then / now) ** 2)


def plan_alpha(task: Task, rungs: Sequence[str], number: int = 1) -> AlphaPlan:
    """The shares of the rungs that apply to a task, in their order; of a task whose rows were climbed on `number` - 1 times."""
    from rung.verify.stats.gate import split_alpha

    judged = [rung for rung in rungs if rung != task.quality.other]
    alpha = task.alpha * weight(number)
    shares = split_alpha(alpha, len(judged)) if judged else ()
    return AlphaPlan(number=number, alpha=alpha, rungs=dict(zip(judged, shares, strict=True)))
