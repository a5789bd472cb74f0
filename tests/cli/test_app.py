from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from rung.cli.app import run
from rung.cli.console import Bars
from rung.cli.lines import Lines
from rung.cli.output import watching
from rung.cli.words import fact


def test_an_unknown_command_gets_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["clmb"]) == 2
    assert capsys.readouterr().err == "rung: rung has no command 'clmb'\n  Did you mean 'climb'?\n"


def test_an_unknown_option_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["ls", "--jsno"]) == 2
    assert "--jsno" in capsys.readouterr().err


def test_help_and_version_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == run(["--version"]) == run(["climb", "-h"]) == 0
    said = capsys.readouterr().out
    assert "Exit codes: 0 passed, 1 failed or undecided, 2 bad input, 3 broken environment." in said
    assert "rung climb tasks/tone/task.yaml" in said


def test_a_broken_environment_is_3_and_a_document_with_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "format").write_text("99\n")
    assert run(["ls", "--json"]) == 3
    said = capsys.readouterr()
    assert "has format '99'" in said.err
    error = json.loads(said.out)["error"]
    assert (error["exit_code"], error["where"]) == (3, str(home))
    assert "set RUNG_HOME to another folder" in error["hint"]


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "nothing is lost: run the same command again"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "file"), 3, "no space left"),
        (MemoryError(), 3, "no memory left"),
        (ModuleNotFoundError("No module named 'pyarrow'", name="pyarrow"), 3, "the package 'pyarrow' is missing"),
        (ZeroDivisionError("division by zero"), 3, "this is a fault in rung, not in your input"),
    ],
)
def test_what_else_can_happen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], raised: BaseException, code: int, words: str
) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise raised

    monkeypatch.setattr("rung.registry.home.open_home", fail)
    assert run(["ls"]) == code
    said = capsys.readouterr().err
    assert words in said
    assert ("Traceback" in said) == isinstance(raised, ZeroDivisionError)


def test_a_pipe_gets_plain_text_and_no_bars(home: Path) -> None:
    ran = subprocess.run([sys.executable, "-m", "rung", "ls"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert "Nothing is registered yet" in ran.stdout
    assert "\x1b" not in ran.stdout
    assert ran.stderr == ""
    with watching() as progress:
        assert isinstance(progress, Lines)


def test_a_terminal_gets_a_line_for_each_stage() -> None:
    screen = io.StringIO()
    with Bars(Console(file=screen, force_terminal=True, width=120)) as bars:
        with bars.stage("Training [1/2]", 10) as stage:
            stage.advance(4, loss=0.51239, tokens_per_s=1234.5)
            with bars.stage("inner"):
                pass
            stage.advance(6, loss=0.25, tokens_per_s=1300)
        bars.note("a note")
        with pytest.raises(ValueError, match="boom"), bars.stage("Broken", 3):
            raise ValueError("boom")
    lines = [line for line in screen.getvalue().splitlines() if "✓" in line]
    assert len(lines) == 1
    assert "Training [1/2]" in lines[0]
    assert "loss 0.25  1,300 tokens/s" in lines[0]
    assert "a note" in screen.getvalue()


def test_figures_are_written_for_people() -> None:
    assert fact("tokens_per_s", 1234.5) == "1,234 tokens/s"
    assert fact("loss", 0.41264) == "loss 0.413"
    assert fact("wait_s", 3) == "wait 3.00 s"
    assert fact("best_rows", 1200) == "best rows 1,200"
    assert fact("base", "x") == "base x"
