"""A RUNG_HOME with something to lose, a task that is sound but for one thing, and a command line that must refuse."""

from __future__ import annotations

import csv
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from rung.cli.app import run
from rung.registry.home import open_home
from rung.registry.names import Evidence
from rung.types import Answer, Candidate, Row, Run, Score

Edit = Callable[[dict[str, Any]], object]
TABLES = ("tasks", "candidates", "runs", "looks", "names", "facts", "climbs", "leases", "answers")


def contents(home: Path) -> dict[str, Any]:
    """Everything that a RUNG_HOME knows, and the files it keeps."""
    with sqlite3.connect(f"file:{home / 'registry.db'}?mode=ro", uri=True) as database:
        tables = {name: database.execute(f"SELECT * FROM {name}").fetchall() for name in TABLES}
    return {**tables, "files": files(home / "blobs") + files(home / "reports") + files(home / "climbs")}


def files(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def home(home: Path) -> Path:
    """With one registered Candidate, its Run and its answers."""
    candidate = Candidate(rung="r1_prompt", base="pip:llm@sha256:00", prompt="Say yes or no.")
    scored = Row(example="e", group="g", answer=Answer(text="yes"), scores={"quality": Score(value=1.0)})
    with open_home(write=True) as opened:
        opened.candidates.add(candidate, "t" * 64)
        opened.runs.add(Run(candidate=candidate.id, task="t" * 64, split="dev", rows=(scored,)))
        opened.answers.store(candidate.id, {"d": Answer(text="yes")})
        opened.names.register("kept", candidate.id, Evidence(climb="c0ffee"))
    return home


@dataclass
class Refusal:
    """Runs a command that must fail: in words on standard error, with nothing half-written and nothing lost."""

    home: Path
    folder: Path
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str, code: int = 2) -> str:
        before = contents(self.home)
        self.capsys.readouterr()
        assert run(list(arguments)) == code
        said = self.capsys.readouterr()
        assert said.out == ""
        _progress, begins, words = f"\n{said.err}".rpartition("\nrung: ")
        assert begins, said.err
        assert "Traceback" not in said.err
        assert "fault in rung" not in said.err
        assert contents(self.home) == before
        assert not list(self.folder.rglob(".*")), "nothing half made stays"
        return f"rung: {words}"


@pytest.fixture
def refused(home: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> Refusal:
    return Refusal(home, folder, capsys)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with messages.csv: 240 rows of which nothing is wrong."""
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    with (place / "messages.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("text", "tone"), *rows()])
    return place


def rows(count: int = 240) -> list[tuple[str, str]]:
    return [(f"message {n}: {'love' if n % 2 else 'broken'}", "positive" if n % 2 else "negative") for n in range(count)]


@pytest.fixture
def task(folder: Path, tiny_base: Path) -> Callable[..., str]:
    """Writes task.yaml, sound but for what `edit` does to it."""

    def write(edit: Edit = lambda _: None) -> str:
        content: dict[str, Any] = {
            "name": "toy",
            "base": str(tiny_base),
            "instruction": "Is the message positive or negative?",
            "data": {
                "examples": "messages.csv",
                "columns": {"input": "text", "target": "tone"},
                "split": {"train": 60, "dev": 40, "test": 140},
            },
            "quality": {"scorer": "choice", "at_least": 0.8},
        }
        edit(content)
        (folder / "task.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
        return "task.yaml"

    return write
