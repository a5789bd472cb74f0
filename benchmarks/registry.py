"""A home with 100,000 registered adapters: what it takes to resolve one by its alias, and to list those on a base or a split.

    python -P benchmarks/registry.py [--adapters 100000] [--home FOLDER] [--processor]

10 names have a version for each adapter's turn, so that names are many and long at once: 1,000 bases, 1,000 train splits, and an
alias on every name. Each figure is the median, and the slowest of 20, of a question asked anew of a home opened to read, in ms of
wall time, or with --processor of this process's processor time, where other work runs beside; what it has to come to is under 5 ms.
A home that --home names is kept, and used again.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rung.json_form import digest
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence
from rung.types import Candidate
from rung.verify.environment import environment

VERSIONS = 10  # of each name
BASES = DATA = 1000
TIMES = 20
BOUND_MS = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adapters", type=int, default=100_000)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--processor", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.home or Path(temporary)
        filled_s = fill(folder, options.adapters)
        machine = environment(0)["hardware"]
        print(f"{machine['processor']}, {machine['cores']} cores, load {os.getloadavg()[0]:.1f}")
        print(f"{options.adapters:,} adapters, filled in {filled_s:.0f} s")
        clock = time.process_time if options.processor else time.perf_counter
        with open_home(folder) as home:
            for what, found, milliseconds in ask(home, options.adapters, clock):
                middle, worst = statistics.median(milliseconds), max(milliseconds)
                verdict = "under" if middle < BOUND_MS else "NOT under"
                print(f"{what:<44} {found:>6,} found {middle:>8.2f} ms, slowest {worst:>8.2f}  {verdict} {BOUND_MS:g} ms")


def fill(folder: Path, adapters: int) -> float:
    """Registers what is not there yet; returns the seconds."""
    began = time.monotonic()
    with open_home(folder, write=True) as home:
        there = len(home.names.all())
        for first in range(there, adapters, 1000):
            with home.together():
                for number in range(first, min(first + 1000, adapters)):
                    register(home, number)
    return time.monotonic() - began


def register(home: Home, number: int) -> None:
    candidate = Candidate(
        rung="r4_adapter", base=base(number % BASES), template=digest("t"), prompt="Answer.", adapters=(digest(number),)
    )
    home.candidates.add(candidate, digest("task"))
    evidence = Evidence(
        climb=digest(["climb", number]), rung="r4_adapter", task=digest("task"), data={"train": data(number % DATA)}
    )
    name, _, version = home.names.register(f"name-{number // VERSIONS}", candidate.id, evidence).partition("@")
    home.aliases.move(name, "champion", int(version), expected=None, kind="promote")


def base(number: int) -> str:
    return f"hf:org/model-{number}@main@sha256:{digest(['base', number])}"


def data(number: int) -> str:
    return digest(["data", number])


def ask(home: Home, adapters: int, clock: Callable[[], float]) -> list[tuple[str, int, list[float]]]:
    names = [f"name-{turn * 487 % (adapters // VERSIONS)}" for turn in range(TIMES)]
    turns = [turn * 53 % BASES for turn in range(TIMES)]
    asked: dict[str, list[Callable[[], list[object]]]] = {
        "resolve name@champion to a Candidate": [lambda name=name: [home.candidates.get(f"{name}@champion")] for name in names],
        "resolve name@7 to a Candidate": [lambda name=name: [home.candidates.get(f"{name}@7")] for name in names],
        "resolve name@champion to its version": [lambda name=name: [home.names.find(f"{name}@champion")] for name in names],
        "list those on a base, by its digest": [lambda n=n: home.names.on(digest(["base", n])) for n in turns],
        "list those on a base, by its reference": [lambda n=n: home.names.on(base(n)) for n in turns],
        "list those on a train split, by its root": [lambda n=n: home.names.on(data(n)) for n in turns],
        "the history of an alias": [lambda name=name: home.aliases.history(name, "champion") for name in names],
    }
    return [timed(what, questions, clock) for what, questions in asked.items()]


def timed(what: str, questions: list[Callable[[], list[object]]], clock: Callable[[], float]) -> tuple[str, int, list[float]]:
    questions[0]()  # the first opens the file
    milliseconds, found = [], 0
    for question in questions:
        began = clock()
        found = len(question())
        milliseconds.append(1000 * (clock() - began))
    return what, found, milliseconds


if __name__ == "__main__":
    main()
