"""The linear model in onnxruntime and in scikit-learn: from raw text, the labels and probabilities of the model itself."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from versions_made import SAID, TEXTS, linear_candidate, prompt_candidate, read_bytes, row, subject, task_of, written

from rung.engine import linear
from rung.errors import UserError
from rung.export.formats import linear as form
from rung.export.forms import skops_file
from rung.export.forms.linear_files import onnx_bytes
from rung.export.forms.onnx_text import small_letters, spaces
from rung.export.forms.sklearn_form import pipeline_of
from rung.export.questions import ODD
from rung.registry.home import Home, open_home

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")
pytest.importorskip("skops")
MIXED = (
    "Naïve café, ÅNGSTRÖM!",
    "naïve cafés; ångström?",
    "Привет, мир: ЁЛКА",
    "привет мир ёлка 12",
    "你好，世界 hello",
    "İstanbul İĞNE i̇ ΟΔΟΣ ὁδός σας Σ",
)


def test_both_readers_agree_on_every_script(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, linear_candidate(registry, texts=MIXED))
    folder = written(made, form, tmp_path / "linear")
    found = form.check(made, folder)
    assert found.holds and "0 other labels" in found.about and found.rows == 2 * len(ODD), found.said
    assert read_bytes(folder) == read_bytes(written(made, form, tmp_path / "again"))


def test_two_classes_and_fields_of_an_object_and_one_that_never_changes(registry: Home, tmp_path: Path) -> None:
    targets = {"tone": ['"good"', '"good"', '"bad"', '"bad"', '"bad"', '"good"'], "urgent": ["true"] * 6, "who": ["", '"me"'] * 3}
    made = subject(registry, linear_candidate(registry, targets))
    folder = written(made, form, tmp_path / "linear")
    said = json.loads((folder / "linear.json").read_text())
    assert [(one["field"], one["onnx"]) for one in said["fields"]] == [
        ("tone", "field-0.onnx"),
        ("urgent", None),
        ("who", "field-2.onnx"),
    ]
    assert not (folder / "field-1.onnx").exists() and said["fields"][1]["classes"] == ["true"]
    found = form.check(made, folder)
    assert found.holds and "3 fields" in found.about, found.said


def test_dev_rows_are_asked_where_the_task_is_at_hand(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, linear_candidate(registry))
    object.__setattr__(made, "load", lambda lock: task_of([row(text, "yes") for text in TEXTS]))
    folder = written(made, form, tmp_path / "linear")
    assert "6 dev rows and" in form.check(made, folder).about


def test_another_model_is_found(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, linear_candidate(registry))
    folder = written(made, form, tmp_path / "linear")
    other = subject(registry, linear_candidate(registry, {None: SAID[::-1]}))
    assert not form.check(other, folder).holds


def test_a_language_model_is_none(registry: Home) -> None:
    assert form.fits(prompt_candidate(registry)) == "a language model answers, no linear model"


def test_skops_trusts_all_of_it_and_refuses_what_it_does_not(registry: Home, tmp_path: Path) -> None:
    made = subject(registry, linear_candidate(registry))
    file = written(made, form, tmp_path / "linear") / "field-0.skops"
    with zipfile.ZipFile(file) as archive:
        schema = archive.read("schema.json").decode()
        names = archive.namelist()
        assert all(info.date_time == (1980, 1, 1, 0, 0, 0) for info in archive.infolist())
        bad = tmp_path / "bad.skops"
        with zipfile.ZipFile(bad, "w") as changed:
            for name in names[:-1]:
                changed.writestr(name, archive.read(name))
            changed.writestr("schema.json", schema.replace("sklearn.pipeline", "os.path").replace('"Pipeline"', '"Popen"'))
    with pytest.raises(UserError, match="skops does not trust"):
        skops_file.load(bad)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[linear.LinearModel, object]:
    """A model of texts of many scripts, and its session."""
    with open_home(tmp_path_factory.mktemp("home"), write=True) as home:
        candidate = linear_candidate(home, texts=MIXED)
        model = linear.load(home.blobs.local(candidate.base_reference.stored))
    return model, onnxruntime.InferenceSession(onnx_bytes(pipeline_of(model, model.fields[0])), providers=["CPUExecutionProvider"])


LETTERS = st.sampled_from("aAéÉßẞ ñ你世好 Ёёпр_1２ⅷ\t\n\u3000\u200b.,'-İıǅﬁσςΣ\u0301")


@given(st.lists(LETTERS, max_size=30).map("".join))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_any_text_at_all(two: tuple[linear.LinearModel, object], text: str) -> None:
    model, session = two
    said = session.run(None, {"text": np.array([[text]], object)})[1]  # type: ignore[attr-defined]
    meant = np.exp(model.fields[0].log_probabilities(model.features([text])))
    assert np.abs(said - meant).max() < form.LIMIT


def test_small_letters_and_spaces_are_pythons() -> None:
    assert small_letters()["Ё"] == "ё" and "İ" not in small_letters() and "a" not in small_letters()
    assert "".join(spaces()).split() == [] and "\u200b" not in spaces() and len(spaces()) == 29
