"""What a climb is said to take, against what it takes: step by step, over worked tasks and worlds.

    python benchmarks/plan.py tone spam            worked tasks, as they are
    python benchmarks/plan.py --worlds             the planted worlds: small, all rungs
    python benchmarks/plan.py --processor tone     in seconds of this process's processor time, where other work runs beside

Each is climbed in a home of its own without answers, whose machine is measured by the first climb and known to the others. Prints
every step's prediction, when the climb began and right before the step, and how many times as long as the latter it took; and the
share of steps, weighed by the seconds that they took, that stayed within a factor of 1.5 of the one and of the other.
"""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from rung.cli.commands.demo import task_file
from rung.cli.worlds import BASE, SEED, open_worlds
from rung.climb.climb import climb
from rung.progress import Silent
from rung.registry.documents import ClimbDocument
from rung.registry.home import Home, default_path, open_home
from rung.registry.predictions import Took
from rung.report.foreseen import in_all, name_of, said
from rung.task.load import load_task

WORK = Path("plan-benchmark")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="worked tasks, or paths of task files")
    parser.add_argument("--worlds", action="store_true")
    parser.add_argument("--processor", action="store_true")
    options = parser.parse_args()
    if options.processor:
        time.monotonic = time.process_time
    steps: list[Took] = []
    print("| task | step | said at first | said before | took, s | times as long |\n|---|---|---|---|---:|---:|", flush=True)
    with open_home(_fresh_home(default_path()), write=True) as home:
        for name, file in [*_tasks(options.names), *(_worlds(home) if options.worlds else [])]:
            document = climb(load_task(file, home.downloads), home, progress=Silent())
            for line in lines(name, document):
                print(line, flush=True)
            steps += [step for step in document.took if step.factor]
    took = sum(step.seconds for step in steps)
    right_before = sum(step.seconds for step in steps if not step.missed)
    at_first = sum(step.seconds for step in steps if not replace(step, predicted=step.first).missed)
    shares = [f"{within / max(took, 1e-9):.0%}" for within in (at_first, right_before)]
    print(f"\nOf {took:.0f} s in {len(steps)} steps within a factor of 1.5: {shares[0]} at first, {shares[1]} right before.")


def lines(name: str, document: ClimbDocument) -> Iterator[str]:
    """A line for each step that is long enough to tell, and one for all."""
    for step in [*document.took, in_all(document)]:
        if step.factor:
            title, missed = name_of(step, document), " *" if step.missed else ""
            told = f"{said(step.first)} | {said(step.predicted)}"
            yield f"| {name} | {title} | {told} | {step.seconds:.1f} | {step.factor:.2f}{missed} |"


def _tasks(names: Sequence[str]) -> list[tuple[str, Path]]:
    return [(name, Path(name) if Path(name).is_file() else task_file(name)) for name in names]


def _worlds(home: Home) -> list[tuple[str, Path]]:
    worlds = open_worlds()
    made = {name: worlds.WORLDS[name](SEED, worlds.Size()) for name in worlds.WORLDS}
    return [(name, world.write(home.path / "worlds" / name, BASE)) for name, world in made.items()]


def _fresh_home(known: Path) -> Path:
    """A home without climbs; what was downloaded and converted is taken from `known`."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    for folder in ("downloads", "bases"):
        (known / folder).mkdir(parents=True, exist_ok=True)
        (WORK / folder).symlink_to((known / folder).resolve())
    return WORK


if __name__ == "__main__":
    main()
