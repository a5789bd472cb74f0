"""What an answer costs, and what it scores, with rows that every question is shown beside rows that are nearest to each.

    python benchmarks/demonstrations.py [TASK.yaml] [--rows 150] [--numbers 4 16] [--rounds 2]

The instruction with its output constrained answers the same dev rows (of the tone task, unless another is named) without
demonstrations, with each number of shared ones, of the nearest, and of the nearest behind the smallest shared set, all in turn in
one process, each round with nothing known. Told is the least of the rounds' processor seconds, as a multiple of that without
demonstrations; and what a shared token, which is read once, costs beside one that is read at every answer.
Needs RUNG_HOME for the downloads.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from rung.engine.runtime import open_runtime
from rung.progress import Silent
from rung.registry.home import open_home
from rung.rungs.base import BuildContext
from rung.rungs.prompting import drawn_rows, forms, plain_candidate, with_nearest, with_shared
from rung.task.load import load_task
from rung.types import Candidate, Run, Task

TASK = Path(__file__).parents[1] / "tasks" / "tone" / "task.yaml"
PLAIN = "no demonstrations"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One form: its answers, and the least processor seconds that they took."""

    run: Run
    seconds: float

    def mean_of(self, name: str) -> float:
        """Prompt or cached tokens of an answer."""
        return sum(getattr(row.answer, name) or 0 for row in self.run.rows) / len(self.run.rows)


def sides(task: Task, numbers: list[int], context: BuildContext) -> dict[str, Candidate]:
    """What answers: the form with its output constrained, with each number of demonstrations."""
    found = forms(task, plain_candidate(task, context))
    plain = found.get("your instruction, output constrained", found["your instruction"])
    sets = {k: with_shared(task, plain, drawn_rows(task, k, 0, context), context) for k in numbers}
    shared = {f"{k} shared": candidate for k, candidate in sets.items()}
    nearest = {f"{k} nearest": with_nearest(task, plain, k, context) for k in numbers}
    least = min(numbers)
    both = {f"{least} shared, {least} nearest": with_nearest(task, sets[least], least, context)}
    return {PLAIN: plain} | shared | nearest | both


def answered(task: Task, context: BuildContext, chosen: argparse.Namespace) -> Mapping[str, Side]:
    """Every form on the same dev rows, in turn, `rounds` times."""
    found: dict[str, Side] = {}
    candidates = sides(task, chosen.numbers, context)
    context.measure(candidates[PLAIN], "dev", 2)
    for _ in range(chosen.rounds):
        for name, candidate in candidates.items():
            began = time.process_time()
            run = context.measure(candidate, "dev", chosen.rows)
            seconds = time.process_time() - began
            found[name] = Side(run=run, seconds=min(seconds, found[name].seconds if name in found else seconds))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", type=Path, nargs="?", default=TASK)
    parser.add_argument("--rows", type=int, default=150)
    parser.add_argument("--numbers", type=int, nargs="+", default=[4, 16])
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    with open_home() as known:
        task, downloads = load_task(chosen.task, known.downloads), known
    with TemporaryDirectory() as folder, open_home(Path(folder) / "home", write=True) as home:
        runtime = replace(open_runtime(downloads.path, home.blobs, prices=task.prices or None), cache=None)
        tried = answered(task, BuildContext(task, runtime, Path(folder) / "work", Silent()), chosen)
    plain = tried[PLAIN]
    rows = len(plain.run.rows)
    print(f"{task.name}, {rows} dev rows, {plain.seconds / rows * 1000:.0f} processor ms an answer without demonstrations")
    for name, side in tried.items():
        tokens, cached = side.mean_of("prompt_tokens"), side.mean_of("cached_tokens")
        cost, mean = side.seconds / plain.seconds, side.run.mean()
        print(f"{name:28} {cost:6.2f} times {tokens:7.0f} tokens, {cached:6.0f} of them known {mean or 0.0:8.1%}", flush=True)
    most = max(chosen.numbers)
    each = {
        name: (tried[name].seconds - plain.seconds) / (tried[name].mean_of("prompt_tokens") - plain.mean_of("prompt_tokens"))
        for name in (f"{most} shared", f"{most} nearest")
    }
    print(f"a shared token costs {each[f'{most} shared'] / each[f'{most} nearest']:.2f} of one that is read at every answer")


if __name__ == "__main__":
    main()
