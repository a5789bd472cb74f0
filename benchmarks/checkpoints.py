"""Which checkpoint of a training run is chosen, and for how many dev answers: by racing, and by asking each all of dev.

    python benchmarks/checkpoints.py [--draws 300] [--scores FILE]

Learning curves of several forms stand for training runs: a checkpoint's true score is known, and a dev split is drawn, on which a
row that is hard for one checkpoint is hard for the next. FILE holds lists of 0 and 1, one of each checkpoint of a real run on the
same rows, in the order of the steps: dev splits are then drawn from its rows with replacement. The loss is of true score, in
standard errors of the score on dev.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from scipy.special import ndtri

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))

from rung.rungs.checkpoints import FEWEST
from rung.verify.stats.race import Entrant, look, rounds

CURVES = {
    "rising": (0.72, 0.80, 0.83, 0.845),
    "flat": (0.80, 0.80, 0.80, 0.80),
    "a peak": (0.78, 0.84, 0.82, 0.80),
    "falling": (0.84, 0.82, 0.80, 0.78),
    "late": (0.60, 0.62, 0.70, 0.84),
    "long, rising": (0.70, 0.76, 0.80, 0.82, 0.83, 0.835, 0.84, 0.842),
    "long, a peak": (0.70, 0.80, 0.84, 0.85, 0.84, 0.83, 0.82, 0.81),
}
# Of two neighbouring checkpoints' latent scores of a row.
ALIKE = 0.85
Drawn = list[list[float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=300, help="dev splits drawn for each curve (default 300)")
    parser.add_argument("--dev-rows", type=int, default=200, help="rows of dev (default 200)")
    parser.add_argument("--patience", type=int, default=3)
    parser.add_argument("--scores", type=Path, help="a real run's scores, instead of the curves")
    options = parser.parse_args()
    print(f"{'':14}{'rows earned':>12}{'true, all asked':>17}{'raced':>8}{'loss, SE':>10}{'answers':>9}{'raced':>7}")
    for name, truth, draw in curves(options):
        for earned in (280, 60):
            report(name, truth, draw, earned, options)


def curves(options: argparse.Namespace) -> list[tuple[str, Sequence[float], Callable[[random.Random], Drawn]]]:
    """Name, true scores and how a dev split is drawn."""
    rows = options.dev_rows
    if options.scores:
        stored = json.loads(options.scores.read_text())
        return [("stored", [sum(one) / len(one) for one in stored], lambda chance: resampled(stored, rows, chance))]
    return [(name, truth, lambda chance, truth=truth: drawn(truth, rows, chance)) for name, truth in CURVES.items()]


def drawn(truth: Sequence[float], rows: int, chance: random.Random) -> Drawn:
    """Scores of each checkpoint on the same rows."""
    lines = [float(ndtri(value)) for value in truth]
    ease = [chance.gauss(0, 1) for _ in range(rows)]
    own, noise = math.sqrt(ALIKE), math.sqrt(1 - ALIKE)
    return [[float(own * each + noise * chance.gauss(0, 1) < line) for each in ease] for line in lines]


def resampled(stored: Drawn, rows: int, chance: random.Random) -> Drawn:
    places = [chance.randrange(len(stored[0])) for _ in range(rows)]
    return [[one[place] for place in places] for one in stored]


def report(name: str, truth: Sequence[float], draw: Callable[[random.Random], Drawn], earned: int, options) -> None:
    chance = random.Random(1)
    sums = [0.0] * 4
    for _ in range(options.draws):
        scores = draw(chance)
        for place, found in enumerate((all_asked(scores, options.patience), raced(scores, earned, options.patience))):
            sums[place] += truth[found[0]] / options.draws
            sums[place + 2] += found[1] / options.draws
    best = max(truth)
    loss = (sums[0] - sums[1]) / math.sqrt(best * (1 - best) / options.dev_rows)
    print(f"{name:14}{earned:12}{sums[0]:17.1%}{sums[1]:8.1%}{loss:+10.2f}{sums[2]:9.0f}{sums[3]:7.0f}", flush=True)


def all_asked(scores: Drawn, patience: int) -> tuple[int, int]:
    """The first best mean until the patience is used up, and the answers asked."""
    best, since = 0, 0
    for step, mine in enumerate(scores[1:], 1):
        best, since = (step, 0) if sum(mine) > sum(scores[best]) else (best, since + 1)
        if since >= patience:
            return best, (step + 1) * len(mine)
    return best, len(scores) * len(scores[0])


def raced(scores: Drawn, earned: int, patience: int) -> tuple[int, int]:
    """As rung.train.dev.Turns and rung.rungs.checkpoints have it, where the whole run earns so many answers."""
    total, last = len(scores[0]), len(scores) - 1
    middle = min(range(last + 1), key=lambda step: abs(step + 1 - len(scores) / 2))
    best: int | None = None
    spent = known = since = 0
    for step in range(last + 1):
        allowed, least = earned * (step + 1) // len(scores) - spent, 2 * min(FEWEST, total)
        if allowed < least and step not in (middle, last):
            best = step if best is None else best
            continue
        allowed = max(allowed, least)
        if best is None:
            best, known = step, rounds(total)[0]
            spent += known
            continue
        most = allowed if allowed <= known else (allowed + known) // 2
        better, seen = duel(scores[best], scores[step], min(most, total))
        spent += seen + max(0, seen - known)
        best, known, since = (step, seen, 0) if better else (best, max(known, seen), since + 1)
        if since >= patience:
            break
    assert best is not None
    return best, spent


def duel(best: Sequence[float], mine: Sequence[float], rows: int) -> tuple[bool, int]:
    """Whether `mine` takes the best's place, and how many rows that took."""
    for seen in rounds(rows):
        found = look([Entrant(cost=1.0, scores=scores[:seen]) for scores in (best, mine)], [""] * rows)
        if found.decided:
            return found.best == 1, seen
    raise AssertionError("the last round decides")


if __name__ == "__main__":
    main()
