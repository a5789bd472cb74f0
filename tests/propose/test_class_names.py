"""What numbers stand for: taken from what lies beside the data, else asked for."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rung.propose.class_names import name_classes, names_beside, place_for_names
from rung.types import Example

CLASSES = {"0": 30, "1": 20, "2": 10}
NAMES = {"0": "bad", "1": "fair", "2": "good"}
README = """---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: tone
    dtype:
      class_label:
        names:
          '0': bad
          '1': fair
          '2': good
---
# Tones
"""
INFO = {"features": {"text": {"dtype": "string"}, "tone": {"names": ["bad", "fair", "good"], "_type": "ClassLabel"}}}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("README.md", README),
        ("dataset_info.json", json.dumps(INFO)),
        ("dataset_infos.json", json.dumps({"default": INFO})),
        ("config.json", json.dumps({"id2label": NAMES, "model_type": "bert"})),
        ("labels.json", json.dumps({"bad": 0, "fair": 1, "good": 2})),
        ("label_map.json", json.dumps(["bad", "fair", "good"])),
        ("classes.txt", "bad\nfair\ngood\n"),
    ],
)
def test_names_are_found_beside_the_data(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content, "utf-8")
    assert names_beside(tmp_path / "data.csv", "tone", CLASSES) == (NAMES, file)


def test_a_list_may_count_from_one(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("bad\nfair\ngood\n", "utf-8")
    found, _ = names_beside(tmp_path / "data.csv", "tone", {"1": 4, "2": 4, "3": 4})
    assert found == {"1": "bad", "2": "fair", "3": "good"}


def test_names_in_a_parquet_file(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table({"text": ["a"], "tone": [0]}).replace_schema_metadata({"huggingface": json.dumps({"info": INFO})})
    parquet.write_table(table, tmp_path / "data.parquet")
    assert names_beside(tmp_path / "data.parquet", "tone", CLASSES) == (NAMES, "data.parquet")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("README.md", "no front matter"),
        ("README.md", "---\n: : [\n---\n"),
        ("dataset_info.json", "{broken"),
        ("dataset_info.json", json.dumps({"features": {"other": INFO["features"]["tone"]}})),
        ("classes.txt", "bad\nfair\n"),
        ("labels.json", json.dumps({"0": "bad", "1": "bad", "2": "good"})),
        ("config.json", "7"),
        ("classes.txt", "\xff\xfe"),
    ],
)
def test_what_says_nothing_of_all_values_is_left_alone(tmp_path: Path, file: str, content: str) -> None:
    (tmp_path / file).write_text(content, "latin-1")
    assert names_beside(tmp_path / "data.csv", "tone", CLASSES) == ({}, "")


def rows(values: list[str]) -> list[Example]:
    return [
        Example(id=str(n), messages=({"role": "user", "content": f"boat {n}"},), target=value, group=str(n))
        for n, value in enumerate(values)
    ]


def test_where_nothing_says_it_a_place_is_left(tmp_path: Path) -> None:
    found = name_classes(rows(["0", "1", "2"]), CLASSES, "tone", tmp_path / "data.csv")
    assert found.names == {}
    assert found.inferences[0].taken == "the classes are only numbers"
    assert "stand for" in found.inferences[0].because
    assert place_for_names(CLASSES) == "names: {0: ..., 1: ..., 2: ...}"
    stars = name_classes(rows(["1"]), dict.fromkeys("12345", 3), "stars", tmp_path / "data.csv")
    assert "a scale from 1 to 5" in stars.inferences[0].because


def test_names_reach_the_targets(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("bad\nfair\ngood\n", "utf-8")
    found = name_classes(rows(["0", "1", "2"]), CLASSES, "tone", tmp_path / "data.csv")
    assert [example.target for example in found.examples] == ["bad", "fair", "good"]
    words = name_classes(rows(["a", "b"]), {"a": 1, "b": 1}, "tone", tmp_path / "data.csv")
    assert (words.names, words.inferences) == ({}, ())
