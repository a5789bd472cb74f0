"""`rung rollout`: what is typed, what is shown, what is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "promote"))
from shipped import none_at_hand, ship

from rung.cli.app import run
from rung.promote.promoting import promote
from rung.registry.home import Home, open_home
from rung.registry.rollout_states import Observed

Say = Callable[..., str]


@pytest.fixture
def spam(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    monkeypatch.setattr("rung.verify.stats.promised.SAMPLES", 40)
    with open_home(write=True) as opened:
        ship(opened, [1.0] * 60, name="spam")
        assert not promote(opened, "spam@1", "champion", load=none_at_hand).refused
        ship(opened, [1.0] * 60, name="spam")
        yield opened


@pytest.fixture
def say(spam: Home, capsys: pytest.CaptureFixture[str]) -> Say:
    def one(*arguments: str, code: int = 0, err: bool = False) -> str:
        capsys.readouterr()
        assert run(["rollout", *arguments]) == code, capsys.readouterr()
        said = capsys.readouterr()
        return said.err if err else said.out

    return one


def test_a_rollout_from_its_promise_to_its_end(say: Say, spam: Home) -> None:
    assert say("ls") == "No rollouts yet: `rung rollout NAME --canary 5%` begins one.\n"
    said = say("spam", "--canary", "50%", "--for", "7d", "--harm", "10")
    assert "spam@2 against spam@1." in said and "each who asks counts once at each share" in said
    assert "A candidate that is 30 points worse is rolled back within" in said and "with 90% probability" in said
    assert "spam@2" in say("ls") and "running at 50%" in say("ls")
    rollout = spam.rollouts.get("spam")
    seen = {"rollout": rollout.id, "kind": "answer", "share": 0.5, "scores": {"answered": 1.0}}
    spam.rollouts.observe(
        Observed(**seen, answer=f"a{n}", arm=("champion", "candidate")[n % 2], unit=f"u{n}", told={"seconds": 0.5})  # type: ignore[arg-type]
        for n in range(40)
    )
    shown = say("show", "spam")
    assert "50%, 100%" in shown and "100.0% of 20" in shown and "10 points, 0.01" in shown
    assert "Still to be seen: nobody gave feedback" in shown
    whole = json.loads(say("show", "spam", "--json"))
    assert whole["arms"]["candidate"]["answers"] == 20 and whole["rollout"]["share"] == 0.5 and "secret" not in str(whole)
    assert "is paused now" in say("pause", "spam")
    assert "is running now" in say("resume", rollout.id[:14])
    assert json.loads(say("abort", "spam", "complaints by mail", "--json"))["rollout"]["state"] == "rolled-back"
    assert "complaints by mail" in say("show", "spam")
    again = json.loads(say("spam", "--ab", "50%", "--json"))
    assert again["promise"]["worse"] == 0.2 and any("was rolled back before" in note for note in again["notes"])
    assert "is stopped now: stopped by hand" in say("stop", "spam")


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        (["spam"], "a rollout needs to be told how the candidate is to answer"),
        (["spam", "--canary", "5"], "is no share of those who ask"),
        (["spam", "--canary", "5%", "--harm", "five"], "is not a valid float"),
        (["show"], "show which rollout?"),
        (["show", "spam", "twice"], "show which rollout?"),
        (["pause", "spam"], "there is no rollout of 'spam'"),
        (["stop", "spam", "--canary", "5%"], "--canary is for a rollout that begins"),
        (["stpo", "spam"], "Did you mean 'stop'?"),
        (["nothing", "--canary", "5%"], "no candidate is called 'nothing'"),
        ([], "Missing argument"),
    ],
)
def test_what_cannot_be_is_told_with_what_can(say: Say, typed: list[str], problem: str) -> None:
    assert problem in say(*typed, code=2, err=True)
