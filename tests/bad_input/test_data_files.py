"""Data files that are missing, empty, binary, cut off, in another encoding, endless; rows that are wrong."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.data.load import load_examples
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns

GOOD = {"prompt": "2 + 2?", "completion": "4"}
COLUMNS = b"text,tone\n"
TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}


def reads(name: str, columns: bool = True) -> Callable[[dict[str, Any]], None]:
    """The task's data file is another; without `columns` its rows say themselves what is what."""

    def edit(content: dict[str, Any]) -> None:
        content["data"]["examples"] = name
        if not columns:
            del content["data"]["columns"]

    return edit


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("mesages.csv", None, ("mesages.csv: no such file", "Did you mean 'messages.csv'?")),
        ("no/rows.csv", None, ("rows.csv: no such file", "does not exist either")),
        ("rows.csv", b"", ("rows.csv: the file is empty", "at least one row")),
        ("rows.csv", b" \n \n", ("rows.csv: the file holds only blanks",)),
        ("rows.csv", COLUMNS, ("rows.csv: no row is left to use",)),
        ("rows.csv", COLUMNS + bytes(range(32)) * 50, ("rows.csv: the file is binary: byte 10 is zero", "Save the rows as CSV")),
        (
            "rows.csv",
            b"PK\x03\x04" + b"x" * 90,
            ("rows.csv: the zip archive is damaged or cut off", "Fetch or pack it again"),
        ),
        ("rows.parquet", b"PAR1 and nothing more", ("rows.parquet: not a whole Parquet file", "Write or fetch it again")),
        (
            "rows.csv",
            COLUMNS + b'"hello, you,positive\nworld,negative\n',
            ("rows.csv:2: ",),
        ),
        ("rows.csv", COLUMNS + b"a,positive\nb\n", ("rows.csv:3: 1 fields where the header names 2",)),
        ("rows.csv.gz", gzip.compress(COLUMNS + os.urandom(9000))[:-4000], ("rows.csv.gz: the gzip file is broken or cut off",)),
        ("rows.csv.gz", gzip.compress(b"", mtime=0), ("rows.csv.gz: the gzip file holds nothing",)),
    ],
)
@pytest.mark.parametrize("command", ["climb", "init"])
def test_a_table(refused, task, folder: Path, command: str, name: str, content: bytes | None, words: tuple[str, ...]) -> None:
    if content is not None:
        (folder / name).write_bytes(content)
    path = task(reads(name))
    said = refused("climb", path) if command == "climb" else refused("init", name, "--out", "new.yaml")
    for word in words:
        assert word in said
    assert not (folder / "new.yaml").exists()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("rows.jsonl", json.dumps(GOOD) + "\n" + json.dumps(GOOD)[:-5], ("rows.jsonl:2: the JSON is cut off",)),
        ("rows.jsonl", json.dumps(GOOD) + "\n{oops}\n", ("rows.jsonl:2: not JSON", "Mend or remove these rows")),
        ("rows.json", f"[{json.dumps(GOOD)},\n{json.dumps(GOOD)}\n", ("rows.json:3: the JSON array is cut off",)),
        ("rows.jsonl", '{"prompt": "a", "completion": NaN}\n', ("rows.jsonl:1: ",)),
        (
            "rows.jsonl",
            json.dumps(GOOD) + '\n{"prompt": "a", "completion": {"n": -Infinity}}\n',
            ("rows.jsonl:2: -Infinity is not JSON",),
        ),
        ("rows.jsonl", '{"prompt": "a", "completion": {"n": 1e999}}\n', ("rows.jsonl:1: the row cannot be written as JSON",)),
        ("rows.jsonl", '{"prompt": "a", "prompt": "b", "completion": "c"}\n', ("rows.jsonl:1: the key 'prompt' stands twice",)),
        ("rows.json", f"[{json.dumps(GOOD)},\n" + '{"prompt": {"a": 1, "a": 2}}]', ("rows.json:2: the key 'a' stands twice",)),
    ],
)
@pytest.mark.parametrize("command", ["climb", "init"])
def test_json(refused, task, folder: Path, command: str, name: str, content: str, words: tuple[str, ...]) -> None:
    (folder / name).write_text(content)
    path = task(reads(name, columns=False))
    said = refused("climb", path) if command == "climb" else refused("init", name, "--out", "new.yaml")
    for word in words:
        assert word in said


def test_another_encoding_names_the_byte_and_what_to_write(refused, task, folder: Path) -> None:
    rows = (folder / "messages.csv").read_text() + "le café est froid,negative\n"
    (folder / "rows.csv").write_bytes(rows.encode("cp1252"))
    said = refused("climb", task(reads("rows.csv")))
    assert "rows.csv:242: byte 0xe9 (byte " in said
    assert "is not utf-8\n  Re-save the file as UTF-8, or name its encoding: data.encoding: cp1252" in said


def test_an_encoding_that_nobody_knows(refused, task) -> None:
    said = refused("climb", task(lambda content: content["data"].update(encoding="utf-9")))
    assert "task.yaml:13: 'utf-9' is no known encoding\n  Did you mean 'utf-8'?" in said


def test_ten_million_lines(refused, task, folder: Path) -> None:
    """Ten million real lines, packed: gzip files stand one after another. They end at the first row too many."""
    lines = "".join(json.dumps({"prompt": f"question {n}", "completion": str(n % 2)}) + "\n" for n in range(100_000))
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress(lines.encode(), 1) * 100)
    said = refused("climb", task(reads("rows.jsonl.gz", columns=False)))
    assert "rows.jsonl.gz: more than 1,000,000 rows, which would have to fit in memory" in said
    assert "Set data.limit" in said


def test_duplicate_ids_name_both_lines(refused, task, folder: Path) -> None:
    (folder / "rows.csv").write_text("text,tone,id\na,positive,7\nb,negative,8\nc,positive,7\n")

    def edit(content: dict[str, Any]) -> None:
        content["data"] |= {"examples": "rows.csv", "columns": {"input": "text", "target": "tone", "id": "id"}}

    said = refused("climb", task(edit))
    assert "rows.csv: 1 row cannot be used\n  rows.csv:4: the id '7' stands at line 2 already" in said
    assert "Mend or remove these rows" in said


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        (
            {"scorer": "choice", "choices": ["positive", "neutral"]},
            "messages.csv:2: the target 'negative' is not one of the choices",
        ),
        ({"scorer": "numeric"}, "messages.csv:2: the target 'negative' is not a number"),
    ],
)
def test_a_target_that_the_scorer_could_never_match(refused, task, scorer: dict[str, Any], words: str) -> None:
    said = refused("climb", task(lambda content: content.update(quality={**scorer, "at_least": 0.8})))
    assert f"of 240 rows could never be scored as right by '{scorer['scorer']}'" in said
    assert words in said
    assert "choose another scorer" in said


@pytest.mark.parametrize(
    ("scorer", "words"),
    [
        ({"scorer": "json_fields", "fields": {"tone": "exact"}}, "no target is a JSON object"),
        ({"scorer": "tool_call"}, "no target is a function call, so that every answer without one would be right"),
    ],
)
def test_targets_of_another_kind_altogether(refused, task, scorer: dict[str, Any], words: str) -> None:
    said = refused("climb", task(lambda content: content.update(quality={**scorer, "at_least": 0.8})))
    assert f"task.yaml:13: {words}" in said
    assert "\n  Use " in said


def test_a_call_to_a_tool_that_is_not_there(refused, task, folder: Path) -> None:
    row = {"question": "Weather in Rome?", "tools": [TOOL], "target": [{"name": "wether", "arguments": {"city": "Rome"}}]}
    lines = [json.dumps({**row, "question": f"{n} {row['question']}"}) + "\n" for n in range(60)]
    (folder / "rows.jsonl").write_text("".join(lines))

    def edit(content: dict[str, Any]) -> None:
        content["data"] = {"examples": "rows.jsonl"}
        content["quality"] = {"scorer": "tool_call", "at_least": 0.5}

    said = refused("climb", task(edit))
    assert "60 of 60 rows could never be scored as right by 'tool_call'" in said
    assert "wether" in said


def test_init_reads_what_climb_needs_to_be_told(folder: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another encoding and gzip are no fault where they can be seen."""
    from rung.cli.app import run
    from rung.task.load import load_task

    rows = (folder / "messages.csv").read_text() + "le café est froid,negative\n"
    (folder / "rows.csv.gz").write_bytes(gzip.compress(rows.encode("cp1252")))
    assert run(["init", "rows.csv.gz"]) == 0
    assert "encoding: cp1252" in (folder / "task.yaml").read_text("utf-8")
    asked = [row.messages[0]["content"] for row in load_task(Path("task.yaml"), home / "downloads").examples]
    assert "le café est froid" in asked


def test_rows_left_out_by_their_ids(folder: Path, tmp_path: Path) -> None:
    source = Source(
        reference="messages.csv",
        base_folder=folder,
        downloads=tmp_path,
        columns=Columns(input="text", target="tone"),
        leave_out=["messages.csv:2", "messages.csv:241"],
    )
    loaded = load_examples(source)
    assert len(loaded.examples) == 238
    assert {row.id for row in loaded.examples}.isdisjoint(source.leave_out)
    assert loaded.skipped == {"left out by its id": 2}


def test_an_id_to_leave_out_that_no_row_has(refused, task) -> None:
    said = refused("climb", task(lambda content: content["data"].update(leave_out=["messages.csv:2", "row 7"])))
    assert "no row has the id 'row 7'" in said
    assert "A row's id is its own, or file:line; here for example 'messages.csv:2'." in said
    assert "task.yaml:" in said
