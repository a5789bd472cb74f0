"""What the audit costs, and how long it takes to go back: `python benchmarks/promotion.py [--lines 2000]`.

Side by side in one run: moves of an alias with their signed line of the audit, against the same rows without one; the check of the
whole chain; `rung rollback` against a `rung` that does nothing (`rung --version`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

from rung.registry import tables
from rung.registry.db import now
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence
from rung.types import Candidate


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def moves(home: Home, count: int) -> None:
    for number in range(count):
        home.aliases.move("tone", "champion", 1 + number % 2, expected=None, kind="promote")


def bare_moves(home: Home, count: int) -> None:
    """The same transactions, each of one row."""
    for number in range(count):
        row = dict.fromkeys(("who", "reason", "receipt"), "") | {"name": "tone", "alias": "bare", "version": 1, "kind": "set"}
        with home._database.writing() as connection:
            connection.execute(insert(tables.alias_moves), row | {"generation": number, "created": now()})


def typed(home: Path, *words: str) -> float:
    environment = os.environ | {"RUNG_HOME": str(home)}
    command = [sys.executable, "-m", "rung", *words]
    return seconds(lambda: subprocess.run(command, env=environment, check=True, capture_output=True))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=2000)
    lines = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as folder:
        with open_home(folder, write=True) as home:
            for number in (1, 2):
                candidate = Candidate(rung="r1_prompt", base="b", prompt=str(number))
                home.candidates.add(candidate, "t")
                home.names.register("tone", candidate.id, Evidence(climb=str(number)))
            bare = seconds(lambda: bare_moves(home, lines)) / lines
            told = seconds(lambda: moves(home, lines)) / lines
            print(f"a move of an alias: {1000 * told:.2f} ms in the audit, {1000 * bare:.2f} ms without ({told / bare:.1f} times)")
            print(f"the chain of {lines:,} lines, its heads and rows: {seconds(home.integrity.faults):.2f} s")
        nothing = min(typed(Path(folder), "--version") for _ in range(5))
        back = min(_back(Path(folder)) for _ in range(5))
        print(f"rung rollback: {back:.2f} s; rung --version: {nothing:.2f} s")


def _back(folder: Path) -> float:
    with open_home(folder, write=True) as home:
        moves(home, 2)
    return typed(folder, "rollback", "tone")


if __name__ == "__main__":
    main()
