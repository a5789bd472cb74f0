"""The plan of alpha: what each climb on the same locked rows may spend, and what of that each rung.

Over climbs. The k-th climb on rows that overlap spends at most `weight(k)` of alpha: three quarters the first, and of the rest
1 / (k (k - 1)) the k-th, so that after k climbs alpha (1 - 1 / 4k) is spent and never more than alpha (alpha spending; Foster and
Stine, JRSS B 2008; Tian and Ramdas, Statistical Methods in Medical Research 2021). Climbs that share a row overlap each other, so
that the j-th of those that share it has number j or higher: for every row, the chance that any climb which looked at it passes
something wrongly is at most alpha. That is for Candidates which owe nothing to the test rows but that nothing has passed yet: then
there is one path on which each of them is fixed. Who breeds the next climb's from what scored highest on the test rows is not
covered (with four fifths kept, 11% within eight climbs in place of 5%; without a ledger it would be 77%).

Over the rungs of a climb. Let D be all that the test rows have no part in: train, dev, seeds, and so every answer on dev. Rung i
may spend a_i, which is fixed before its first test row is asked, by D alone (below), so that the a_i sum to what the climb may
spend whatever D is. When rung w has passed, its cheaper forms are tested at a_w together (a graphical procedure: Bretz, Maurer,
Brannath and Posch, Statistics in Medicine 2009; within a_w the fallback of Wiens 2003). Given D all Candidates and all a_i are
constants. Let T be the rungs whose Candidate is truly below the bar, and w the rung whose forms are tried, which is one that
passed.

    w in T      its pass is an error that is counted already, with those of T: at most the sum of a_i over T
    w not in T  a wrong pass is one of T, at most the sum of a_i over T, or one of a form of w: at most a_w, which T does not hold

Either way a wrong pass has, given D, a chance of at most the sum of the a_i, under any dependence between the Candidates
(Bonferroni); so it has on average over D. Dev must be independent of test, which the split and the checks on leaks see to; it need
not be like test, nor honest: a Candidate that was chosen among many on dev looks better there than it is, which moves alpha from
one rung to another and adds none. For the same reason "hopeless" is a careful word: what looks hopeless on rows that it was chosen
by is. The rung that a bar of quality compares with is never judged, and has no share.

What a rung gets (`Division.part`), in thousandths of what the climb may spend. Every rung keeps a floor. Of what lies above the
floors of those to come a rung gets LEAN times its chance to pass, as dev has it; nothing where dev's upper bound is below the bar;
the last rung all that is left; an equal part where dev says nothing of the bar (`foresight`). LEAN was chosen by simulated climbs
(docs/decisions.md).

What may not move a share is anything that the gate has said. What a climb does next can owe something to it in two ways, and both
give nothing back. The minutes that a task allows run out the sooner the longer the gate looked: rungs that were not built by then
keep what they would have had, of which nothing is known, so that one built earlier (a baseline) has the floor alone. The diagnosis
may leave out all dear rungs because labels contradict each other, which it asks of the gate's statuses too: each of these has its
floor, should it be asked for with --all. What it leaves out else it does by probes of dev alone: that rung is hopeless, and what it
leaves above its floor is there for the rest. So every a_i is the same on all paths, or the floor, which is the least that it can
be, and the greatest that the a_i can be on any path sum to at most the whole.

A climb that was interrupted goes on with the shares that were written down before the gate's first row (`facts.Allotted`). Rungs
that were judged before shares were written down had equal ones, which are counted. A test that was charged before, for the very
same Candidate at a bar as high, is free at its level; where this climb's share is larger it is charged anew, and both count. Who
turns --all on after seeing the gate chooses by test rows what a later rung builds on, and is not covered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rung.types import Task

# By the chance to pass for candidates that are just good enough (docs/decisions.md): 6 / (pi k)^2 takes 3 to 9 points of the first
# climb's, this at most 5, and leaves later ones about as much.
FIRST = 0.75
POWER = 0.8
WHOLE = 1000
FLOOR = 20
LEAN = 0.6

# The chance to pass at a level (in thousandths of what the climb may spend), as dev has it.
Chance = Callable[[int], float]


@dataclass(frozen=True, kw_only=True)
class AlphaPlan:
    """What the climb of this `number` on its rows may spend in all, and the rungs that are judged, in their order.

    by_dev  whether dev can move their shares; else all have the same
    """

    number: int
    alpha: float
    rungs: tuple[str, ...]
    by_dev: bool = True

    @property
    def shares(self) -> int:
        """Into how many parts it is split; one, where no rung is judged."""
        return max(1, len(self.rungs))

    @property
    def equal(self) -> float:
        """A rung's alpha where dev says nothing."""
        return self.alpha / self.shares

    @property
    def least(self) -> float:
        """A rung's alpha where dev says that it is hopeless."""
        return self.equal if not self.by_dev else spends(self.alpha, floor_of(self.shares))

    @property
    def likely(self) -> float:
        """The first rung's alpha where dev says that it passes."""
        names = tuple(map(str, range(self.shares)))
        return self.equal if not self.by_dev else spends(self.alpha, Division(rungs=names).part("0", lambda _: 1.0))


@dataclass(frozen=True, kw_only=True)
class Division:
    """How the rungs that are judged divide what a climb may spend: what was given, in thousandths.

    hopeless  rungs that a diagnosis leaves out
    """

    rungs: tuple[str, ...]
    given: Mapping[str, int] = field(default_factory=dict)
    hopeless: frozenset[str] = frozenset()

    def part(self, rung: str, chance: Chance | None, *, blind: bool = False) -> int:
        """What a rung gets, to which none was given yet: the first of those still to come.

        chance  None where dev says nothing of the bar; 0 means hopeless
        blind   the climb came here past a rung of which it knows nothing
        """
        floor = floor_of(len(self.rungs))
        waiting = [name for name in self.rungs if name not in self.given]
        spare = WHOLE - sum(self.given.values()) - floor * len(waiting)
        coming = [name for name in self.rungs[self.rungs.index(rung) :] if name in waiting and name not in self.hopeless]
        if blind or rung in self.hopeless or spare <= 0:
            return floor
        if coming == [rung]:
            return floor + spare
        even = floor + spare // len(coming)
        return even if chance is None else floor + math.floor(spare * LEAN * chance(even))


def floor_of(rungs: int) -> int:
    """The least that each of so many rungs gets; half of the whole at most for all of them."""
    return min(FLOOR, WHOLE // (2 * rungs))


def spends(alpha: float, part: int) -> float:
    """So many thousandths of alpha, rounded down, so that parts never sum to more than the whole."""
    return alpha if part == WHOLE else math.nextafter(alpha * part / WHOLE, 0.0)


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
    """What the rungs that apply to a task, in their order, divide; of a task whose rows were climbed on `number` - 1 times."""
    from rung.verify.foresight import line_before

    judged = tuple(rung for rung in rungs if rung != task.quality.other)
    return AlphaPlan(number=number, alpha=task.alpha * weight(number), rungs=judged, by_dev=line_before(task) is not None)
