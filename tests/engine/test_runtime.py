"""One door for all who ask: what answers is opened once, and observers hear every answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.engine.answer import answer, known_answers
from rung.engine.runtime import Answered, Runtime, open_runtime
from rung.parts import Calibration, ChoiceConstraint
from rung.registry.store import BlobStore
from rung.types import Answer, Candidate, Example

ROWS = [Example(id=f"row {n}", messages=({"role": "user", "content": f"question {n}"},)) for n in range(3)]
CHOOSING = Candidate(rung="r1_prompt", base="b", constraint=ChoiceConstraint(choices=("yes", "no")))


class Backend:
    reference, template = "b", ""

    def answer(self, requests):
        return [
            Answer(text="yes", prompt_tokens=7, completion_tokens=1, latency_s=0.5, logprobs={"yes": -0.1, "no": -2.4})
            for _ in requests
        ]


class Cache(dict):
    def load(self, candidate, examples):
        return {name: self[candidate, name] for name in examples if (candidate, name) in self}

    def store(self, candidate, answers):
        self.update({(candidate, name): said for name, said in answers.items()})


@pytest.fixture
def heard() -> list[Answered]:
    return []


@pytest.fixture
def runtime(tmp_path: Path, heard: list[Answered]) -> Runtime:
    blobs = BlobStore(tmp_path / "blobs", writable=True)
    return Runtime(backend_for=lambda _: Backend(), blobs=blobs, cache=Cache(), chunk=2, asker="a test", observers=(heard.append,))


def test_observers_hear_who_asked_which_candidate_what_and_what_it_took(runtime, heard) -> None:
    said = answer(CHOOSING, ROWS, runtime)
    assert [one.answer for one in heard] == said
    assert [(one.asker, one.candidate.id, one.example) for one in heard] == [("a test", CHOOSING.id, row.id) for row in ROWS]
    assert (heard[0].answer.prompt_tokens, heard[0].answer.latency_s) == (7, 0.5)
    assert not any(one.known for one in heard)
    heard.clear()
    answer(CHOOSING, ROWS[:1], runtime)
    assert [(one.example, one.known) for one in heard] == [("row 0", True)], "it took nothing now"


def test_observers_hear_the_answer_that_was_given_not_the_one_before_calibration(runtime, heard) -> None:
    turned = Candidate(
        rung="r1_prompt", base="b", constraint=CHOOSING.constraint, calibration=Calibration(bias={"yes": 0.0, "no": 9.0})
    )
    assert [said.text for said in answer(turned, ROWS, runtime)] == ["no"] * 3
    assert [(one.candidate.id, one.answer.text) for one in heard] == [(turned.id, "no")] * 3
    texts = [{said.text for said in known_answers(one, ROWS, runtime.cache).values()} for one in (turned, CHOOSING)]
    assert texts == [{"no"}, {"yes"}], "what is known is kept once, and is each one's own answer"


def test_a_base_is_opened_once(tiny_base: Path, tmp_path: Path) -> None:
    runtime = open_runtime(tmp_path, BlobStore(tmp_path / "blobs", writable=True))
    assert runtime.backend_for(str(tiny_base)) is runtime.backend_for(str(tiny_base))
