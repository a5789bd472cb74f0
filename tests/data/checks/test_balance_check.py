"""Classes: rare ones, ruling ones, unseen ones, and labels that look the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.data.audit import audit
from rung.types import Example


def found(rows: Mapping[str, Sequence[Any]]) -> list[str]:
    examples = [
        Example(id=f"{split}{n}", messages=({"role": "user", "content": f"{split} {n}"},), target=target, split=split)
        for split, targets in rows.items()
        for n, target in enumerate(targets)
    ]
    return [finding.message for finding in audit(examples, "split") if finding.check == "balance"]


def test_many_classes_are_looked_at() -> None:
    names = [f"intent {n}" for n in range(151)]
    told = found({"train": names * 40, "test": [*names * 4, "intent of its own"]})
    assert "1 test row is of classes that train never shows: intent of its own" in told


def test_a_class_that_test_hardly_shows_is_told() -> None:
    told = found({"train": ["a", "b", "c"] * 20, "test": ["a", "b"] * 20 + ["c"]})
    assert told == ["1 class has fewer than 2 rows in test, so that no score says anything of them: c"]


def test_labels_in_lists_are_classes_too() -> None:
    told = found({"train": [["a"], ["a", "b"]] * 20, "test": [["a"], ["b"], ["b", "c"]] * 5})
    assert told == ["5 test rows are of classes that train never shows: c"]


def test_forms_that_look_the_same_are_one_class() -> None:
    told = found({"train": ["Caf\u00e9", "Cafe\u0301", "Bar"] * 20, "test": ["Cafe\u0301", "Bar"] * 5})
    assert told == ["1 label stands in several unicode forms that look the same, and count as one: Caf\u00e9"]


def test_free_text_and_numbers_have_no_classes() -> None:
    assert found({"train": [f"answer {n}" for n in range(40)], "test": ["one more", "and more"]}) == []
    assert found({"train": [n / 7 for n in range(40)], "test": [0.5, 0.6]}) == []
