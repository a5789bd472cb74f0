"""How many rows each split gets: test what its bar needs, dev enough to choose by, train all the rest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rung.data.inferred import Inference
from rung.data.split import REST
from rung.types import SPLITS, Example
from rung.verify.alpha import FIRST

FRACTIONS: Mapping[str, float] = {"train": 0.5, "dev": 0.2, "test": 0.3}
MARGIN = 0.05  # how far above its bar a candidate should be seen to stand; where less is left to 1, half of that
DEV_ROWS = 400  # the standard error of a share of right answers is then at most 2.5 points
TEST_ROWS_PER_CLASS, DEV_ROWS_PER_CLASS = 5, 2
ROUNDED = 50
LEVEL = 0.05 * FIRST / 5  # of one rung, where five are judged in the first climb
LARGE_GROUPS = 1.05  # rows a group, from which on groups are counted


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """`shares` as `data.split` has them, empty where the rows name their splits; `told` in numbers of rows; and why."""

    shares: Mapping[str, float | str]
    told: Mapping[str, float]
    why: Inference


def sizes_for(examples: Sequence[Example], bar: float, classes: int) -> Sizes:
    """Fractions where the file is small, else numbers: the rows of test with which a candidate that stands MARGIN above the `bar`
    passes with 80% probability at the usual level of one rung, a few of each class, and never more than their fraction.
    """
    if own := [example.split for example in examples if example.split]:
        return _own(own)
    usable = len(examples)
    need = _needed([example.group or example.id for example in examples], bar, LEVEL)
    test = _up(max(need, TEST_ROWS_PER_CLASS * classes))
    dev = _up(max(DEV_ROWS, DEV_ROWS_PER_CLASS * classes))
    if test >= FRACTIONS["test"] * usable:
        because = f"{usable:,} rows are few for a bar of {bar:g}: {need:,} test rows would show one {_points(bar)} above it"
        why = Inference(about="split", taken="half, a fifth and three tenths", because=because, change="data.split", aloud=False)
        return Sizes(shares=FRACTIONS, told=FRACTIONS, why=why)
    dev = min(dev, round(FRACTIONS["dev"] * usable))
    shares: dict[str, float | str] = {"train": REST, "dev": dev, "test": test}
    because = (
        f"{need:,} test rows show a candidate {_points(bar)} above a bar of {bar:g} (80% power), {dev:,} on dev tell shares "
        f"to {100 * math.sqrt(0.25 / dev):.1f} points, and train takes all {usable - dev - test:,} others"
    )
    why = Inference(about="split", taken=f"test {test:,}, dev {dev:,}, train the rest", because=because, change="data.split")
    return Sizes(shares=shares, told={"train": usable - dev - test, "dev": dev, "test": test}, why=why)


def _own(own: Sequence[str]) -> Sizes:
    counts = {name: own.count(name) for name in SPLITS if name in own}
    missing = {name: FRACTIONS[name] for name in SPLITS if name not in counts}
    told = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    taken = f"the rows' own ({told})" + "".join(f", {name} from their train" for name in missing)
    why = Inference(about="split", taken=taken, because="a column names it", change="data.columns: leave out split")
    shares: dict[str, float | str] = {"train": REST, "dev": FRACTIONS["dev"], "test": FRACTIONS["test"], **missing}
    return Sizes(shares=shares if missing else {}, told=counts, why=why)


def _needed(groups: Sequence[str], bar: float, level: float) -> int:
    """The rows for 80% power; of rows in groups about so many."""
    from rung.verify.stats.clusters import sizes
    from rung.verify.stats.power import rows_in_groups, rows_to_pass

    truth = bar + _margin(bar)
    if len(groups) <= LARGE_GROUPS * len(set(groups)):
        return rows_to_pass(level, bar, truth)
    return rows_in_groups(sizes(groups), level, bar, truth)


def _margin(bar: float) -> float:
    return min(MARGIN, (1 - bar) / 2)


def _points(bar: float) -> str:
    return f"{100 * _margin(bar):.2g} points"


def _up(rows: int) -> int:
    return ROUNDED * math.ceil(rows / ROUNDED)
