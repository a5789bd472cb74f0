"""`rung eval`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rung.cli.output import EXIT_CODE, example, json_option, print_json, show, table
from rung.report.text import share

if TYPE_CHECKING:
    from rung.types import Run, Task
    from rung.verify.reading import Reading

WORST_FIRST = ("fail", "undecided", "pass")


@click.command(epilog=example("rung eval tasks/tone/task.yaml --candidate tone@1 --split dev"))
@click.argument("task", type=click.Path(path_type=Path))
@click.option("--candidate", "ref", required=True, help="A name, name@version, name@alias or the beginning of a candidate's id.")
@click.option("--split", type=click.Choice(["train", "dev", "test"]), default="dev", show_default=True, help="Which rows of TASK.")
@json_option
def command(task: Path, ref: str, split: str, as_json: bool) -> int:
    """Measure a registered candidate on TASK's rows.

    Keeps the run. Looking at dev is free. A look at test is charged like a climb on its rows, so that over all of them something
    passes wrongly at most alpha of the time; the same candidate again is free. Few rows that climbs before had seen are left out,
    as a climb leaves them out.

    A version that was imported and is CLAIMED is registered anew, as one that TASK has judged, with a receipt, where it passes
    every bar on test: that one can be promoted.

    Exits with 0 where the lower bound reaches every bar of the kind `at_least`, and the upper bound keeps every one of `at_most`,
    else with 1.
    """
    from rung.api import evaluate, load_task
    from rung.json_form import as_json as plain
    from rung.report.classes import class_lines
    from rung.verify.classes import class_table
    from rung.verify.missing import remarks
    from rung.verify.reading import read_bar

    locked = load_task(task, progress=True)
    run = evaluate(locked, ref, split, progress=True)
    alpha, told = _level(locked, run) if split == "test" else (locked.alpha, [])
    bars = [read_bar(locked, bar, run, alpha) for bar in (locked.quality, *locked.guards)]
    passed = split == "test" and all(bar.status == "pass" for bar in bars)
    judged = _judged(locked, run, bars, alpha) if passed else ()
    classes = class_table(locked, run)
    remarked = remarks([row.answer for row in run.rows])
    if as_json:
        print_json(
            {
                "task": locked.digest,
                "candidate": run.candidate,
                "split": split,
                "n": len(run.rows),
                "alpha": alpha,
                "bars": [plain(bar) for bar in bars],
                "left_out": len(locked.split(split)) - len(run.rows),
                "classes": plain(classes) if classes else None,
                "remarks": list(remarked),
                "judged": list(judged),
            }
        )
    else:
        _show(bars, alpha, split)
        show(*class_lines(classes) if classes else [])
        show(*told)
        show(*[f"Judged by this task, no longer CLAIMED: {version}." for version in judged])
        for remark in remarked:
            show(f"{remark[0].upper()}{remark[1:]}.")
    statuses = [bar.status for bar in bars if bar.status]
    return EXIT_CODE[min(statuses, key=WORST_FIRST.index)] if statuses else 0


def _level(task: Task, run: Run) -> tuple[float, list[str]]:
    """What an evaluation on test may spend, and what the ledger says after it."""
    from rung.climb.ledger import after_evaluation, charge_evaluation
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        judging, told = after_evaluation(task, run, home)
        return charge_evaluation(judging, home.candidates.get(run.candidate), home), told


def _judged(task: Task, run: Run, bars: Sequence[Reading], alpha: float) -> tuple[str, ...]:
    """The versions that an imported Candidate gains by passing, each with its receipt."""
    from rung.admission.claims import judged
    from rung.climb.keeping import keep_lock
    from rung.climb.receipts import receipt_of_evaluation
    from rung.data.digest import data_digests
    from rung.registry.home import open_home

    with open_home(write=True) as home:
        known = [
            one for one in home.names.of(candidate=run.candidate) if not one.evidence.climb and one.evidence.task == task.digest
        ]
        before = [one.ref for one in known if not home.receipts.of(one.name, one.version)]
        keep_lock(task, home)
        with home.together():
            refs = judged(home, run.candidate, task.digest, data_digests(task.examples))
            for ref in dict.fromkeys((*before, *refs)):
                home.receipts.add(receipt_of_evaluation(home, ref, task, run, bars, alpha))
        return refs


def _show(bars: list[Reading], alpha: float, split: str) -> None:
    rows = [
        (
            bar.name,
            bar.measured or "mean score",
            *(share(figure, unit=bar.unit) for figure in (bar.estimate, bar.lower, bar.upper)),
            bar.n,
            bar.missing,
            bar.asked,
            bar.status or "compare in a climb",
        )
        for bar in bars
    ]
    numbers = ["estimate", "lower", "upper", "rows", "missing"]
    show(table(["bar", "on", *numbers, "asked", "verdict"], rows, numbers=numbers))
    show(f"On {split}. Each bound holds with {100 * (1 - alpha):.4g}% confidence.")
