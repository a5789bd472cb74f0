"""A prompt written for others is read back by `rung import` as the same prompt; what is not, is not written, and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from versions_made import linear_candidate, prompt_candidate, read_bytes, row, schema_constraint, subject, written

from rung.admission.take import take
from rung.engine.demos import Pool
from rung.export.formats import prompt
from rung.parts import Calibration, CallConstraint, ChoiceConstraint
from rung.registry.home import Home

ROWS = (row("Good day!", "yes"), row("Größe 10?\nLine two", "no"), row("\U0001f600 ok", "maybe"))


def said(folder: Path, name: str) -> Any:
    return json.loads((folder / name).read_text("ascii"))


def test_what_mlflow_is_given_is_taken_back_by_rung_import(registry: Home, tmp_path: Path, write: Any) -> None:
    script = write("model.py", "def reply(request):\n    return 'yes'\n")
    candidate = prompt_candidate(
        registry, rows=ROWS, shared=3, constraint=schema_constraint(), max_tokens=77, prompt="Say:\n  yes {or} no."
    )
    made = subject(registry, candidate)
    folder = written(made, prompt, tmp_path / "prompt")
    assert prompt.check(made, folder).holds, prompt.check(made, folder).said
    taken = take(str(folder / "prompt.json"), "back", f"scripted:{script}#reply", registry).candidate
    assert (taken.prompt, taken.max_tokens, taken.constraint) == (candidate.prompt, 77, candidate.constraint)
    assert taken.demonstrations and candidate.demonstrations and taken.demonstrations.total == 3
    pools = [Pool.read(registry.blobs.local(one.demonstrations.pool)) for one in (taken, candidate) if one.demonstrations]
    assert [(demo.messages, demo.answer) for demo in pools[0].demos] == [(demo.messages, demo.answer) for demo in pools[1].demos]
    # The keys of a schema are the order in which a model writes them.
    assert list(taken.constraint.schema["properties"]) == ["b", "a"]  # type: ignore[union-attr]
    # A folder is taken by its prompt.json.
    assert take(str(folder), "back", f"scripted:{script}#reply", registry).candidate == taken


def test_openai_messages_stand_before_every_question(registry: Home, tmp_path: Path) -> None:
    folder = written(subject(registry, prompt_candidate(registry, rows=ROWS, shared=1)), prompt, tmp_path / "prompt")
    assert said(folder, "messages.json") == [
        {"role": "system", "content": "Say yes or no."},
        {"role": "user", "content": "Good day!"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": "{{ question }}"},
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Fill in {{ name }}.",
        "{% if x %}yes{% endif %}",
        "{# remark #} Say yes.",
        "Use {{ 1 + 1 }}.",
        " Say yes. \n\n",
        "{{question}}",
    ],
)
def test_a_prompt_that_would_be_read_as_a_template_is_left_to_the_other_files(text: str, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry, prompt=text))
    folder = written(made, prompt, tmp_path / "prompt")
    found = prompt.check(made, folder)
    assert found.holds, found.said
    assert said(folder, "messages.json")[0] == {"role": "system", "content": text}
    if (folder / "prompt.json").exists():
        assert said(folder, "prompt.json")["template"][0]["content"] == text
    else:
        assert any("There is no prompt.json" in note for note in prompt.notes(made))


@pytest.mark.parametrize(
    ("fields", "lost"),
    [
        ({"constraint": ChoiceConstraint(choices=("yes", "no"))}, "one of its choices"),
        ({"constraint": CallConstraint()}, "calls of tools"),
        ({"calibration": Calibration(bias={"yes": 0.1})}, "calibration"),
        ({"rows": ROWS, "k": 2, "shared": 1}, "2 demonstrations nearest"),
    ],
)
def test_what_mlflow_has_no_field_for_is_told(fields: dict[str, Any], lost: str, registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry, **fields))
    folder = written(made, prompt, tmp_path / "prompt")
    assert prompt.check(made, folder).holds
    assert any(lost in note for note in prompt.notes(made))


def test_demonstrations_with_turns_of_tools_are_kept_whole_where_they_can_be(registry: Home, tmp_path: Path) -> None:
    rows = [
        row("Where is it?", "here", tools=({"name": "find", "parameters": {"type": "object", "properties": {}}},)),
        row("And?", "there"),
    ]
    made = subject(registry, prompt_candidate(registry, rows=rows, shared=2))
    folder = written(made, prompt, tmp_path / "prompt")
    assert prompt.check(made, folder).holds, prompt.check(made, folder).said


def test_nothing_to_say_is_no_prompt(registry: Home) -> None:
    assert "without a prompt" in prompt.fits(linear_candidate(registry))
    assert (
        prompt.fits(prompt_candidate(registry, prompt=""))
        == "it has no prompt, no demonstrations and no form that answers are held to"
    )


def test_the_same_twice_and_a_change_is_found(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry, rows=ROWS, k=2, shared=1))
    folder = written(made, prompt, tmp_path / "prompt")
    assert read_bytes(folder) == read_bytes(written(made, prompt, tmp_path / "again"))
    (folder / "rung-prompt.json").write_text((folder / "rung-prompt.json").read_text().replace("yes or no", "yes or so"))
    assert not prompt.check(made, folder).holds
    other = written(made, prompt, tmp_path / "other")
    (other / "prompt.json").write_text((other / "prompt.json").read_text().replace("yes or no", "yes or so"))
    assert "messages would be read otherwise" in prompt.check(made, other).said


def test_a_lone_surrogate_is_kept(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, prompt_candidate(registry, rows=[row("half \ud800", "yes")], shared=1))
    folder = written(made, prompt, tmp_path / "prompt")
    assert said(folder, "messages.json")[1]["content"] == "half \ud800"
