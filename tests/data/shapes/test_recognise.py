"""The folder of shapes is the list of what is known; of several that fit, the lowest in order counts."""

from __future__ import annotations

import pytest

from rung import plugins
from rung.data.shapes.recognise import convert_row, known_shapes, shape_of

SHAPES = [plugins.load("shapes", name) for name in plugins.names("shapes")]


def test_each_has_a_title_and_a_place_of_its_own() -> None:
    assert len({shape.TITLE for shape in SHAPES}) == len({shape.ORDER for shape in SHAPES}) == len(SHAPES) >= 7


def test_files_that_only_help_are_no_shapes() -> None:
    assert not {"columns", "conversation", "parts", "recognise"} & set(plugins.names("shapes"))


def test_all_are_named_to_who_has_another() -> None:
    assert all(shape.EXAMPLE in known_shapes() for shape in SHAPES)


@pytest.mark.parametrize(
    ("row", "title"),
    [
        ({"prompt": "a", "chosen": "b", "rejected": "c", "completion": "b"}, "preference"),
        ({"messages": [{"role": "user", "content": "a"}], "prompt": "a", "completion": "b"}, "messages"),
        ({"prompt": "a", "completion": "b", "tools": []}, "prompt/completion"),
        ({"instruction": "a", "output": "b", "tools": []}, "alpaca"),
        ({"question": "a", "function": [], "ground_truth": []}, "tool calls"),
        ({"question": "a", "answer": "b"}, None),
        ({}, None),
    ],
)
def test_the_first_that_fits(row: dict[str, object], title: str | None) -> None:
    assert shape_of(row) == title


def test_a_row_is_understood_by_its_shape() -> None:
    parts = convert_row({"instruction": "Add.", "input": "1 and 2", "output": " 3 "}, "alpaca")
    assert (parts.messages, parts.target) == ([{"role": "user", "content": "Add.\n\n1 and 2"}], "3")
