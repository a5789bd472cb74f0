"""A task file is YAML 1.2, and what was written wins where text is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.errors import UserError
from rung.task.load import load_task
from rung.task.positions import read_yaml
from rung.task.yaml12 import write_yaml
from rung.types import Task

# One of each kind that some reader of YAML takes for something else, and what people use it for: countries, answers, times, codes.
LABELS = [
    "NO",
    "yes",
    "on",
    "off",
    "Y",
    "01234",
    "12:30",
    "1e3",
    "2026-01-05",
    "1.10",
    "0x1F",
    "0o17",
    "1_000",
    "null",
    "~",
    "True",
    ".5",
]


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(text: str) -> Any:
        path = tmp_path / "file.yaml"
        path.write_text(text, "utf-8")
        return read_yaml(path)

    return read


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Loads a task over 340 rows, 20 of each label, beside which stand a stray label and a name of its own."""
    monkeypatch.chdir(tmp_path)
    rows = [f"question {n},{LABELS[n % len(LABELS)]}" for n in range(20 * len(LABELS))]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n", "utf-8")

    def load(name: str = "codes", data: str = "", quality: str = "") -> Task:
        text = f"name: {name}\ndata:\n  examples: rows.csv\n  columns: {{input: text, target: label}}\n{data}"
        Path("task.yaml").write_text(f"{text}quality: {{scorer: choice, at_least: .5{quality}}}\n", "utf-8")
        return load_task(Path("task.yaml"), tmp_path)

    return load


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("12:30", "12:30"),
        ("190:20:30", "190:20:30"),
        ("2026-01-05", "2026-01-05"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-7", -7),
        ("0x1F", 31),
        ("0o17", 15),
        ("017", 17),
        ("1e3", 1000.0),
        ("1e-4", 0.0001),
        ("-.5", -0.5),
        ("3.", 3.0),
        (".inf", float("inf")),
        ("1.2.3", "1.2.3"),
        ("+", "+"),
        (".", "."),
        ("1e", "1e"),
    ],
)
def test_the_core_schema(read: Any, written: str, value: Any) -> None:
    found = read(f"key: {written}\n")
    assert found.value == {"key": value}
    assert type(found.value["key"]) is type(value)
    assert found.written == ({} if isinstance(value, str) else {("key",): written})


def test_not_a_number_is_read_as_such(read: Any) -> None:
    assert read("key: .NaN\n").value["key"] != read("key: .NaN\n").value["key"]


def test_choices_stay_what_was_written(load: Any) -> None:
    task = load(quality=f", choices: [{', '.join(LABELS)}]")
    assert sorted(task.quality.config["choices"]) == sorted(LABELS)


def test_choices_of_the_data_are_the_same(load: Any) -> None:
    assert sorted(load().quality.config["choices"]) == sorted(LABELS)


@pytest.mark.parametrize("label", [label for label in LABELS if label != "~"])
def test_where_is_what_was_written(load: Any, label: str) -> None:
    other = "on" if label != "on" else "off"
    task = load(data=f"  where: {{label: [{label}, {other}]}}\n")
    assert {row.target for row in task.examples} == {label, other}


def test_a_where_of_one_value(load: Any) -> None:
    with pytest.raises(UserError, match=r"task.yaml:5: data.where: no row has label: 1234\n"):
        load(data="  where: {label: 1234}\n")
    with pytest.raises(UserError, match=r"task.yaml:5: data.where: label: None is no condition"):
        load(data="  where: {label: }\n")


@pytest.mark.parametrize(
    ("name", "kept"), [("1e3", "1e3"), ("NO", "NO"), ("007", "007"), ("2026-01-05", "2026-01-05"), ("1.10", "1.10")]
)
def test_a_name_is_what_was_written(load: Any, name: str, kept: str) -> None:
    assert load(name=name).name == kept


def test_columns_and_ids_may_be_numbers(tmp_path: Path) -> None:
    rows = "\n".join(["1,2,3", *[f"question {n},{'ab'[n % 2]},{n:04}" for n in range(60)]])
    (tmp_path / "rows.csv").write_text(rows + "\n", "utf-8")
    text = "name: a\ndata:\n  examples: rows.csv\n  columns: {input: 1, target: 2, id: 3}\n  leave_out: [0007]\n"
    (tmp_path / "task.yaml").write_text(text + "quality: {scorer: exact, at_least: .5}\n", "utf-8")
    assert len(load_task(tmp_path / "task.yaml", tmp_path).examples) == 59


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("  balance: yes\n", "task.yaml:5: 'balance' cannot be 'yes': it should be a valid boolean. Write true: 'yes' is a text"),
        ("  allow_leaks: OFF\n", "'allow_leaks' cannot be 'OFF': it should be a valid boolean. Write false: 'OFF' is a text"),
        ("  limit: 1_000\n", "'limit' cannot be '1_000': it should be a valid integer. Write 1000, without _"),
    ],
)
def test_what_was_something_else_in_1_1_is_told(load: Any, data: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        load(data=data)
    assert words in caught.value.message


def test_numbers_are_numbers_where_numbers_are_wanted(load: Any) -> None:
    assert len(load(data="  limit: 0o144\n").examples) == 100


@given(
    value=st.recursive(
        st.one_of(
            st.sampled_from(LABELS), st.text(st.characters(codec="utf-8"), max_size=8), st.integers(), st.booleans(), st.none()
        ),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(LABELS), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_what_is_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "again.yaml"
    path.write_text(write_yaml({"value": value}), "utf-8", newline="")
    assert read_yaml(path).value == {"value": value}
    assert yaml.safe_load(write_yaml({"value": value})) == {"value": value}, "and by a reader of YAML 1.1"
