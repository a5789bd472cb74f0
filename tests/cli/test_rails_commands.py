"""`rung rails` and `rung approvals`: what is shown, said anew, decided; and what is wrong with what was typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rung.cli.app import run
from rung.line import LineCheck, Mix, Serving, Share
from rung.registry.held_states import Wanted
from rung.registry.home import open_home
from rung.registry.names import Evidence
from rung.types import Candidate

CALL = {"name": "sell", "arguments": {"item": "lamp"}, "outcome": "queued", "reason": "", "seconds": 0.0}


@pytest.fixture
def held(home: Path) -> str:
    """The id of a call that waits, of desk@1."""
    with open_home(write=True) as opened:
        candidate = Candidate(rung="r1_prompt", base="b")
        opened.candidates.add(candidate, "")
        opened.names.register("desk", candidate.id, Evidence(claimed="of a test"))
        opened.keys.make("bob")
        wanted = Wanted(
            tenant="t1",
            requester="shop",
            user="",
            asked="a",
            session="",
            model="desk",
            ref="desk@1",
            candidate=candidate.id,
            messages=({"role": "user", "content": "Sell it"},),
            question="q",
            calls=(CALL,),
        )
        return opened.held.hold(wanted, "1d").id


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    capsys.readouterr()
    assert run(list(words)) == code
    said = capsys.readouterr()
    return said.err if code else said.out


def test_what_waits_is_listed_shown_and_decided(held: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert held in told(capsys, "approvals") and 'sell(item="lamp")' in told(capsys, "approvals", "show", held[:10])
    done: dict[str, Any] = json.loads(told(capsys, "approvals", "approve", held, "--as", "bob", "--json"))
    assert (done["state"], done["by"]) == ("approved", "bob")
    assert "asked for it" not in told(capsys, "approvals", "refuse", held, "--as", "bob", "--reason", "no")
    assert "is refused: it cannot be approved" in told(capsys, "approvals", "approve", held, "--as", "bob", code=2)
    assert "Nothing waits" in told(capsys, "approvals") and held in told(capsys, "approvals", "ls", "--json")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("approve",), "which one?"),
        (("ls", "held-1"), "a list is of all"),
        (("show", "held-zz"), "no call is held as"),
        (("show", "held-1", "--as", "bob"), "are for approve and refuse"),
        (("aprove", "held-1"), "Invalid value"),
    ],
)
def test_what_is_wrong_is_told(held: str, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    assert said in told(capsys, "approvals", *words, code=2)


def test_rails_are_shown_and_said_anew(held: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "they go out as they are" in told(capsys, "rails", "desk")
    (tmp_path / "rows.csv").write_text("text,label\n" + "".join(f"row {n},{'ab'[n % 2]}\n" for n in range(40)))
    task = (
        "name: desk\ndata: {examples: rows.csv, columns: {input: text, target: label}}\nquality: {scorer: choice, at_least: .5}\n"
    )
    (tmp_path / "task.yaml").write_text(f"{task}serving:\n  retry: 1\n  checks: {{short: {{scorer: length, words: 3}}}}\n")
    shown = told(capsys, "rails", "desk@1", str(tmp_path / "task.yaml"))
    assert "short (length)" in shown and "asked again 1 times" in shown
    again = json.loads(told(capsys, "rails", "desk", str(tmp_path / "task.yaml"), "--json"))
    assert again["news"] is False and again["serving"]["retry"] == 1 and again["subject"] == "desk@1"
    (tmp_path / "task.yaml").write_text(task)
    assert "they go out as they are" in told(capsys, "rails", "desk", str(tmp_path / "task.yaml"))
    assert "nothing is registered as 'dsek'" in told(capsys, "rails", "dsek", code=2)


def test_all_that_can_be_said_is_shown(held: str, capsys: pytest.CaptureFixture[str]) -> None:
    mixes = (
        Mix(mode="legal", shares=(Share(name="law", least=0.5, most=0.5),)),
        Mix(shares=(Share(name="law", least=0.0, most=1.0),)),
    )
    check = LineCheck(name="polite", scorer="forbidden", config={"words": ["x"]})
    with open_home(write=True) as home:
        home.serving.put("desk@1", Serving(checks=(check,), fallback="helper", message="No.", client_system="refuse", mixes=mixes))
    shown = told(capsys, "rails", "desk")
    assert all(part in shown for part in ("polite (forbidden)", "the answer of helper", "legal: law x 0.5", "law x 0 to 1", "No."))
