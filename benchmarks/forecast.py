"""Does the learning curve of few rows foretell the score with more? The tone task's linear model, on real rows.

    python benchmarks/forecast.py [--rows 250 500] [--repeats 4]

Each repeat draws train rows of its own from all that are not dev, fits the curve on an eighth, a quarter, half and all of them, and
compares the forecast with what the model does with twice and four times the rows. Needs RUNG_HOME only for the downloads.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rung.climb.outlook.learning_curve import AHEAD, SHARES
from rung.climb.runtime import open_runtime
from rung.progress import Silent
from rung.registry.home import open_home
from rung.rungs import r0_linear
from rung.rungs.base import BuildContext
from rung.task.load import load_task
from rung.types import Example, Task
from rung.verify.run import random_order
from rung.verify.stats.curve import Prediction, fit_curve

TASK = Path(__file__).parents[1] / "tasks" / "tone" / "task.yaml"


def scores(task: Task, rows: Sequence[Example], context: BuildContext) -> list[float]:
    """The linear model's score on each dev row after training on `rows`."""
    part = replace(task, examples=(*rows, *task.split("dev")))
    return [value or 0.0 for value in context.measure(r0_linear.build(part, None, context), "dev").values()]


def compared(task: Task, order: Sequence[Example], rows: int, context: BuildContext) -> Iterator[tuple[Prediction, float]]:
    """Forecast and measured score at twice and four times `rows`, as far as there are rows."""
    sizes = [round(share * rows) for share in SHARES]
    groups = [row.group for row in random_order(task, "dev")]
    curve = fit_curve(sizes, [scores(task, order[:size], context) for size in sizes], groups)
    for more in (times * rows for times in AHEAD if times * rows <= len(order)):
        real = scores(task, order[:more], context)
        yield curve.at(more), sum(real) / len(real)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[250, 500])
    parser.add_argument("--repeats", type=int, default=4)
    chosen = parser.parse_args()
    with open_home() as home:
        task = load_task(TASK, home.downloads)
    pool = [replace(row, split="train") for row in task.examples if row.split != "dev"]
    held = []
    with TemporaryDirectory() as folder, open_home(Path(folder) / "home", write=True) as home:
        context = BuildContext(task, open_runtime(home), Path(folder) / "work", Silent())
        for rows in chosen.rows:
            for repeat in range(chosen.repeats):
                for said, real in compared(task, random.Random(repeat).sample(pool, len(pool)), rows, context):
                    held.append(said.lower <= real <= said.upper)
                    ends = f"{said.estimate:.1%} [{said.lower:.1%}, {said.upper:.1%}]"
                    print(f"{rows:,} -> {said.rows:,} rows: {ends}, measured {real:.1%}", flush=True)
    print(f"80% intervals that hold the score measured: {sum(held)} of {len(held)}")


if __name__ == "__main__":
    main()
