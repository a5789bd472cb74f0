"""The section `serving` of a task file: what it comes to, and what is said of each mistake in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rung.errors import UserError
from rung.json_form import as_json, from_json
from rung.line import LineCaps, Mix, Serving, Share
from rung.task.load import check_keys, load_task
from rung.task.yaml12 import write_yaml

ROWS = "message,team\n" + "".join(f"my bill {n} is wrong,billing\nthe screen {n} is dark,support\n" for n in range(30))
FORM = {"scorer": "regex", "pattern": "^.{1,80}$", "at_least": 0.95}
LEAST: dict[str, Any] = {
    "name": "tickets",
    "data": {"examples": "rows.csv", "columns": {"input": "message", "target": "team"}},
    "quality": {"scorer": "choice", "at_least": 0.8},
    "guards": {"form": FORM},
}


def written(folder: Path, **more: Any) -> Path:
    (folder / "rows.csv").write_text(ROWS, "utf-8")
    path = folder / "task.yaml"
    path.write_text(write_yaml({**LEAST, **more}), "utf-8")
    return path


def refused(folder: Path, serving: Any, **more: Any) -> str:
    with pytest.raises(UserError) as told:
        check_keys(written(folder, serving=serving, **more))
    return told.value.message


def test_all_that_can_be_said_is_read_and_changes_no_lock(tmp_path: Path) -> None:
    said = {
        "checks": {"polite": {"scorer": "forbidden", "words": ["damn", "NO"]}, "short": {"scorer": "length", "characters": 90}},
        "retry": 2,
        "then": "fallback helper@champion",
        "message": "Sorry.",
        "hold": "12h",
        "client_system": "refuse",
        "caps": {"tokens": 40, "tool_calls": 2, "per_minute": 60, "usd_per_day": 5},
        "modes": {"legal": {"law@champion": 0.8, "tickets": 1}},
        "stacks": [{"law": [0.2, 1], "tone@3": 1}],
    }
    plain, task = load_task(written(tmp_path), tmp_path), load_task(written(tmp_path, serving=said), tmp_path)
    assert plain.serving is None and plain.digest == task.digest
    serving = task.serving
    assert serving is not None
    assert [(check.name, check.scorer) for check in serving.checks] == [
        ("form", "regex"),
        ("polite", "forbidden"),
        ("short", "length"),
    ]
    assert serving.checks[1].config["words"] == ["damn", "NO"]
    assert (serving.retry, serving.fallback, serving.message, serving.hold) == (2, "helper@champion", "Sorry.", "12h")
    assert serving.caps == LineCaps(tokens=40, tool_calls=2, per_minute=60, usd_per_day=5.0)
    legal = Mix(mode="legal", shares=(Share(name="law@champion", least=0.8, most=0.8), Share(name="tickets", least=1, most=1)))
    assert serving.mode("legal") == legal and serving.mode("") is None
    assert serving.mixes[1].shares == (Share(name="law", least=0.2, most=1.0), Share(name="tone@3", least=1.0, most=1.0))
    assert from_json(Serving, as_json(serving)) == serving


def test_guards_are_looked_at_as_the_section_says(tmp_path: Path) -> None:
    both = {"form": FORM, "right": {"scorer": "exact", "at_least": 0.5}}

    def checks(serving: dict[str, Any]) -> list[str]:
        task = load_task(written(tmp_path, guards=both, serving=serving), tmp_path)
        assert task.serving is not None
        return [check.name for check in task.serving.checks]

    assert checks({}) == ["form"]  # the other compares with a target
    assert checks({"guards": "none"}) == [] and checks({"guards": ["form"]}) == ["form"]


MISTAKES = [
    ({"retries": 2}, "unknown key 'retries'. Did you mean 'retry'?"),
    ({"retry": 9}, "'retry' cannot be 9"),
    ({"then": "refuze"}, "'then' cannot be 'refuze'. Did you mean 'refuse'?"),
    ({"then": "fallback"}, "write the name of what answers instead"),
    ({"then": "fallback ../x"}, "write the name of what answers instead"),
    ({"guards": ["from"]}, "no guard is called 'from'. Did you mean 'form'?"),
    ({"guards": "some"}, "'guards' cannot be 'some'"),
    ({"checks": {"a": {"scorer": "exact"}}}, "'exact' compares with the right answer, which nobody knows"),
    ({"checks": {"a": {"scorer": "regex", "pattern": "(x)"}}}, "'regex' compares with the right answer"),
    ({"checks": {"a": {"scorer": "forbiden", "words": ["x"]}}}, "Did you mean 'forbidden'?"),
    ({"checks": {"a": {"words": ["x"]}}}, "the key 'scorer' is missing"),
    ({"checks": {"a": {"scorer": "forbidden"}}}, "names neither 'words' nor 'patterns'"),
    ({"checks": {"a": {"scorer": "forbidden", "words": [" "]}}}, "stands in every answer"),
    ({"checks": {"a": {"scorer": "forbidden", "patterns": ["x*"]}}}, "fits every answer"),
    ({"checks": {"a": {"scorer": "forbidden", "patterns": ["("]}}}, "is no regular expression"),
    ({"checks": {"a": {"scorer": "length", "characters": 3, "least_characters": 5}}}, "no answer has at least 5 and at most 3"),
    ({"checks": {"a": {"scorer": "length"}}}, "says neither 'characters' nor 'words'"),
    ({"checks": {"a": {"scorer": "personal_data", "kinds": ["mail"]}}}, "Did you mean 'email'?"),
    ({"checks": {"a": {"scorer": "length", "words": 3, "at_least": 2}}}, "'at_least' is 2"),
    ({"hold": "soon"}, "'hold' is 'soon', which is no duration"),
    ({"client_system": "ignore"}, "'client_system' cannot be 'ignore'"),
    ({"caps": {"tokens": 0}}, "'tokens' cannot be 0"),
    ({"caps": {"per_second": 3}}, "unknown key 'per_second'"),
    ({"modes": {"off": {"law": 1}}}, "that is how a session leaves one"),
    ({"modes": {"legal": {"law": 0}}}, "give each adapter one number that is not 0"),
    ({"modes": {"legal": {"law": [0.1, 0.5]}}}, "give each adapter one number"),
    ({"modes": {"legal": {"law at": 1}}}, "'law at' is no name"),
    ({"modes": {"legal": {}}}, "'legal' cannot be {}"),
    ({"stacks": [{"law": [0.9, 0.2]}]}, "write [0.2, 0.9]"),
    ({"stacks": [{"law": 40}]}, "40 is no weight"),
    ({"stacks": [{"law": "much"}]}, "'much' is no weight"),
    ([], "'serving' cannot be []"),
]


@pytest.mark.parametrize(("serving", "said"), MISTAKES, ids=[said[:40] for _, said in MISTAKES])
def test_a_mistake_is_told_with_its_line(serving: Any, said: str, tmp_path: Path) -> None:
    message = refused(tmp_path, serving)
    assert said in message and f"{tmp_path / 'task.yaml'}:" in message


def test_a_guard_that_needs_a_target_cannot_be_asked_for(tmp_path: Path) -> None:
    guards = {"right": {"scorer": "exact", "at_least": 0.5}}
    message = refused(tmp_path, {"guards": ["right"]}, guards=guards)
    assert "the guard 'right' cannot be looked at on the line" in message and "forbidden" in message


def test_a_function_of_the_owners_says_itself_that_it_needs_no_target(tmp_path: Path) -> None:
    (tmp_path / "check.py").write_text("def kind(example, answer):\n    return 'please' in answer\n", "utf-8")
    check = {"scorer": "python", "function": "check.py#kind", "needs_target": False}
    task = load_task(written(tmp_path, serving={"checks": {"kind": check}}), tmp_path)
    assert task.serving is not None
    assert task.serving.checks[1].config["function"] == f"{tmp_path / 'check.py'}#kind"
    assert "'python' compares with the right answer" in refused(
        tmp_path, {"checks": {"kind": {key: value for key, value in check.items() if key != "needs_target"}}}
    )
