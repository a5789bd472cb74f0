"""Large files, made from a seed: what `rung init`, and then the reading of its task, need for each, in seconds and in memory.

    python benchmarks/first_contact.py --sizes               all of them, in a folder that is removed
    python benchmarks/first_contact.py --sizes 999 wide      these only

Seconds are those of the processor, user and system together, of the whole command: what else runs on the machine counts less than
in seconds of a clock. Memory is the most that was resident.
"""

from __future__ import annotations

import csv
import os
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

SEED = 10
COLUMNS_OF_WIDE = 30
READ = "import sys, pathlib, rung.task.load as load; load.read_task(pathlib.Path(sys.argv[1]), pathlib.Path())"
Cells = Sequence[str]

SOUNDS = ("ba", "der", "kin", "lo", "mar", "nes", "pol", "ri", "sta", "tur", "ve", "wen", "shi", "ga", "col", "fen")
SMALL = ("the", "a", "of", "to", "in", "and", "is", "that", "for", "it", "with", "was", "on", "be", "this", "had", "not", "are")
TEAMS = ("billing", "delivery", "repairs", "returns", "accounts")


def measured(names: Sequence[str]) -> Iterator[str]:
    """The lines of a table, one for each file."""
    yield "| file | size | `rung init` | memory | reading the task | memory |\n|---|---|---|---|---|---|"
    for name in names or SIZES:
        with tempfile.TemporaryDirectory() as folder:
            yield _line(name, Path(folder))


def _line(name: str, folder: Path) -> str:
    header, rows, count = SIZES[name]
    file, task = folder / "rows.csv", folder / "task.yaml"
    _write(file, header, rows, count)
    shown = [f"{count:,} rows, {len(header)} columns: {name}", f"{file.stat().st_size / 1e6:,.0f} MB"]
    init = ["-m", "rung", "init", str(file), "--target", TARGETS[header[1]], "--out", str(task)]
    for arguments in (init, ["-c", READ, str(task)]):
        seconds, megabytes = _ran(arguments, folder)
        shown += [f"{seconds:.1f} s", f"{megabytes:,.0f} MB"]
    return f"| {' | '.join(shown)} |"


def _ran(arguments: Sequence[str], folder: Path) -> tuple[float, float]:
    """Seconds of the processor and megabytes of one command."""
    child = os.fork()
    if not child:
        os.environ["RUNG_HOME"] = str(folder / "home")
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.execv(sys.executable, [sys.executable, *arguments])
    _, status, used = os.wait4(child, 0)
    if status:
        raise SystemExit(f"{' '.join(arguments)} ended with {os.waitstatus_to_exitcode(status)}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss * 1024 / 1e6


def _write(file: Path, header: Cells, rows: Callable[[random.Random, int], Cells], count: int) -> None:
    chance = random.Random(SEED)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(header)
        writer.writerows(rows(chance, place) for place in range(count))


def _vocabulary() -> list[str]:
    chance = random.Random(SEED)
    return sorted({"".join(chance.choices(SOUNDS, k=chance.randint(1, 3))) for _ in range(6000)})


WORDS = _vocabulary()


def _sentence(chance: random.Random, least: int, most: int) -> str:
    """Words as uneven as those of a language: few of them make up half of what is said."""
    words = [
        chance.choice(SMALL) if chance.random() < 0.4 else WORDS[int(len(WORDS) * chance.random() ** 3)]
        for _ in range(chance.randint(least, most))
    ]
    return " ".join(words).capitalize() + "."


def _answered(chance: random.Random, place: int) -> Cells:
    question = _sentence(chance, 8, 20)[:-1] + "?"
    return f"Q-{place}", question, " ".join(_sentence(chance, 8, 20) for _ in range(3)), chance.choice(TEAMS)


def _ticket(chance: random.Random, place: int) -> Cells:
    team = chance.choice(TEAMS)
    day = f"2024-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    text = f"{_sentence(chance, 6, 25)} It is about {team}. {_sentence(chance, 4, 12)}"
    return f"T-{place}", day, f"user{chance.randrange(40_000)}@example.org", text, team


def _wide(chance: random.Random, place: int) -> Cells:
    numbers = [str(chance.randint(0, 9999)) if column % 2 else f"{chance.random():.4f}" for column in range(COLUMNS_OF_WIDE - 5)]
    return *_ticket(chance, place), *numbers


TICKETS = ("id", "opened", "customer", "text", "team")
TARGETS = {"question": "answer", "opened": "team"}
SIZES: Mapping[str, tuple[Cells, Callable[[random.Random, int], Cells], int]] = {
    "999": (("id", "question", "answer", "team"), _answered, 999),
    "100k": (TICKETS, _ticket, 100_000),
    "100k-text": (("id", "question", "answer", "team"), _answered, 100_000),
    "wide": ((*TICKETS, *(f"measure_{place}" for place in range(COLUMNS_OF_WIDE - 5))), _wide, 100_000),
    "million": (TICKETS, _ticket, 1_000_000),
}
