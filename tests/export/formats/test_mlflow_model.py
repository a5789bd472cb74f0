"""MLflow loads the model and answers through rung: the same answers, from any folder, and two models side by side."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from versions_made import SAID, TEXTS, linear_candidate, prompt_candidate, read_bytes, row, subject, written

from rung.errors import BrokenEnvironment, UserError
from rung.export.formats import mlflow as form
from rung.export.pyfunc import Files, texts_of
from rung.export.records.mlflow_files import QUIET
from rung.registry.home import Home

pytest.importorskip("mlflow")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
    import mlflow

    return lambda folder: mlflow.pyfunc.load_model(str(folder), suppress_warnings=True)


def test_it_answers_the_same(registry: Home, tmp_path: Path, loaded: Any) -> None:
    made = subject(registry, linear_candidate(registry))
    folder = written(made, form, tmp_path / "model")
    found = form.check(made, folder)
    assert found.holds and found.rows > 10, found.said
    assert read_bytes(folder) == read_bytes(written(made, form, tmp_path / "again"))
    assert not [name for name in read_bytes(folder) if name.endswith((".pkl", ".py"))]
    model = yaml.safe_load((folder / "MLmodel").read_text())
    assert model["metadata"]["rung.candidate"] == made.candidate.id and model["metadata"]["rung.status"] == "JUDGED"


def test_a_copy_elsewhere_by_a_relative_path_and_two_at_once(
    registry: Home, tmp_path: Path, loaded: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = written(subject(registry, linear_candidate(registry)), form, tmp_path / "one")
    two = written(subject(registry, linear_candidate(registry, {None: SAID[::-1]})), form, tmp_path / "two")
    shutil.move(one, tmp_path / "moved")
    monkeypatch.chdir(tmp_path)
    models = [loaded("moved"), loaded(os.path.relpath(two))]
    answers = [list(model.predict([{"question": TEXTS[0]}, {"question": TEXTS[2]}])) for model in models]
    assert answers[0] == ["yes", "no"] and answers[1] == ["maybe", "no"]


def test_a_file_that_was_changed_is_not_loaded(registry: Home, tmp_path: Path, loaded: Any) -> None:
    folder = written(subject(registry, linear_candidate(registry)), form, tmp_path / "model")
    file = next(file for file in folder.rglob("linear.json"))
    file.write_text(file.read_text().replace("good", "bad"))
    with pytest.raises(BrokenEnvironment, match="was changed"):
        loaded(folder)
    shutil.rmtree(file.parent)
    with pytest.raises(BrokenEnvironment, match="lacks the file"):
        loaded(folder)


def test_a_prompt_is_answered_by_its_base(registry: Home, tmp_path: Path, write: Any, loaded: Any) -> None:
    script = write(
        "model.py", "def reply(request):\n    return request['messages'][0]['content'] + '|' + request['messages'][-1]['content']\n"
    )
    candidate = prompt_candidate(registry, base=f"scripted:{script}#reply", template="", rows=[row("Good", "yes")], shared=1)
    made = subject(registry, candidate)
    folder = written(made, form, tmp_path / "model")
    assert form.check(made, folder).holds, form.check(made, folder).said
    assert any("base is not in it" in note for note in form.notes(made))


def test_texts_come_in_many_forms() -> None:
    import pandas

    assert texts_of("one") == ["one"] and texts_of(["a", "b"]) == ["a", "b"]
    assert texts_of(pandas.DataFrame({"id": [1, 2], "question": ["a", "b"]})) == ["a", "b"]
    assert texts_of(pandas.DataFrame({"text": ["a"]})) == ["a"]


@pytest.mark.parametrize("value", [None, float("nan"), 3, b"a"])
def test_a_row_without_a_text_is_refused_and_not_asked_about_as_a_word(value: Any) -> None:
    import pandas

    with pytest.raises(UserError, match="row 2 holds no text"):
        texts_of(pandas.DataFrame({"question": ["a", value]}, dtype=object))
    with pytest.raises(UserError, match="no column is called 'question'"):
        texts_of(pandas.DataFrame({"a": ["x"], "b": ["y"]}))


def test_a_model_keeps_nothing(tmp_path: Path) -> None:
    for write in (Files(folder=tmp_path).put_bytes, Files(folder=tmp_path).put_tree):
        with pytest.raises(RuntimeError):
            write(b"")  # type: ignore[arg-type]
