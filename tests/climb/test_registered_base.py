"""A task whose base is what another climb registered, or an earlier climb of the same name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from toy import write_toy

from rung.climb.climb import climb
from rung.climb.registered_base import load_task
from rung.errors import UserError
from rung.progress import Silent
from rung.registry.home import open_home
from rung.registry.names import Evidence
from rung.sources.base import BaseReference
from rung.task import load

RUNGS = ("r0_linear", "r1_prompt", "r4_adapter", "r5_full")
SETTINGS = {
    "r1_prompt": {"demonstrations": [], "dev_rows": 20, "calibrate": False},
    "r4_adapter": {"rank": 2, "epochs": 1, "batch_rows": 8, "learning_rate": 0.01, "dev_rows": 20},
    "r5_full": {"epochs": 1, "batch_rows": 8, "learning_rate": 0.001, "dev_rows": 20},
}


def task_on(folder: Path, base: object, rung: str) -> Path:
    """A task that anything passes, with one rung alone."""
    rungs = {name: SETTINGS.get(name, {}) if name == rung else {"skip": True} for name in RUNGS}
    return write_toy(folder, base, noise=0.0, at_least=0.25, rungs=rungs)  # type: ignore[arg-type]


def climbed(folder: Path, base: object, rung: str, home: Path):
    """The version that comes of it, and its Candidate."""
    with open_home(home, write=True) as opened:
        document = climb(load_task(task_on(folder, base, rung), opened), opened, progress=Silent())
        return document, opened.candidates.get(document.version)


@pytest.fixture(scope="module")
def grown(tiny_base, tmp_path_factory):
    """A home in which each version of toy stands on the one before: a full fine-tune, then two adapters."""
    folder = tmp_path_factory.mktemp("grown")
    versions = [climbed(folder / "1", tiny_base, "r5_full", folder / "home")]
    versions.append(climbed(folder / "2", "toy@1", "r4_adapter", folder / "home"))
    versions.append(climbed(folder / "3", "toy@2", "r4_adapter", folder / "home"))
    return versions, folder / "home"


def test_each_version_is_whole_by_itself(grown):
    versions, home = grown
    full, adapter, stack = (candidate for _, candidate in versions)
    assert [document.version for document, _ in versions] == ["toy@1", "toy@2", "toy@3"]
    tree = full.base_reference.stored
    assert {adapter.base_reference.stored, stack.base_reference.stored} == {tree}
    assert (len(full.adapters), len(adapter.adapters), len(stack.adapters)) == (0, 1, 2)
    assert stack.adapters[0] == adapter.adapters[0] != stack.adapters[1]
    assert stack.artefacts == (tree, *stack.adapters)
    with open_home(home) as opened:
        assert all(opened.blobs.is_intact(name) for name in stack.artefacts)
        on_full, on_stack = (opened.blobs.size_bytes(name) for name in (tree, stack.adapters[1]))
    size = {rung.rung: rung.artefact_bytes for rung in versions[2][0].rungs}["r4_adapter"]
    assert on_stack < size < on_full, "what the base brings is not counted"
    assert versions[2][0].task.base == "toy@2"


def test_what_answers_from_int8_is_trained_in_full_and_stays_in_int8(tiny_base, tmp_path):
    _, full = climbed(tmp_path / "1", f"int8:{tiny_base}", "r5_full", tmp_path / "home")
    _, adapter = climbed(tmp_path / "2", "toy@1", "r4_adapter", tmp_path / "home")
    assert full.base == f"int8:tree:{full.base_reference.stored}"
    assert adapter.base.startswith(f"int8:tree:{full.base_reference.stored}@sha256:") and len(adapter.adapters) == 1


def test_the_lock_holds_whatever_the_name_comes_to_mean(grown, tmp_path):
    versions, home = grown
    with open_home(home, write=True) as opened:
        file = task_on(tmp_path, "toy@1", "r4_adapter")
        before = load_task(file, opened)
        opened.names.register("toy", versions[0][1].id, Evidence(climb="another"))
        assert load_task(file, opened).digest == before.digest
        assert before.base == versions[0][1].base
        assert load_task(task_on(tmp_path / "2", "toy@2", "r4_adapter"), opened).digest != before.digest


def test_an_alias_is_the_version_that_it_stands_for_when_the_task_is_read(grown, tmp_path):
    versions, home = grown
    with open_home(home, write=True) as opened:
        opened.aliases.move("toy", "champion", 1, expected=None, kind="promote")
        file = task_on(tmp_path / "alias", "toy@champion", "r4_adapter")
        task = load_task(file, opened)
        assert (task.base, task.base_name) == (versions[0][1].base, "toy@1")
        assert task.digest == load_task(task_on(tmp_path / "number", "toy@1", "r4_adapter"), opened).digest
        opened.aliases.move("toy", "champion", 2, expected=None, kind="promote")
        assert load_task(file, opened).base_adapters == versions[1][1].adapters
        assert load_task(task_on(tmp_path / "int8", "int8:toy@champion", "r4_adapter"), opened).base_name == "int8:toy@2"
        with pytest.raises(UserError, match="the base toy@champoin is not registered here") as caught:
            load_task(task_on(tmp_path / "wrong", "toy@champoin", "r4_adapter"), opened)
        assert "champion" in caught.value.hint
        (tmp_path / "alias" / "toy@champion").mkdir()
        assert load_task(file, opened).base == str(tmp_path / "alias" / "toy@champion"), "a folder beside the task is meant"


@pytest.mark.parametrize(("rung", "adapters"), [("r1_prompt", 1), ("r5_full", 1)])
def test_the_base_s_adapters_stay_under_every_rung(grown, tmp_path, rung, adapters):
    (_, below), home = grown[0][1], grown[1]
    _, candidate = climbed(tmp_path, "toy@2", rung, home)
    assert candidate.adapters == below.adapters
    assert (candidate.base_reference.stored == below.base_reference.stored) == (rung == "r1_prompt")


def test_a_task_without_base_adapters_has_the_digest_that_it_always_had(tiny_base, tmp_path):
    task = load.load_task(task_on(tmp_path, tiny_base, "r4_adapter"), tmp_path)
    assert replace(task, base_name="toy@1").digest == task.digest
    assert replace(task, base_adapters=("a" * 64,)).digest != task.digest


def test_a_version_is_told_from_a_folder():
    assert BaseReference.read("tone@3") == BaseReference(kind="registered", name="tone", version="3")
    assert str(BaseReference.read("tone@3")) == "tone@3"
    assert [BaseReference.read(text).kind for text in ("./tone@3", "tone", "a/tone@3", "tone@new")] == ["folder"] * 4
    assert BaseReference.read("hf:org/tone@3").kind == "hf"


@pytest.mark.parametrize(
    ("base", "why", "hint"),
    [("toi@1", "is not registered", "Did you mean 'toy'"), ("toy@99", "is not registered", "./toy@99")],
)
def test_a_version_that_there_is_not(grown, tmp_path, base, why, hint):
    file = task_on(tmp_path, base, "r4_adapter")
    line = 1 + file.read_text().splitlines().index(f"base: {base}")
    with open_home(grown[1]) as opened, pytest.raises(UserError, match=why) as caught:
        load_task(file, opened)
    assert caught.value.where == f"{file}:{line}" and hint in caught.value.hint


def test_a_linear_model_and_a_base_that_is_gone_are_refused(tiny_base, tmp_path):
    home = tmp_path / "home"
    climbed(tmp_path / "linear", tiny_base, "r0_linear", home)
    with open_home(home, write=True) as opened:
        with pytest.raises(UserError, match="linear model"):
            load_task(task_on(tmp_path / "on", "toy@1", "r4_adapter"), opened)
        gone = replace(opened.candidates.get("toy@1"), base="/nowhere/model", rung="r1_prompt")
        opened.candidates.add(gone, "task")
        opened.names.register("toy", gone.id, Evidence(climb="c"))
        with pytest.raises(UserError, match="/nowhere/model, which is not on this machine"):
            load_task(task_on(tmp_path / "on", "toy@2", "r4_adapter"), opened)


def test_only_a_task_s_base_can_be_a_version(tmp_path):
    from rung.engine.bases.resolve import resolve

    with pytest.raises(UserError, match="registered version"):
        resolve("toy@1", tmp_path)
    assert yaml.safe_load("base: toy@1") == {"base": "toy@1"}
