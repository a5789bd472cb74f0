"""The prompt rung's search: rows that all questions share before the nearest, and each only where dev says that it is worth it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rung.engine.backend import CACHED_SHARE, Request, cached_share
from rung.engine.runtime import Runtime
from rung.progress import Silent
from rung.rungs import r1_prompt
from rung.rungs.base import BuildContext
from rung.rungs.prompting import shown_to_all, with_nearest
from rung.types import Answer, Bar, Candidate, Example, Task

WORDS = [f"{a}{b}" for a in ("ka", "lo", "mi", "nu", "pe", "ri") for b in ("bar", "dol", "fin", "gon", "hut", "jak", "lem", "mur")]


class Blobs:
    """A store in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put_bytes(self, data: bytes) -> str:
        name = sha256(data).hexdigest()
        (self.folder / name).write_bytes(data)
        return name

    def local(self, digest: str) -> Path:
        return self.folder / digest


class Base:
    """Answers by a function of the request, counts tokens as characters, and keeps what it was asked."""

    reference, template = "b", ""

    def __init__(self, function: Callable[[Request], str]) -> None:
        self.function, self.asked = function, list[Request]()

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        self.asked += requests
        return [self._one(request) for request in requests]

    def _one(self, request: Request) -> Answer:
        size = [len(json.dumps(turn)) for turn in request.messages]
        text = self.function(request)
        logs = {choice: 0.0 if choice == text else -1.0 for choice in getattr(request.constraint, "choices", ())}
        return Answer(text=text, prompt_tokens=sum(size), cached_tokens=sum(size[: request.shared]), logprobs=logs or None)


def searched(
    tmp_path: Path, function: Callable[[Request], str], scorer: str = "exact", **config: Any
) -> tuple[Candidate, list, Base]:
    """(what was chosen, the trials, the base) on rows whose answers hang on a word that several of them have."""
    rows = []
    for n in range(240):
        word, split = WORDS[n % 48], ("train", "dev", "test")[n // 48 % 3]
        said = {"role": "user", "content": f"{split} {n}: what of {word}?"}
        target = ("yes" if WORDS.index(word) % 2 else "no") if scorer == "choice" else word.upper()
        rows.append(Example(id=f"{split}{n}", messages=(said,), target=target, split=split, source=f"rows.csv:{n}"))
    settings = {"r1_prompt": {"demonstrations": [4], "dev_rows": 80, "draws": 2, **config}}
    task = Task(
        name="t", base="b", instruction="Say.", examples=tuple(rows), quality=Bar(scorer=scorer, at_least=0.5), settings=settings
    )
    base = Base(function)
    context = BuildContext(task, Runtime(backend_for=lambda _: base, blobs=Blobs(tmp_path)), tmp_path / "work", Silent())
    chosen = r1_prompt.build(task, None, context)
    for request in base.asked:
        told = [turn["content"] for turn in request.messages[:-1] if turn["role"] == "user"]
        assert all(text.startswith("train") for text in told), "dev and test rows are no demonstrations"
        assert request.messages[-1]["content"] not in told
    return chosen, [fact.figures for fact in context.records if fact.kind == "trial"], base


def asked_word(request: Request) -> str:
    return re.findall(r"of (\w+)\?", request.messages[-1]["content"])[-1]


def shown(request: Request) -> list[str]:
    return [turn["content"] for turn in request.messages if turn["role"] == "assistant"]


def test_a_base_that_needs_any_rows_is_shown_the_same_before_every_question(tmp_path: Path) -> None:
    chosen, trials, _ = searched(tmp_path, lambda request: asked_word(request).upper() if shown(request) else "?")
    assert chosen.demonstrations is not None and (chosen.demonstrations.shared, chosen.demonstrations.k) == (4, 0)
    names = [trial["name"] for trial in trials]
    shared = [f"4 shared demonstrations, draw {n}" for n in (1, 2)]
    assert [name.split(" + ")[-1] for name in names if " + " in name] == shared, "nothing dearer where all is right"
    told = next(trial for trial in trials if trial["chosen"])
    assert [row["source"].startswith("rows.csv:") for row in told["shown"]] == [True] * 4
    assert {row["answer"] for row in told["shown"]} == {
        row["question"][-8:].strip(" ?").split()[-1].upper() for row in told["shown"]
    }


def copied(request: Request) -> str:
    """What a row with the same word was answered; else nothing of use."""
    turns = [turn["content"] for turn in request.messages]
    return next((turns[n + 1] for n, text in enumerate(turns[:-1]) if f"of {asked_word(request)}?" in text), "?")


def test_the_nearest_rows_are_chosen_where_they_earn_it_and_stand_behind_the_shared(tmp_path: Path) -> None:
    chosen, trials, _ = searched(tmp_path, copied)
    assert chosen.demonstrations is not None and chosen.demonstrations.k == 4
    assert max(trial["mean"] for trial in trials if "nearest" not in trial["name"]) < 0.5
    few, _, _ = searched(tmp_path, copied, nearest=[1])
    assert few.demonstrations is not None and few.demonstrations.k == 1


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ({"draws": 0}, ["4 nearest"]),
        ({"nearest": []}, ["4 shared", "4 shared"]),
        ({"demonstrations": [], "nearest": [2]}, ["2 nearest"]),
        ({"demonstrations": [2, 4], "nearest": []}, ["4 shared", "4 shared", "2 shared"]),
        ({"demonstrations": [0, 500], "nearest": []}, []),
        ({"demonstrations": []}, []),
    ],
)
def test_what_is_tried_is_what_the_settings_say(tmp_path: Path, config: dict[str, Any], names: list[str]) -> None:
    _, trials, _ = searched(tmp_path, lambda _: "never", **config)
    assert [" ".join(trial["name"].split(" + ")[1].split()[:2]) for trial in trials if " + " in trial["name"]] == names


def test_label_bias_is_fitted_on_rows_that_are_not_shown(tmp_path: Path) -> None:
    def leaning(request: Request) -> str:
        number = WORDS.index(asked_word(request))
        if not request.constraint:
            return "who knows"
        return ("yes" if number % 2 else "no") if shown(request) and number % 5 else "yes"

    _chosen, _, base = searched(tmp_path, leaning, "choice", nearest=[], calibration_rows=60)
    fitted = [request for request in base.asked if request.messages[-1]["content"].startswith("train")]
    assert fitted and all(request.messages[-1]["content"] not in str(request.messages[:-1]) for request in fitted)
    assert {request.shared for request in fitted} in ({0}, {9}), "a row that is shown would have been asked with one row fewer"


def test_the_same_is_searched_again(tmp_path: Path) -> None:
    one, two = (searched(tmp_path, copied)[0] for _ in range(2))
    assert one == two


def test_the_nearest_behind_the_shared_leave_those_where_they_are(tmp_path: Path) -> None:
    chosen, _, base = searched(tmp_path, lambda request: asked_word(request).upper() if shown(request) else "?", nearest=[])
    task = Task(name="t", base="b", instruction="Say.", examples=(), quality=Bar(scorer="exact", at_least=0.5), settings={})
    rows = [Example(id="x", messages=({"role": "user", "content": "train 1: what of kabar?"},), target="KABAR", split="train")]
    context = BuildContext(task, Runtime(backend_for=lambda _: base, blobs=Blobs(tmp_path)), tmp_path / "work", Silent())
    assert shown_to_all(replace(task, examples=tuple(rows)), chosen, context) == [], "rows of another task's train are not its own"
    assert with_nearest(replace(task, examples=tuple(rows)), replace(chosen, demonstrations=None), 1, context).demonstrations


@pytest.mark.parametrize(
    ("prices", "share"),
    [
        ({}, CACHED_SHARE),
        ({"input_usd_per_million": 2.0, "output_usd_per_million": 8.0}, 1.0),
        ({"input_usd_per_million": 2.0, "output_usd_per_million": 8.0, "cached_input_usd_per_million": 0.5}, 0.25),
        ({"input_usd_per_million": 0.0, "output_usd_per_million": 0.0}, CACHED_SHARE),
    ],
)
def test_a_token_read_before_costs_what_the_prices_say(prices: dict[str, float], share: float) -> None:
    assert cached_share(prices) == share
