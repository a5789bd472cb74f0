"""What racing the trials on dev saves, and what it costs: writes its two tables of docs/statistics.md.

    python benchmarks/racing.py [task or world ...] [--samples 400] [--folder racing] [--write]

First every rung's search is made whole and kept in the folder: each form on all its dev rows (the worked tasks take hours on two
cores, but for what the home has answered already; the scripted worlds seconds). Then dev is drawn again and again from these
rows, clusters whole, and the races are run on each draw by the search's own code, beside a whole search of the same draw. The
second table has populations of which the truth is known. The locked split is never looked at.

A loss is the true score of the whole search's choice less that of the race's, in standard errors of a score on dev: below 0 the
race chose the truly better one. A form is wrongly out where it left and the whole search chose it, truly better or not.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from racing_answers import TASKS, searches
from statistics_page import put, table

from rung.verify.stats.clusters import labels
from rung.verify.stats.race import Entrant, look, rounds
from rung.verify.stats.select import one_standard_error

TITLES = ("answers asked", "forms wrongly out", "mean loss", "95% of losses below", "loss above 1/2")
ITSELF = ("dev answers", "races with the whole search's choice")
WORLDS = ("solved", "trivial", "format", "style", "facts", "weekly", "tool", "labels", "noise")
SEED = 12


@dataclass(kw_only=True)
class Tally:
    """Counts over the draws of one line of a table."""

    asked: float = 0.0
    of: float = 0.0
    races: int = 0
    out: int = 0
    alike: int = 0
    losses: list[float] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        self.asked, self.of = self.asked + other.asked, self.of + other.of
        self.races, self.out, self.alike = self.races + other.races, self.out + other.out, self.alike + other.alike
        self.losses += other.losses

    def cells(self) -> tuple[str, ...]:
        losses = sorted(self.losses)
        worst = losses[math.ceil(0.95 * len(losses)) - 1]
        mean, high = sum(losses) / len(losses), sum(loss > 0.5 for loss in losses) / len(losses)
        return (
            f"{self.asked / self.of:.0%}",
            f"{self.out / self.races:.1%}",
            f"{mean:+.3f}",
            f"{max(worst, 0.0):.2f}",
            f"{high:.1%}",
        )


@dataclass(frozen=True, kw_only=True)
class Draw:
    """Forms on the same rows: costs, scores, the rows' clusters, and what each form truly scores."""

    costs: Sequence[float]
    scores: Sequence[Sequence[float]]
    groups: Sequence[str]
    truth: Sequence[float]


def raced(draw: Draw, known: dict[int, int], names: Sequence[int]) -> Tally:
    """One race. `known` says how many rows each form, by its name, was asked in races before; it is brought up to date."""
    still, choice, left = list(range(len(draw.costs))), 0, set()
    total = len(draw.groups)
    asked = 0
    for n in rounds(total):
        for index in still:
            asked += max(0, n - known.get(names[index], 0))
            known[names[index]] = max(n, known.get(names[index], 0))
        seen = look([Entrant(cost=draw.costs[index], scores=draw.scores[index][:n]) for index in still], draw.groups)
        choice = still[seen.best]
        left |= {still[place] for place in seen.behind}
        still = [index for place, index in enumerate(still) if place not in seen.behind]
        if seen.decided:
            break
    whole = one_standard_error(list(zip(draw.costs, draw.scores, strict=True)), draw.groups)
    error = math.sqrt(max(0.02, _spread(draw)) / total)
    loss = (draw.truth[whole] - draw.truth[choice]) / error
    return Tally(asked=asked, races=1, out=int(whole in left), alike=int(choice == whole), losses=[loss])


def _spread(draw: Draw) -> float:
    """The variance of a score of the best form; clusters are left out of it, which makes losses look larger."""
    best = max(range(len(draw.truth)), key=lambda index: draw.truth[index])
    scores = draw.scores[best]
    mean = sum(scores) / len(scores)
    return sum((score - mean) ** 2 for score in scores) / len(scores)


def stored(names: Sequence[str], folder: Path, samples: int) -> Iterator[tuple[str, Tally, Tally]]:
    """A line for each task and world: all races of all its rungs, on dev as it stands and on draws of its rows."""
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        for name in names:
            itself, drawn = Tally(), Tally()
            for search in searches(folder, home, [name]):
                itself.add(_searched(search, None))
                for sample in range(samples):
                    drawn.add(_searched(search, random.Random(f"{SEED} {name} {search.rung} {sample}")))
            yield name, itself, drawn


def _searched(search, draw: random.Random | None) -> Tally:
    """A rung's races on a draw of its rows, or on them as they are; forms that come again are asked only what is new to them."""
    tally, known, forms = Tally(), {}, {}
    for race in search.races:
        rows, groups = _again(race.groups, draw) if draw else (list(range(len(race.groups))), race.groups)
        scores = [[of[row] or 0.0 for row in rows] for of in race.scores]
        truth = [sum(score or 0.0 for score in of) / len(of) for of in race.scores]
        tally.add(raced(Draw(costs=race.costs, scores=scores, groups=groups, truth=truth), known, race.forms))
        forms |= dict.fromkeys(race.forms, len(groups))
    tally.of = sum(forms.values())
    return tally


def _again(groups: Sequence[str], draw: random.Random) -> tuple[list[int], list[str]]:
    """Clusters drawn with replacement until there are as many rows as before; each drawn one is a cluster of its own."""
    members: dict[int, list[int]] = {}
    for row, label in enumerate(labels(groups)):
        members.setdefault(label, []).append(row)
    rows: list[int] = []
    names: list[str] = []
    drawn = 0
    while len(rows) < len(groups):
        cluster = draw.choice(list(members.values()))
        drawn += 1
        rows += cluster
        names += [f"c{drawn}" if len(cluster) > 1 else ""] * len(cluster)
    return rows[: len(groups)], names[: len(groups)]


# Forms beside the first, which is right on 60% of rows and costs 1: the share of rows on which one differs from it, the part of
# these that it wins, its cost.
POPULATIONS = {
    "four that answer alike": ((0.0, 0.5, 1), (0.0, 0.5, 1), (0.0, 0.5, 2)),
    "four level ones, differing on 10% of rows": ((0.1, 0.5, 1), (0.1, 0.5, 1.5), (0.1, 0.5, 2)),
    "four level ones, differing on 30%": ((0.3, 0.5, 1), (0.3, 0.5, 1.5), (0.3, 0.5, 2)),
    "a dearer one 2 points better, differing on 2%": ((0.02, 1.0, 2),),
    "a dearer one 5 points better, differing on 5%": ((0.05, 1.0, 2),),
    "a cheaper one 5 points worse, differing on 5%": ((0.05, 0.0, 0.5),),
    "a dearer one 8 points better of three": ((0.1, 0.9, 2), (0.1, 0.5, 1.5)),
    "one 3 points better, one worse, at one cost": ((0.3, 0.55, 1), (0.3, 0.45, 1)),
    "one 9 points better, one worse, at one cost": ((0.3, 0.65, 1), (0.3, 0.35, 1)),
    "demonstrations that bring 5 points, more that bring 6": ((0.3, 0.58, 2), (0.3, 0.6, 3)),
    "demonstrations that bring 15 points, more that bring as many": ((0.3, 0.75, 2), (0.3, 0.75, 3)),
}
RIGHT = 0.6


def populations(samples: int, rows: Sequence[int] = (60, 150, 400), cluster: int = 1) -> Iterator[tuple[tuple[str, str], Tally]]:
    """A line for each population and number of dev rows."""
    for name, forms in POPULATIONS.items():
        for n in rows:
            tally = Tally(of=samples * n * (len(forms) + 1))
            for sample in range(samples):
                draw = _population(forms, n, cluster, random.Random(f"{SEED} {name} {n} {sample}"))
                tally.add(raced(draw, {}, range(len(draw.costs))))
            yield (name, f"{n:,}"), tally


def _population(forms, n: int, cluster: int, draw: random.Random) -> Draw:
    first: list[float] = []
    others: list[list[float]] = [[] for _ in forms]
    groups = []
    for row in range(n):
        if cluster == 1 or row % cluster == 0 or draw.random() > 0.7:
            right = float(draw.random() < RIGHT)
            chances = [draw.random() for _ in forms]
        first.append(right)
        for (differs, wins, _), chance, scores in zip(forms, chances, others, strict=True):
            turned = differs * wins / (1 - RIGHT) if right == 0 else differs * (1 - wins) / RIGHT
            scores.append(1 - right if chance < turned else right)
        groups.append(f"g{row // cluster}" if cluster > 1 else "")
    truth = [RIGHT, *(RIGHT + differs * (2 * wins - 1) for differs, wins, _ in forms)]
    return Draw(costs=[1.0, *(cost for *_, cost in forms)], scores=[first, *others], groups=groups, truth=truth)


def _line(name: str, itself: Tally, drawn: Tally) -> tuple[str, ...]:
    return (name, f"{itself.asked:,.0f} of {itself.of:,.0f}", f"{itself.alike} of {itself.races}", *drawn.cells())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=[*TASKS, *(f"world-{name}" for name in WORLDS)])
    parser.add_argument("--samples", type=int, default=400)
    parser.add_argument("--folder", type=Path, default=Path("racing"))
    parser.add_argument("--write", action="store_true", help="write what came out into docs/statistics.md")
    options = parser.parse_args()
    lines, every = [], (Tally(), Tally())
    for name, *tallies in stored(options.names, options.folder, options.samples):
        for whole, tally in zip(every, tallies, strict=True):
            whole.add(tally)
        lines.append(_line(name, *tallies))
        print(*lines[-1], sep=" | ", flush=True)
    lines.append(_line("**all of them**", *every))
    known = []
    for heads, tally in populations(options.samples):
        known.append((*heads, *tally.cells()))
        print(*known[-1], sep=" | ", flush=True)
    tables = {
        "raced": table(("task or world", *ITSELF, *TITLES), lines),
        "raced populations": table(("forms", "dev rows", *TITLES), known),
    }
    for name, text in tables.items():
        print(text)
        if options.write:
            put(name, text)


if __name__ == "__main__":
    main()
