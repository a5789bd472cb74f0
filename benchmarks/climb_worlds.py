"""Whole climbs from drawn scores, thousands of them: how often one passes something wrongly, what it passes, what the gate asks.

    python benchmarks/climb_worlds.py [--climbs 2000] [--only false-passes power] [--write]

No model answers: a rung is a truth, its dev and test rows are drawn from it, and shares of alpha, looks, bounds and both kinds of
futility are those of the climb's own code (`verify.alpha`, `verify.foresight`, `verify.stats`). Its forms on dev are drawn beside
each other and the best one goes to the gate, so that dev flatters. `before` has an equal share for each rung, and no dev.
`benchmarks/climbs.py` climbs by the climb's whole code, a few hundred times.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from statistics_page import put, table

from rung.climb.simplify import share_of
from rung.verify.alpha import Chance, Division, spends, weight
from rung.verify.foresight import Foresight, of_shares, stepwise
from rung.verify.stats import boundaries, eprocess, gaffke, sequential
from rung.verify.stats.bounds import clopper_pearson

ALPHA = 0.05
FORMS = 2


@dataclass(frozen=True, kw_only=True)
class World:
    """What is true.

    gaps     how far above the bar each rung is, the cheapest first
    forms    how far above it each of a passing rung's cheaper forms is
    easier   by how much dev is easier than test
    alike    how the rungs' scores on a row go together, 0 to 1
    flatter  forms of a rung on dev, the best of which is the rung's
    size     rows in a group, which correlate by .2
    left     the rung that a diagnosis of dev leaves out whenever dev holds it to be hopeless; those above it are left out, and give
             nothing back, where the gate has failed the first
    again    climbs one after the other on the same test rows
    """

    name: str
    gaps: tuple[float, ...]
    bar: float = 0.8
    test: int = 600
    dev: int = 200
    forms: float = 0.0
    easier: float = 0.0
    alike: float = 0.0
    flatter: int = 4
    size: int = 1
    left: int | None = None
    again: int = 1

    @property
    def truths(self) -> tuple[float, ...]:
        return tuple(min(1.0, self.bar + gap) for gap in self.gaps)


NULLS = (
    World(name="all at the bar", gaps=(0.0,) * 4),
    World(name="the same, alike on nine rows of ten", gaps=(0.0,) * 4, alike=0.9),
    World(name="dev ten points easier", gaps=(0.0,) * 4, easier=0.1),
    World(name="dev the best of 16 forms", gaps=(0.0,) * 4, flatter=16),
    World(name="48 rows of dev", gaps=(0.0,) * 4, dev=48),
    World(name="two hopeless, two at the bar", gaps=(-0.1, -0.1, 0.0, 0.0)),
    World(name="two at the bar, two far above, forms at the bar", gaps=(0.0, 0.0, 0.1, 0.1)),
    World(name="one far above, forms at the bar", gaps=(0.1,)),
    World(name="left out by dev, or by the gate", gaps=(0.0, -0.05, 0.0, 0.0), left=1),
    World(name="groups of 5", gaps=(0.0,) * 4, size=5),
    World(name="four climbs on the same rows", gaps=(0.0,) * 3, again=4),
)
TRUTHS: dict[str, tuple[tuple[float, ...], float]] = {
    "+2": ((2,), 0),
    "-7, +2": ((-7, 2), 0),
    "-7, -7, -7, +2": ((-7, -7, -7, 2), 0),
    "+2, -5, -5, -5": ((2, -5, -5, -5), 0),
    "-2, +2, +2": ((-2, 2, 2), 0),
    "-1, -1, -1, +2": ((-1, -1, -1, 2), 0),
    "0, 0, 0, +2": ((0, 0, 0, 2), 0),
    "+2, +2, +2, +2": ((2, 2, 2, 2), 0),
    "+1, +1, +2, +3": ((1, 1, 2, 3), 0),
    "-7, +4, +5": ((-7, 4, 5), 0),
    "-7, -7, -7": ((-7, -7, -7), 0),
    "-20, -20, +5": ((-20, -20, 5), 0),
    "+2, +2, +2, dev five points harder": ((2, 2, 2), -0.05),
    "-2, -2, +2, dev five points easier": ((-2, -2, 2), 0.05),
}
WORLDS = tuple(
    World(name=name, gaps=tuple(gap / 100 for gap in gaps), easier=easier, test=1200, dev=400)
    for name, (gaps, easier) in TRUTHS.items()
)


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A climb: the rung that passed, whether it or a form of it should not have, and the rows that gate and dev were asked."""

    passed: int | None
    wrong: bool
    gate: int
    dev: int


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """What one test at the gate came to, and after how many rows."""

    status: str
    rows: int


class Drawn:
    """The rows of one climb."""

    def __init__(self, world: World, draw: np.random.Generator) -> None:
        self.world, self.draw = world, draw
        groups = -(-world.test // world.size)
        self.together = draw.random(groups if world.size > 1 else world.test)
        self.groups = tuple(f"g{row // world.size}" for row in range(world.dev)) if world.size > 1 else ("",) * world.dev

    def test(self, truth: float) -> np.ndarray:
        """Right or wrong on each test row; of groups, right answers in each."""
        world, draw = self.world, self.draw
        if world.size == 1:
            alike = draw.random(world.test) < world.alike
            return np.where(alike, self.together, draw.random(world.test)) < truth
        return draw.binomial(world.size, _rates(draw, truth, len(self.together)))

    def dev(self, truth: float) -> np.ndarray:
        """The best of the rung's forms on dev, all of which are truly as good."""
        world, easy = self.world, min(1.0, truth + self.world.easier)
        rates = np.full((world.flatter, world.dev), easy)
        if world.size > 1:
            rates = np.repeat(_rates(self.draw, easy, (world.flatter, -(-world.dev // world.size))), world.size, axis=1)[
                :, : world.dev
            ]
        right = self.draw.random(rates.shape) < rates
        return right[right.sum(axis=1).argmax()]


def _rates(draw: np.random.Generator, truth: float, shape: int | tuple[int, ...]) -> np.ndarray:
    return draw.beta(4 * truth, 4 * (1 - truth), shape) if 0 < truth < 1 else np.full(shape, truth)


@lru_cache(maxsize=4096)
def lines_of(total: int, alpha: float, bar: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At each look: right answers from which it passes, up to which it fails, up to which it is futile."""
    grid, ends = boundaries.points(total), np.array(boundaries.looks(total))
    mirrored = boundaries.fewest_right(total, alpha, grid - int(np.floor(bar * grid + 1e-9)))
    passing = boundaries.fewest_right(total, alpha, boundaries.tick_above(bar, total))
    return np.array(passing), ends - np.array(mirrored), np.array(sequential.futile_counts(total, alpha, bar))


def gate(scores: np.ndarray, alpha: float, bar: float, foresight: Foresight | None) -> Stopped:
    """One test of rows alone, as `verify.judge` makes it; held to `stats.gate.look` by a test."""
    total = len(scores)
    ends = boundaries.looks(total)
    right = np.cumsum(scores)[np.array(ends) - 1]
    passing, failing, futile = lines_of(total, alpha, bar)
    last, status = len(ends) - 1, "undecided"
    for at in np.flatnonzero((right >= passing) | (right <= failing) | (right <= futile)).tolist():
        passes = right[at] >= passing[at]
        if passes and not boundaries.passed(right[: at + 1].tolist(), total, alpha, bar):
            continue
        last, status = at, "pass" if passes else "fail" if right[at] <= failing[at] else "undecided"
        break
    if foresight is not None:
        early = (at for at in range(last) if foresight.gives_up(alpha, total, float(right[at]), ends[at]))
        if (first := next(early, None)) is not None:
            return Stopped(status="undecided", rows=ends[first])
    return Stopped(status=status, rows=ends[last])


def gate_of_groups(sums: np.ndarray, size: int, alpha: float, bar: float) -> Stopped:
    """One test of rows in groups of one size, asked to the end."""
    sizes = np.full((1, len(sums)), size)
    parts = np.concatenate([sums[None] - bar * sizes, np.full((1, 1), -bar * size)], axis=1)
    won = bool((gaffke.approximate_p_values(parts) <= alpha * sequential.AT_END)[0])
    stake = eprocess.Wealth(bar=bar).after(sums[None] / size, sizes / size).peak[0]
    won = won or bool(stake >= -np.log(alpha * sequential.AT_LOOKS))
    return Stopped(status="pass" if won else "undecided", rows=size * len(sums))


def climb(world: World, draw: np.random.Generator, rows: Drawn, alpha: float, *, by_dev: bool) -> Ended:
    """One climb. Draws are the same with dev and without."""
    names = tuple(map(str, range(len(world.gaps))))
    tests, devs = [rows.test(truth) for truth in world.truths], [rows.dev(truth) for truth in world.truths]
    forms = [rows.test(world.bar + world.forms) for _ in range(FORMS)]
    given: dict[str, int] = {}
    hopeless, statuses = frozenset[str](), list[str]()
    asked = answered = 0
    for place, (name, truth) in enumerate(zip(names, world.truths, strict=True)):
        foresight = _foreseen(world, devs[place], rows) if by_dev else None
        answered += foresight.rows if foresight else 0
        if world.left == place and foresight and foresight.hopeless:
            hopeless |= {name}
        if world.left is not None and place > world.left and statuses[0] == "fail":
            break
        given[name] = Division(rungs=names, given=given, hopeless=hopeless).part(name, _chance(foresight, alpha, world.test))
        if name in hopeless:
            continue
        level = spends(alpha, given[name])
        ended = _gate(world, tests[place], level, foresight)
        asked += ended.rows
        statuses.append(ended.status)
        if ended.status == "pass":
            held = any(_held(world, forms, level))
            return Ended(passed=place, wrong=truth <= world.bar or (held and world.forms <= 0), gate=asked, dev=answered)
    return Ended(passed=None, wrong=False, gate=asked, dev=answered)


def _chance(foresight: Foresight | None, alpha: float, total: int) -> Chance | None:
    return None if foresight is None else lambda part: foresight.chance(spends(alpha, part), total)


def _foreseen(world: World, dev: np.ndarray, rows: Drawn) -> Foresight | None:
    return stepwise(lambda n: of_shares([float(value) for value in dev[:n]], rows.groups[:n], world.bar), world.dev)


def _gate(world: World, scores: np.ndarray, alpha: float, foresight: Foresight | None) -> Stopped:
    return gate(scores, alpha, world.bar, foresight) if world.size == 1 else gate_of_groups(scores, world.size, alpha, world.bar)


def _held(world: World, forms: Sequence[np.ndarray], level: float) -> Iterator[bool]:
    held: list[bool] = []
    for scores in forms:
        held.append(_gate(world, scores, share_of(level, len(forms), held), None).status == "pass")
        yield held[-1]


def climbs(world: World, number: int, seed: int, *, by_dev: bool) -> list[list[Ended]]:
    """In each of so many homes, the climbs that were made on the same test rows, each of other Candidates."""
    found = []
    for home in range(number):
        draw = np.random.default_rng([seed, home, *world.name.encode()])
        rows = Drawn(world, draw)
        found.append([climb(world, draw, rows, ALPHA * weight(k), by_dev=by_dev) for k in range(1, world.again + 1)])
    return found


def false_passes(number: int) -> str:
    """How often a climb passes something that is not above the bar, with its exact 95% interval, and what it may."""
    lines = []
    for world in NULLS:
        cells = [world.name]
        for by_dev in (False, True):
            wrong = sum(any(ended.wrong for ended in home) for home in climbs(world, number, 1, by_dev=by_dev))
            low, high = clopper_pearson(wrong, number, 0.025)
            cells.append(f"{wrong / number:.2%} ({low:.2%} to {high:.2%})")
        allowed = ALPHA * sum(weight(k) for k in range(1, world.again + 1))
        lines.append([*cells, f"{allowed:.2%}"])
        print("; ".join(lines[-1]), flush=True)
    return table(["climbs", "equal shares (before)", "shares by dev (now)", "may be"], lines)


def powers(number: int) -> str:
    """What is passed, and what the gate is asked, before and now."""
    lines = []
    for world in WORLDS:
        before, now = ([home[0] for home in climbs(world, number, 2, by_dev=by_dev)] for by_dev in (False, True))
        cells = [world.name]
        good = [place for place, gap in enumerate(world.gaps) if gap > 0]
        for which in (good[:1], good):
            cells += [f"{np.mean([ended.passed in which for ended in side]):.0%}" if good else "" for side in (before, now)]
        cells += [f"{np.mean([ended.gate for ended in side]):,.0f}" for side in (before, now)]
        cells.append(f"{np.mean([ended.dev for ended in now]):,.0f}")
        lines.append(cells)
        print("; ".join(cells), flush=True)
    heads = [
        "points above the bar",
        "cheapest good rung passes, before",
        "now",
        "any good one, before",
        "now",
        "gate rows, before",
        "now",
    ]
    return table([*heads, "dev rows looked at"], lines)


TABLES = {"false-passes": ("climbs by dev", false_passes), "power": ("power by dev", powers)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--climbs", type=int, default=2000)
    parser.add_argument("--only", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--write", action="store_true", help="write the tables into docs/statistics.md")
    chosen = parser.parse_args()
    for name in chosen.only:
        place, made = TABLES[name]
        text = made(chosen.climbs)
        print(text)
        if chosen.write:
            put(place, text)


if __name__ == "__main__":
    main()
