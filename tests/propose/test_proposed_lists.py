"""What `rung init` makes of answers that are lists, and that the task it writes loads and scores its own targets as right."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.propose.profile import look_at
from rung.propose.propose import Draft, propose
from rung.task.load import load_task
from rung.types import Task
from rung.verify.alpha import plan_alpha
from rung.verify.scoring import scorer_of, target_text

LABELS = [["late"], ["late", "broken"], ["broken"], ["rude", "late"], [], ["rude"]]
Write = Callable[..., Path]


def asked(targets: list[Any], column: str = "answers") -> list[dict[str, Any]]:
    return [{"question": f"What is it in case {n}?", column: target} for n, target in enumerate(targets)]


def proposed(path: Path) -> tuple[Any, Task]:
    """The profile of a file, and the task that is written for it, loaded, its own targets scored."""
    out = path.with_name("task.yaml")
    draft = Draft(profile=look_at(path), out=out, base=None, downloads=path.parent, alpha=lambda task: plan_alpha(task, ["a", "b"]))
    profile = propose(draft).profile
    task = load_task(out, path.parent)
    for row in task.examples:
        assert scorer_of(task).score(row, target_text(task, row)).value == 1
    return profile, task


def test_sets_of_labels(write: Write) -> None:
    profile, task = proposed(write("rows.jsonl", asked(LABELS * 50, "labels")))
    assert (profile.kind, profile.scorer, profile.config) == ("several labels", "labels", {})
    assert task.quality.config["choices"] == ["broken", "late", "rude"]
    assert profile.instruction == (
        "Answer with all labels that apply to the text, out of these: broken, late, rude, as a JSON list. Say nothing else."
    )
    assert profile.remarks[0].startswith(
        "Each answer is a set of labels, 1.2 on average: the answers are lists of few different texts"
    )


@pytest.mark.parametrize(("mark", "shown"), [(";", ";"), ("|", "|"), (", ", ",")])
def test_labels_with_a_mark_between(write: Write, mark: str, shown: str) -> None:
    cells = [mark.join(labels or ["none"]) for labels in LABELS]
    lines = [f'message number {n},"{cells[n % 6]}"\n' for n in range(300)]
    profile, task = proposed(write("rows.csv", "text,tags\n" + "".join(lines)))
    assert (profile.kind, profile.config) == ("several labels", {"separator": shown})
    assert task.quality.config["choices"] == ["broken", "late", "rude"]


@pytest.mark.parametrize("form", [json.dumps, str])
def test_lists_in_the_cells_of_a_table(write: Write, form: Callable[[Any], str]) -> None:
    cells = [form(labels).replace('"', '""') for labels in LABELS]
    lines = [f'message number {n},"{cells[n % 6]}"\n' for n in range(300)]
    profile, task = proposed(write("rows.csv", "text,labels\n" + "".join(lines)))
    assert profile.kind == "several labels"
    assert {type(row.target) for row in task.examples} == {list}


def test_several_annotators_answers(write: Write) -> None:
    targets = [[f"Person {n}", f"the person {n}", f"Person {n}"] for n in range(200)]
    profile, task = proposed(write("rows.jsonl", asked(targets)))
    assert (profile.kind, profile.scorer, task.quality.config["match"]) == ("alternatives", "exact", "any")
    assert "taken for several right answers each (match: any): in 100% of the lists the items are much alike" in profile.remarks[0]


def test_aliases_by_the_columns_name(write: Write) -> None:
    targets = [[f"Munich {n}", f"Monaco di Baviera, {n * 7}"] for n in range(200)]
    profile, _ = proposed(write("rows.jsonl", asked(targets, "accepted")))
    assert (profile.kind, profile.config["match"]) == ("alternatives", "any")


def test_several_references(write: Write) -> None:
    said = "It is a long sentence about a cat on the mat in the hall"
    targets = [[f"{said} of house {n} {end}" for end in ("now", "then")] for n in range(200)]
    profile, task = proposed(write("rows.jsonl", asked(targets, "summary")))
    assert (profile.kind, profile.scorer, task.quality.config["match"]) == ("references", "overlap", "any")


def test_items_that_are_all_wanted(write: Write) -> None:
    targets = [[f"flour {n} g", f"oil {n + 1} ml", f"salt {n + 2}"] for n in range(200)]
    profile, task = proposed(write("rows.jsonl", asked(targets, "ingredients")))
    assert (profile.kind, profile.scorer, task.quality.config["match"]) == ("required items", "contains", "all")
    assert "Where any one of them is right, write match: any" in profile.remarks[0]


@pytest.mark.parametrize(
    ("targets", "kind"),
    [
        ([["a"], ["b"]] * 100, "closed set"),
        (["Washington, DC", "Portland, OR", "Portland, ME"] * 70, "closed set"),
        (["yes", "no"] * 100, "closed set"),
        ([f"City {n}, land {n % 7}" for n in range(200)], "short text"),
    ],
)
def test_what_is_no_list(write: Write, targets: list[Any], kind: str) -> None:
    profile, _ = proposed(write("rows.jsonl", asked(targets)))
    assert profile.kind == kind
