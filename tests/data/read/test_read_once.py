"""Within `read_once` the same rows are read once, and what is told of them is what a second reading would tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.data.load import load_examples
from rung.data.read import source as reading
from rung.data.read.source import Source, read_once, read_rows
from rung.data.shapes.columns import Columns

ROWS = "".join(f"q{n},{'' if n % 5 == 0 else 'a'}\n" for n in range(40))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files whose rows were read, one entry for each time."""
    seen: list[str] = []
    real = reading.open_located
    monkeypatch.setattr(reading, "open_located", lambda found, *rest: (seen.append(found.shown), real(found, *rest))[1])
    return seen


@pytest.fixture
def once() -> Iterator[None]:
    with read_once():
        yield


def source(folder: Path, name: str = "rows.csv", **settings: object) -> Source:
    columns = Columns(input="asked", target="said")
    return Source(reference=name, base_folder=folder, downloads=folder, columns=columns, **settings)  # type: ignore[arg-type]


def file(folder: Path, rows: str = ROWS) -> Path:
    path = folder / "rows.csv"
    path.write_text("asked,said\n" + rows, "utf-8")
    return path


def test_it_is_read_once_and_gives_the_same(tmp_path: Path, opened: list[str], once: None) -> None:
    file(tmp_path)
    first, second = (load_examples(source(tmp_path, where={"said": "not empty"})) for _ in range(2))
    assert first == second
    assert len(first.examples) == 32
    assert len(opened) == 1


def test_without_it_every_reading_is_its_own(tmp_path: Path, opened: list[str]) -> None:
    file(tmp_path)
    for _ in range(2):
        read_rows(source(tmp_path))
    assert len(opened) == 2


def test_other_rows_are_read_anew(tmp_path: Path, opened: list[str], once: None) -> None:
    path = file(tmp_path)
    assert len(read_rows(source(tmp_path)).rows) == 40
    assert len(read_rows(source(tmp_path, limit=7)).rows) == 7
    assert len(read_rows(source(tmp_path, where={"said": "not empty"})).rows) == 32
    file(tmp_path, ROWS + "one more,a\n")
    os.utime(path, ns=(1, 1))
    assert len(read_rows(source(tmp_path, where={"said": "not empty"})).rows) == 33
    assert len(opened) == 4


def test_another_folder_calls_the_rows_by_another_name(tmp_path: Path, opened: list[str], once: None) -> None:
    (tmp_path / "data").mkdir()
    file(tmp_path / "data")
    near = load_examples(source(tmp_path / "data", where={"said": "not empty"}))
    far = load_examples(source(tmp_path, "data/rows.csv", where={"said": "not empty"}))
    assert (near.examples[0].source, far.examples[0].source) == ("rows.csv:3", "data/rows.csv:3")
    assert len(opened) == 1


def test_bad_rows_are_told_under_their_own_name_and_not_twice(tmp_path: Path, opened: list[str], once: None) -> None:
    (tmp_path / "data").mkdir()
    file(tmp_path / "data", ROWS.replace(",\n", ",a\n") + "too,many,fields\n")
    near = [load_examples(source(tmp_path / "data")).findings[0] for _ in range(2)]
    assert near[0] == near[1]
    assert near[0].count == 1
    far = load_examples(source(tmp_path, "data/rows.csv")).findings[0]
    assert far.places == ("data/rows.csv:42",)
    assert len(opened) == 2


def test_a_bad_row_that_is_to_be_left_out_is_no_bad_row(tmp_path: Path, once: None) -> None:
    file(tmp_path, ROWS.replace(",\n", ",a\n") + "too,many,fields\n")
    assert load_examples(source(tmp_path)).findings
    assert not load_examples(source(tmp_path, leave_out=("rows.csv:42",))).findings
