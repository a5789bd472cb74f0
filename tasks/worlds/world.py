"""What every world is made of: its rows, its documents or tools, its truth, and how it is written down as a task folder."""

import itertools
import json
import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rung.disk import whole, write_whole

# The base of a world whose model is the script beside this file.
SCRIPTED = "scripted"
# How often the scripted model is right without what it needs.
LUCK = 0.1
SPLITS = ("train", "dev", "test")
FOR_THE_SCRIPT = ("wrong", "evidence", "belief")
_BEGINNINGS = ("bal", "cor", "den", "fal", "gor", "hem", "jor", "kel", "lin", "mar", "nor", "pel", "ros", "sel", "tam", "vor")
_MIDDLES = ("a", "e", "i", "o", "u", "ama", "ele", "ini", "oro", "udi")
_ENDS = ("bek", "dan", "fin", "gar", "lock", "mont", "nis", "por", "rik", "sten", "tor", "vik", "wen", "zar")


@dataclass(frozen=True)
class Size:
    """Rows of each split."""

    train: int = 300
    dev: int = 60
    test: int = 120

    def splits(self) -> Iterator[str]:
        """The split of each row, train first."""
        return itertools.chain.from_iterable([name] * getattr(self, name) for name in SPLITS)

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(getattr(self, name) for name in SPLITS)


@dataclass(frozen=True, kw_only=True)
class World:
    """A task whose answer is known.

    cause     what the diagnosis must name
    passes    the rungs that can pass, the cheapest first
    needs     what the scripted model must find in what it is asked to be right: nothing, form, examples, document, tool, training
    rows      input, target, split, for some gold (documents) and calls; for the scripted model `wrong` answers, the `evidence` that
              it must see, and its `belief` where that has nothing to do with the target
    settings  of the rungs, for a language model
    """

    name: str
    cause: str
    passes: tuple[str, ...]
    needs: str
    instruction: str
    quality: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    documents: Mapping[str, str] = field(default_factory=dict)
    tools: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def rung(self) -> str | None:
        """The cheapest rung that can pass; None where none can."""
        return self.passes[0] if self.passes else None

    @property
    def bar(self) -> float:
        """The least mean score that passes."""
        return float(self.quality["at_least"])

    def truth(self, rung: str, skill: float) -> float:
        """The mean score that a rung truly has on the scripted model; of a linear model that can pass: 1."""
        if rung == "r0_linear":
            return float(rung in self.passes)
        return skill if rung in self.passes else LUCK

    def write(self, folder: Path, base: str, *, skill: float = 0.96, seed: int = 0, rungs: Mapping[str, Any] | None = None) -> Path:
        """The folder with task.yaml, rows.jsonl, docs/ and tools.py; returns the task file.

        A base that is SCRIPTED gets model.py and mind.json too; `skill` is then how often it is right where it finds what it needs.
        `rungs` replaces the world's own settings.
        """
        folder.mkdir(parents=True, exist_ok=True)
        _write_lines(folder / "rows.jsonl", [{key: row[key] for key in row if key not in FOR_THE_SCRIPT} for row in self.rows])
        self._write_documents(folder / "docs")
        if self.tools:
            write_whole(folder / "tools.py", self.tools)
        task = self._task(base, self.settings if rungs is None else rungs)
        if base == SCRIPTED:
            task |= {"base": self._write_model(folder, skill, seed)}
        path = folder / "task.yaml"
        write_whole(path, yaml.safe_dump(task, sort_keys=False, width=120))
        return path

    def _write_documents(self, folder: Path) -> None:
        if not self.documents:
            shutil.rmtree(folder, ignore_errors=True)
            return
        with whole(folder) as draft:
            draft.mkdir()
            for name, text in self.documents.items():
                (draft / name).write_text(text, "utf-8")

    def _task(self, base: str, rungs: Mapping[str, Any]) -> dict[str, Any]:
        known = [key for key in ("calls", "gold", "split") if key in self.rows[0]]
        task: dict[str, Any] = {
            "name": f"world-{self.name}",
            "base": base,
            "instruction": self.instruction,
            "data": {"examples": "rows.jsonl", "columns": {"input": "input", "target": "target"} | {key: key for key in known}},
            "quality": dict(self.quality),
            "rungs": dict(rungs),
        }
        if self.documents:
            task["knowledge"] = "docs/"
        if self.tools:
            task["tools"] = {"file": "tools.py", "recorded": "recorded.jsonl"} if base == SCRIPTED else {"file": "tools.py"}
        return task

    def _write_model(self, folder: Path, skill: float, seed: int) -> str:
        write_whole(folder / "model.py", Path(__file__).with_name("scripted.py").read_text("utf-8"))
        known = ("target", "calls", *FOR_THE_SCRIPT)
        rows = {row["input"]: {key: row[key] for key in known if key in row} for row in self.rows}
        if self.tools:
            # A process for each of thousands of calls would take longer than all else.
            results = [call | {"result": row["target"]} for row in self.rows for call in row["calls"]]
            _write_lines(folder / "recorded.jsonl", results)
        mind = {"needs": self.needs, "skill": skill, "luck": LUCK, "seed": seed, "rows": rows}
        write_whole(folder / "mind.json", json.dumps(mind))
        return f"scripted:{folder / 'model.py'}#answer"


def names(draw: random.Random, count: int) -> list[str]:
    """Different invented names."""
    every = [f"{a}{b}{c}".capitalize() for a in _BEGINNINGS for b in _MIDDLES for c in _ENDS]
    return draw.sample(every, count)


def others(draw: random.Random, choices: Sequence[str], right: str) -> list[str]:
    """Wrong answers, in random order."""
    wrong = [choice for choice in choices if choice != right]
    return draw.sample(wrong, len(wrong))


def _write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_whole(path, "".join(json.dumps(row) + "\n" for row in rows))
