"""The runtime of a server: one copy of each base for all who ask, whatever they call it, within the limits that it was given."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest

from rung.engine.answer import answer
from rung.engine.bases.resolve import resolve
from rung.engine.caller import Caller, Sampling
from rung.engine.live import Limits, LiveRuntime, open_live_runtime, totals
from rung.engine.runtime import open_runtime
from rung.errors import UserError
from rung.registry.store import BlobStore
from rung.types import Candidate, Example

ROWS = [Example(id=f"row {n}", messages=({"role": "user", "content": f"Is message {n} positive?"},)) for n in range(4)]


@pytest.fixture
def live(tiny_base: Path, tmp_path: Path):
    runtime = open_live_runtime(tmp_path, BlobStore(tmp_path / "blobs", writable=True), Limits(rows=3))
    yield runtime
    runtime.close()


def candidate(base: Path, place: Path, **fields) -> Candidate:
    found = resolve(str(base), place)
    return Candidate(rung="r1_prompt", base=found.pinned, template=found.template_digest, max_tokens=6, **fields)


def test_a_server_answers_what_evaluation_answers_for_all_at_once(live: LiveRuntime, tiny_base: Path, tmp_path: Path) -> None:
    asked = candidate(tiny_base, tmp_path, prompt="Answer with one word.")
    evaluated = [said.text for said in answer(asked, ROWS, open_runtime(tmp_path, live.blobs))]
    found: dict[int, str] = {}

    def ask(place: int) -> None:
        runtime = replace(live, caller=Caller(tenant=f"t{place % 2}"))
        assert isinstance(runtime, LiveRuntime)
        found[place] = answer(asked, [ROWS[place]], runtime)[0].text

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(ROWS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found[place] for place in range(len(ROWS))] == evaluated
    [figures] = live.figures()
    assert figures.answered == len(ROWS) and totals([figures, figures])["rung_engine_answered"] == 2 * len(ROWS)


def test_two_names_of_one_base_are_one_model(live: LiveRuntime, tiny_base: Path, tmp_path: Path) -> None:
    other = tmp_path / "another name"
    other.symlink_to(tiny_base)
    first, second = (candidate(folder, tmp_path).base for folder in (tiny_base, other))
    assert first != second and live.backend_for(first) is live.backend_for(second)
    live.prepare(first)
    assert live.engine(first) == live.engine(second) and "float32" in live.engine(first)
    assert len(live.figures()) == 1 and live.engine("linear:" + "0" * 64) == ""


def test_a_callers_sampling_is_followed_and_the_candidates_own_else(live: LiveRuntime, tiny_base: Path, tmp_path: Path) -> None:
    asked = candidate(tiny_base, tmp_path)

    def said(**sampling) -> str:
        return answer(asked, ROWS[:1], replace(live, caller=Caller(sampling=Sampling(**sampling))))[0].text

    assert said(temperature=1.5, seed=1) == said(temperature=1.5, seed=1) != said(temperature=1.5, seed=2)
    assert said().startswith(said(max_tokens=2)) and len(said(max_tokens=9)) > len(said())


def test_limits_are_read_from_words() -> None:
    read = Limits.read(["rows=16", "warm_mib=512", "waiting_each=9"])
    assert (read.rows, read.warm_bytes, read.waiting_each, read.pass_tokens) == (16, 512 << 20, 9, Limits().pass_tokens)
    for word, said in (
        ("warm_mb=5", "warm_mib"),
        ("rows=0", "above 0"),
        ("rows", "above 0"),
        ("warm_bytes=7", "warm_mib"),
        ("rows=-3", "above"),
    ):
        with pytest.raises(UserError, match=said):
            Limits.read([word])


def test_weights_of_int8_are_admitted_by_the_bases_own_check_or_refused(tiny_base: Path, tmp_path: Path) -> None:
    blobs, asked = BlobStore(tmp_path / "blobs", writable=True), candidate(tiny_base, tmp_path)
    with pytest.raises(UserError, match="int9"):
        open_live_runtime(tmp_path, blobs, weights="int9")
    runtime = open_live_runtime(tmp_path, blobs, weights="int8")
    try:
        runtime.prepare(asked.base)
    except UserError as error:
        assert "int8" in error.problem
    else:
        assert "int8" in runtime.engine(asked.base)
    runtime.close()
