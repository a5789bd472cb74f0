"""What a model says cannot move a terminal's cursor; whoever pipes it on gets it as it is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from rung.cli.app import run

# Clears the screen, sets the title, writes to the clipboard, goes up a line, turns the direction round, C1's CSI.
SAID = "fine\x1b[2J\x1b]0;root\x07\x1b]52;c;cm0=\x07\x1b[1A\u202eevil\x9b31m\tend\nnext"


@pytest.fixture
def talker(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    (tmp_path / "model.py").write_text(f"def model(request):\n    return {SAID!r}\n")
    (tmp_path / "prompt.txt").write_text("Say it.")
    assert run(["import", str(tmp_path / "prompt.txt"), "--as", "talker", "--base", f"scripted:{tmp_path / 'model.py'}#model"]) == 0
    capsys.readouterr()
    return "talker"


def test_at_a_terminal_what_would_move_it_is_spelt_out(
    talker: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    assert run(["answer", talker, "hello"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("fine⟨U+001B⟩[2J") and "\tend\nnext\n" in shown
    assert not any(sign in shown for sign in ("\x1b", "\x07", "\u202e", "\x9b"))


def test_in_a_pipe_and_as_json_it_is_what_the_model_said(talker: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["answer", talker, "hello"]) == 0
    assert capsys.readouterr().out == f"{SAID}\n"
    assert run(["answer", talker, "hello", "--json"]) == 0
    printed = capsys.readouterr().out
    assert json.loads(printed)["answer"]["text"] == SAID and printed.isascii()
