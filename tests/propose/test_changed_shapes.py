"""The files of first contact with their shape changed: `rung init` reads the same rows, or says what changed.

A few changes a file are drawn from a seed; RUNG_ALL_CHANGES=1 tries every change on every file.
"""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rung.data.inferred import Inference
from rung.data.read.recognise.recognise import recognise
from rung.data.read.source import Read, Source, read_rows
from rung.errors import UserError
from rung.propose.profile import Profile, look_at

CORPUS = Path(__file__).parents[3] / "shared" / "first_contact"
EVERY = bool(os.environ.get("RUNG_ALL_CHANGES"))
DRAWN = 4
SUFFIXES = (".csv", ".tsv", ".json", ".jsonl")


def _made() -> ModuleType | None:
    file = CORPUS / "make.py"
    spec = importlib.util.spec_from_file_location("changed_shapes_make", file) if file.exists() else None
    if spec is None or spec.loader is None:
        return None
    module = importlib.util.module_from_spec(spec)
    sys.modules["changed_shapes_make"] = module
    spec.loader.exec_module(module)
    return module


MADE = _made()
CASES = json.loads((CORPUS / "cases.json").read_text("utf-8")) if MADE else {}
ACCEPTED = sorted(name for name, want in CASES.items() if not want["refuse"] and want["file"].endswith(SUFFIXES))


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What a file of the corpus holds; `names` None where it has no header."""

    objects: Sequence[Mapping[str, Any]]
    names: Sequence[str] | None

    def table(self) -> list[list[str]]:
        body = [list(row.values()) for row in self.objects]
        return [list(self.names), *body] if self.names else body


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A file of another shape; `bad` rows were put in, `said` is what must be said about the change."""

    name: str
    data: bytes
    bad: int = 0
    said: str = ""


def written(table: Sequence[Sequence[str]], delimiter: str = ",", end: str = "\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(table)
    return out.getvalue()


def as_file(text: str, encoding: str = "utf-8", name: str = "changed.csv", **more: Any) -> Changed:
    return Changed(name=name, data=text.encode(encoding), **more)


def flat(rows: Rows, *marks: str) -> bool:
    """Whether no cell holds a line break, or one of the marks."""
    return not any(mark in cell for line in rows.table() for cell in line for mark in ("\n", "\r", *marks))


def bad_row(rows: Rows, rng: random.Random) -> Changed:
    table = rows.table()
    table.insert(rng.randrange(5, len(table)), [*["odd"] * (len(table[0]) + 2)])
    return as_file(written(table), bad=1)


def raw_quotes(rows: Rows, rng: random.Random) -> Changed | None:
    """A table without quotes, where tabs may part the fields."""
    lines = ["\t".join(cells) + "\n" for cells in rows.table()]
    return as_file("".join(lines), name="changed.tsv") if flat(rows, "\t") else None


def open_quote(rows: Rows, rng: random.Random) -> Changed | None:
    lines = [",".join(cells) + "\n" for cells in rows.table()]
    lines.insert(rng.randrange(5, len(lines)), '"never closed,' + "x," * (len(rows.table()[0])) + "\n")
    return as_file("".join(lines), bad=1) if flat(rows, ",", '"') else None


def put_together(rows: Rows, rng: random.Random) -> Changed | None:
    table = rows.table()
    at = rng.randrange(5, len(table))
    return as_file(written([*table[:at], table[0], *table[at:]]), said="names of the columns again") if rows.names else None


def numbered(rows: Rows, rng: random.Random) -> Changed | None:
    table = [["", *rows.table()[0]], *([str(at), *cells] for at, cells in enumerate(rows.table()[1:]))]
    return as_file(written(table), said="takes no part") if rows.names else None


def in_encoding(encoding: str) -> Callable[[Rows, random.Random], Changed | None]:
    def change(rows: Rows, _: random.Random) -> Changed | None:
        text = written(rows.table())
        try:
            data = text.encode(encoding)
        except UnicodeEncodeError:
            return None
        return Changed(name="changed.csv", data=data, said="" if text.isascii() or encoding.startswith("utf-16") else "a guess")

    return change


TABLE_CHANGES: dict[str, Callable[[Rows, random.Random], Changed | None]] = {
    "semicolons": lambda rows, _: as_file(written(rows.table(), ";")),
    "tabs": lambda rows, _: as_file(written(rows.table(), "\t"), name="changed.tsv"),
    "bars": lambda rows, _: as_file(written(rows.table(), "|"), name="changed.txt"),
    "windows": lambda rows, _: as_file(written(rows.table(), end="\r\n"), "utf-8-sig"),
    "old mac": lambda rows, _: as_file(written(rows.table(), end="\r")) if flat(rows) else None,
    "blank lines": lambda rows, _: as_file(written(rows.table(), end="\n\n")),
    "title": lambda rows, _: as_file("All that we have\n\n" + written(rows.table()), said="above the table"),
    "sep": lambda rows, _: as_file("sep=;\r\n" + written(rows.table(), ";", "\r\n")),
    "empty columns": lambda rows, _: as_file(written([[*cells, "", ""] for cells in rows.table()])),
    "bad row": bad_row,
    "raw quotes": raw_quotes,
    "open quote": open_quote,
    "put together": put_together,
    "numbered": numbered,
    "utf-16": in_encoding("utf-16"),
    "cp1252": in_encoding("cp1252"),
    "cp1251": in_encoding("cp1251"),
}


def as_lines(rows: Rows) -> list[str]:
    return [json.dumps(row, ensure_ascii=False) for row in rows.objects]


JSON_CHANGES: dict[str, Callable[[Rows, random.Random], Changed | None]] = {
    "lines": lambda rows, _: as_file("\n".join(as_lines(rows)), name="changed.json"),
    "list": lambda rows, _: as_file(json.dumps(rows.objects), name="changed.jsonl"),
    "indented": lambda rows, _: as_file(json.dumps(rows.objects, indent=2), name="changed.json"),
    "one line": lambda rows, _: as_file("".join(as_lines(rows)), name="changed.jsonl"),
    "commas": lambda rows, _: as_file(",\n".join(as_lines(rows)), name="changed.jsonl"),
    "blank lines": lambda rows, _: as_file("\r\n\r\n".join(as_lines(rows)), "utf-8-sig", "changed.jsonl"),
    "utf-16": lambda rows, _: as_file("\n".join(as_lines(rows)), "utf-16", "changed.jsonl"),
    "text": lambda rows, _: as_file("\n".join(as_lines(rows)), name="changed.txt"),
    "python": lambda rows, _: as_file("\n".join(map(repr, rows.objects)), name="changed.jsonl", said="as Python"),
    "python list": lambda rows, _: as_file(repr(list(rows.objects)), name="changed.json", said="as Python"),
    "cut row": lambda rows, _: as_file("\n".join([*as_lines(rows), as_lines(rows)[0][:-9], ""]), name="changed.jsonl", bad=1),
}


@dataclass(frozen=True, kw_only=True)
class Seen:
    read: Read
    inferences: tuple[Inference, ...]
    names: Sequence[str] | None
    table: bool


def seen(path: Path) -> Seen:
    found = recognise(path)
    source = Source(
        reference=path.name, base_folder=path.parent, downloads=path.parent, layout=found.layout, encoding=found.encoding
    )
    read = read_rows(source)
    names = list(read.rows[0].row) if found.layout.header else None
    return Seen(read=read, inferences=found.inferences, names=names, table=path.suffix in (".csv", ".tsv"))


def objects(read: Read, names: Sequence[str] | None) -> list[dict[str, Any]]:
    """The rows; of a table, its own columns alone."""
    return [{name: row.get(name) for name in names} if names else dict(row) for _, row in read.rows]


def drawn(name: str, changes: Mapping[str, Any]) -> list[str]:
    return list(changes) if EVERY else random.Random(name).sample(list(changes), DRAWN)


@pytest.mark.skipif(MADE is None, reason="the corpus is not beside the project")
@pytest.mark.parametrize("name", ACCEPTED)
def test_the_same_rows_in_another_shape(name: str, tmp_path: Path) -> None:
    assert MADE is not None
    MADE.make(tmp_path, [name])
    path = tmp_path / name / CASES[name]["file"]
    first = seen(path)
    own = objects(first.read, None)
    rows = Rows(objects=own, names=first.names if first.table else None)
    changes = TABLE_CHANGES if first.table else JSON_CHANGES
    faults = []
    for change in drawn(name, changes):
        made = changes[change](rows, random.Random(name + change))
        if made is not None:
            faults += [f"{change}: {fault}" for fault in faults_of(made, own, first, tmp_path)]
    assert faults == []


def faults_of(made: Changed, own: list[dict[str, Any]], first: Seen, folder: Path) -> list[str]:
    """Which rows are not what they were, and what is not said."""
    (folder / made.name).write_bytes(made.data)
    try:
        now = seen(folder / made.name)
    except UserError as error:
        return [f"refused: {error.message}"]
    faults = []
    if (got := objects(now.read, list(own[0]) if first.table else None)) != own:
        at = next((at for at, (a, b) in enumerate(zip(got, own, strict=False)) if a != b), min(len(got), len(own)))
        faults.append(f"{len(got)} rows, not {len(own)}; from {at}: {got[at : at + 1]}, not {own[at : at + 1]}")
    if now.read.problems.count != first.read.problems.count + made.bad:
        faults.append(f"{now.read.problems.count} bad rows: {now.read.problems.first[:2]}")
    if made.said not in "\n".join(inference.line() for inference in now.inferences):
        faults.append(f"'{made.said}' is not said")
    return faults


TABLES = [name for name in ACCEPTED if CASES[name]["file"].endswith((".csv", ".tsv"))]
ROW_CHANGES = ("header gone", "swapped", "renamed", "twice")


@pytest.mark.skipif(MADE is None, reason="the corpus is not beside the project")
@pytest.mark.parametrize("name", TABLES if EVERY else random.Random(1).sample(TABLES, min(len(TABLES), 6)))
def test_the_same_question_with_other_columns(name: str, tmp_path: Path) -> None:
    assert MADE is not None
    MADE.make(tmp_path, [name])
    path = tmp_path / name / CASES[name]["file"]
    first = seen(path)
    try:
        profile = look_at(path)
    except UserError as error:
        pytest.skip(f"refused: {error.problem}")
    rows = Rows(objects=objects(first.read, None), names=first.names)
    faults = []
    for change in ROW_CHANGES if EVERY else (random.Random(name).choice(ROW_CHANGES),):
        (tmp_path / "changed.csv").write_text(written(with_columns(rows, change)), "utf-8")
        try:
            now = look_at(tmp_path / "changed.csv")
        except UserError as error:
            faults += [] if error.hint else [f"{change}: refused without a way on: {error.message}"]
            continue
        faults += [f"{change}: {fault}" for fault in differences(change, profile, now, rows)]
    assert faults == []


def with_columns(rows: Rows, change: str) -> list[list[str]]:
    table = rows.table()
    if change == "header gone":
        return table[1:] if rows.names else table
    if change == "swapped":
        return [cells[::-1] for cells in table]
    if change == "renamed":
        return [[f"field_{'abcdefghijklmnopqrstuvw'[at]}" for at in range(len(table[0]))], *table[1:]] if rows.names else table
    return [*table, *(table[1:] if rows.names else table)]


def differences(change: str, before: Profile, now: Profile, rows: Rows) -> list[str]:
    """Where another reading was taken without a word."""
    faults = []
    again = 2 if change == "twice" else 1
    if now.rows != again * len(rows.objects):
        faults.append(f"{now.rows} rows, not {again * len(rows.objects)}")
    said = "\n".join(inference.line() for inference in now.inferences if inference.aloud)
    if change == "header gone" and rows.names and "no header" not in said:
        faults.append("it is not said that there is no header")
    targets = [Counter(json.dumps(row.target, sort_keys=True) for row in profile.examples) for profile in (before, now)]
    kept, taken = (set(profile.columns.targets()) for profile in (before, now))
    if change in ("swapped", "twice") and rows.names and kept != taken and not all(name in said for name in kept):
        faults.append(f"the answers are {now.columns.target}, not {before.columns.target}, which is not named")
    if change == "twice" and targets[0] != targets[1]:
        faults.append("rows that stand twice are counted twice")
    if change == "header gone" and set(targets[0]) != set(targets[1]) and "target: " not in said:
        faults.append(f"the answers are others ({now.columns.target}), without a word")
    if change == "renamed" and not any(inference.about == "target" for inference in now.inferences):
        faults.append("it is not said why a column is the answer")
    return faults
