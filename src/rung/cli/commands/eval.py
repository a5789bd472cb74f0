"""`rung eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import EXIT_CODE, example, json_option, print_json, show, table, watching
from rung.cli.words import percent

if TYPE_CHECKING:
    from rung.types import Bar, Run, Task

WORST_FIRST = ("fail", "undecided", "pass")


@click.command(epilog=example("rung eval tasks/tone/task.yaml --candidate tone@1 --split dev"))
@click.argument("task", type=click.Path(path_type=Path))
@click.option("--candidate", "ref", required=True, help="A name, name@version or the beginning of a candidate's id.")
@click.option("--split", type=click.Choice(["train", "dev", "gate"]), default="dev", show_default=True, help="Which rows of TASK.")
@json_option
def command(task: Path, ref: str, split: str, as_json: bool) -> int:
    """Measure a registered candidate on TASK's rows.

    Keeps the run. Looking at dev is free. A look at gate is written on the task's ledger, and proves less than a climb, which
    looks once.

    Exits with 0 where the lower bound reaches every bar of the kind `at_least`, else with 1.
    """
    from rung.climb.measure import measure
    from rung.registry.home import open_home
    from rung.task.load import load_task

    with open_home(write=True) as home, watching() as progress:
        with progress.stage(f"Reading {task}"):
            locked = load_task(task, home.downloads)
        candidate = home.candidates.get(ref)
        home.tasks.add(locked)
        run = measure(locked, candidate, split, home, progress)
    bars = [judged(bar, run, locked) for bar in (locked.quality, *locked.guards)]
    if as_json:
        print_json({"task": locked.digest, "candidate": candidate.id, "split": split, "n": len(run.rows), "bars": bars})
    else:
        _show(bars, locked.alpha, split)
    statuses = [bar["status"] for bar in bars if bar["status"]]
    return EXIT_CODE[min(statuses, key=WORST_FIRST.index)] if statuses else 0


def judged(bar: Bar, run: Run, task: Task) -> dict[str, Any]:
    """One bar's estimate and bounds over the run, each bound one-sided at the task's alpha; `status` is None for a relative bar.

    A score that is missing counts as wrong towards the lower bound and as right towards the upper, as at the gate.
    """
    from rung.verify.stats.bounds import fixed_bounds
    from rung.verify.stats.clusters import labels

    values, of = run.values(bar.name), labels([row.group for row in run.rows])
    missing = sum(value is None for value in values)
    said: dict[str, Any] = {"name": bar.name, "scorer": bar.scorer, "at_least": bar.at_least, "n": len(values), "missing": missing}
    if missing == len(values):
        return said | {"estimate": None, "lower": None, "upper": None, "status": "undecided" if bar.at_least is not None else None}
    worst, best = ([stand_in if value is None else value for value in values] for stand_in in (0.0, 1.0))
    said |= {"estimate": run.mean(bar.name), "lower": fixed_bounds(worst, of, task.alpha).lower}
    said |= {"upper": fixed_bounds(best, of, task.alpha).upper}
    return said | {"status": _status(said)}


def _status(said: dict[str, Any]) -> str | None:
    if said["at_least"] is None:
        return None
    if said["upper"] < said["at_least"]:
        return "fail"
    return "pass" if said["lower"] >= said["at_least"] else "undecided"


def _show(bars: list[dict[str, Any]], alpha: float, split: str) -> None:
    rows = [
        (
            bar["name"],
            percent(bar["estimate"]),
            percent(bar["lower"]),
            percent(bar["upper"]),
            bar["n"],
            bar["missing"],
            percent(bar["at_least"]),
            bar["status"] or "compare in a climb",
        )
        for bar in bars
    ]
    numbers = ["estimate", "lower", "upper", "rows", "missing", "at least"]
    show(table(["bar", *numbers, "verdict"], rows, numbers=numbers))
    show(f"On {split}. Each bound holds with {100 * (1 - alpha):g}% confidence.")
