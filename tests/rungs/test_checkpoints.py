"""Checkpoints race on dev: who is chosen, how many rows that takes, and what happens where nothing can be scored."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace

import pytest

from rung.errors import UserError
from rung.progress import Silent
from rung.rungs import trials
from rung.rungs.checkpoints import Checkpoint, CheckpointRace
from rung.train.dev import Best
from rung.types import Answer, Bar, Candidate, Example, Row, Score, Task
from rung.verify.stats.race import rounds

ROWS = 200


def race(right: dict[str, float | None], monkeypatch: pytest.MonkeyPatch, rows: int = ROWS) -> CheckpointRace:
    """Over a dev split on which each folder is right on this share of the rows; None where it cannot be scored.

    A row is as hard for one as for another.
    """
    made = [
        Example(id=str(place), messages=({"role": "user", "content": str(place)},), target="a", split="dev")
        for place in range(rows)
    ]
    task = Task(
        name="t", base="b", instruction="", examples=tuple(made), quality=Bar(scorer="exact", at_least=0.8), path="task.yaml"
    )
    chance = random.Random(1)
    hard = {row.id: chance.random() for row in made}

    def measure(candidate: Candidate, split: str, *, among: set[str], progress: object):
        share = right[candidate.prompt]
        scores = {name: Score(value=None if share is None else float(hard[name] < share)) for name in among}
        answer = Answer(text="a", prompt_tokens=9)
        return SimpleNamespace(
            rows=[Row(example=name, group="", answer=answer, scores={"quality": scores[name]}) for name in among]
        )

    context = SimpleNamespace(task=task, answered={}, measure=measure, progress=Silent(), runtime=None)
    monkeypatch.setattr(CheckpointRace, "_keep", lambda race, checkpoint: None)
    monkeypatch.setattr(trials, "ahead", lambda asks, runtime, stage: None)
    made_run = lambda task, candidate, split, rows: SimpleNamespace(  # noqa: E731
        candidate=candidate.id, task="", split=split, rows=tuple(rows)
    )
    monkeypatch.setattr(trials, "make_run", made_run)
    return CheckpointRace(lambda folder: Candidate(rung="r4_adapter", base="b", prompt=folder.name), context, rows)


FIRST = rounds(ROWS)[0]


def folder(step: int) -> Path:
    return Path(f"step-{step:08d}")


def test_the_first_is_asked_few_rows(monkeypatch: pytest.MonkeyPatch):
    asked = race({"step-00000008": 0.7}, monkeypatch)(folder(8), None, 500)
    assert (asked.better, asked.best_score) == (True, None)
    assert asked.rows == asked.asked <= FIRST


@pytest.mark.parametrize(("first", "second"), [(0.3, 0.8), (0.8, 0.3)])
def test_what_is_clear_takes_few_rows(monkeypatch: pytest.MonkeyPatch, first: float, second: float):
    race_of = race({"step-00000008": first, "step-00000016": second}, monkeypatch)
    asked = race_of(folder(16), Best(folder=folder(8), rows=0), 2 * ROWS)
    assert asked.better == (second > first)
    assert asked.asked <= 2 * FIRST and asked.score < asked.best_score if first > second else asked.score > asked.best_score


def test_what_is_close_takes_what_is_allowed_and_no_more(monkeypatch: pytest.MonkeyPatch):
    race_of = race({"step-00000008": 0.78, "step-00000016": 0.8}, monkeypatch)
    for allowed in (64, 128, 2 * ROWS):
        assert race_of(folder(16), Best(folder=folder(8), rows=0), allowed).asked <= allowed
    asked = race_of(folder(16), Best(folder=folder(8), rows=40), 60)
    assert asked.asked <= 60


def test_of_equals_the_first_stays(monkeypatch: pytest.MonkeyPatch):
    race_of = race({"step-00000008": 0.8, "step-00000016": 0.8}, monkeypatch)
    assert not race_of(folder(16), Best(folder=folder(8), rows=0), 2 * ROWS).better
    assert not race_of(folder(8), Best(folder=folder(8), rows=0), 2 * ROWS).better


def test_a_dev_split_smaller_than_the_first_round(monkeypatch: pytest.MonkeyPatch):
    race_of = race({"step-00000008": 0.1, "step-00000016": 0.9}, monkeypatch, rows=5)
    assert race_of.least == 10
    assert race_of(folder(16), Best(folder=folder(8), rows=5), 10).better


@pytest.mark.parametrize("rows", [0, 20])
def test_without_a_score_training_cannot_be_stopped(monkeypatch: pytest.MonkeyPatch, rows: int):
    with pytest.raises(UserError, match="no dev row could be scored"):
        race({"step-00000008": None}, monkeypatch, rows)(folder(8), None, 100)


def test_what_was_asked_before_a_kill_is_known_after_it(tmp_path: Path) -> None:
    task = Task(name="t", base="b", instruction="", examples=(), quality=Bar(scorer="exact", at_least=0.8), path="task.yaml")
    context = SimpleNamespace(task=task, work=tmp_path)
    found = [
        Checkpoint(step=step, score=score, candidate=Candidate(rung="r4_adapter", base="b", prompt=str(step)))
        for step, score in ((8, 0.5), (4, 0.2), (8, 0.6))
    ]
    before = CheckpointRace(lambda folder: found[0].candidate, context, ROWS)
    for one in found:
        before._keep(one)
    with (tmp_path / "checkpoints.jsonl").open("a") as file:
        file.write('{"step": 12, "sco')
    assert CheckpointRace(lambda folder: found[0].candidate, context, ROWS).kept() == [found[1], found[2]]
