"""`rung stack`: the sum of adapters is one adapter that does what they do together, each times its weight."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_adapter import make_tiny_adapter

from rung.admission.stack import Weighed, stack
from rung.cli.app import run
from rung.engine.answer import answer
from rung.engine.bases.resolve import resolve
from rung.engine.caller import Caller
from rung.engine.runtime import open_runtime
from rung.errors import UserError
from rung.parts import ChoiceConstraint
from rung.registry.home import Home, open_home
from rung.registry.names import Evidence
from rung.types import Candidate, Example

BASE = "folder@sha256:" + "ab" * 32


@pytest.fixture(scope="module")
def house(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two adapters of other ranks and modules on one base, and one on another."""
    with open_home(tmp_path_factory.mktemp("stack") / "home", write=True) as home:
        found = resolve(str(tiny_base), home.path)
        for name, rank in (("tone", 2), ("law", 3)):
            folder = make_tiny_adapter(tiny_base, home.path / name, facts={"of": name}, rank=rank)
            registered(home, name, found.pinned, home.blobs.put_tree(folder))
        registered(home, "far", BASE, home.blobs.put_bytes(b"x"))
        registered(home, "bare", found.pinned)
        yield home


def registered(home: Home, name: str, base: str, *adapters: str) -> None:
    candidate = Candidate(rung="r4_adapter", base=base, prompt=f"Of {name}.", adapters=adapters)
    home.candidates.add(candidate, "")
    home.names.register(name, candidate.id, Evidence(claimed="of a test"))


def test_a_part_is_read() -> None:
    assert Weighed.read("tone@3:0.7") == Weighed(ref="tone@3", weight=0.7)
    assert Weighed.read("tone") == Weighed(ref="tone", weight=1.0)
    for wrong in ("tone@3:x", "tone@3:nan", "tone@3:0", "tone@3:9", "../x:1", "tone@:1", ":1", ""):
        with pytest.raises(UserError):
            Weighed.read(wrong)


def test_the_sum_is_a_claim_that_is_found_by_its_parts(house: Home) -> None:
    done = stack([Weighed(ref="tone", weight=0.7), Weighed(ref="law@1", weight=0.3)], "both", house)
    version = house.names.find("both")
    assert version is not None and version.is_claimed and done.version == "both@1"
    assert done.claimed == "the sum of tone@1 x 0.7 and law@1 x 0.3"
    assert done.candidate.prompt == "Of tone." and done.candidate.adapters == (done.adapter,)
    tone, law = (house.candidates.get(name).adapters[0] for name in ("tone", "law"))
    assert house.stackings.of(done.candidate.base, [(law, 0.3), (tone, 0.7)]) == [("both@1", done.adapter)]
    again = stack([Weighed(ref="tone", weight=0.7), Weighed(ref="law@1", weight=0.3)], "both", house)
    assert again.version == "both@1" and again.adapter == done.adapter


def test_it_is_the_live_stack_to_a_ten_thousandth(house: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Log-probabilities of choices, and greedy answers, in float32."""
    monkeypatch.setenv("RUNG_PRECISION", "float32")
    done = stack([Weighed(ref="tone", weight=0.7), Weighed(ref="law", weight=-0.4)], "sum", house)
    adapters = tuple(house.candidates.get(name).adapters[0] for name in ("tone", "law"))
    rows = [Example(id=text, messages=({"role": "user", "content": text},)) for text in ("Is it good?", "My order is late again.")]
    runtime = open_runtime(house.path, house.blobs)
    for constraint in (ChoiceConstraint(choices=("positive", "negative", "late")), None):
        whole = replace(done.candidate, constraint=constraint, max_tokens=12)
        live = replace(runtime, caller=Caller(weights=(0.7, -0.4)))
        for one, other, bare in zip(
            answer(replace(whole, adapters=adapters), rows, live),
            answer(whole, rows, runtime),
            answer(replace(whole, adapters=()), rows, runtime),
            strict=True,
        ):
            assert one.text == other.text
            if constraint:
                assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
                assert one.logprobs != pytest.approx(bare.logprobs, abs=1e-2)  # it does something


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (["tone", "far"], "far@1 is on another base than tone@1"),
        (["tone", "bare"], "bare@1 has no adapter"),
        (["tone", "nothing"], "nothing is registered as 'nothing'"),
        (["tone", "tone@1"], "a version is named twice"),
    ],
)
def test_what_cannot_be_added_up_is_refused(house: Home, parts: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        stack([Weighed.read(part) for part in parts], "never", house)
    assert house.names.find("never") is None


def test_the_command_says_what_it_made(house: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_HOME", str(house.path))
    assert run(["stack", "tone@1:0.5", "law:0.5", "--name", "half", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["version"] == "half@1" and told["origin"] == "CLAIMED" and told["parts"][1] == {"version": "law@1", "weight": 0.5}
    assert run(["stack", "tone@1:much", "--name", "half"]) == 2
    assert "no weight" in capsys.readouterr().err
