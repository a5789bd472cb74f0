"""A job's process: it runs a command as the command line would, leaves a word of how it ended, and does not outlive its worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rung.errors import BrokenEnvironment, Busy, UserError
from rung.worker.outcome import Outcome, outcome_of, read
from rung.worker.process import JobProcess, command, environment


def run(home: Path, folder: Path, *line: str, **settings: str) -> tuple[int, Outcome | None, list[str]]:
    file = folder / "outcome.json"
    process = JobProcess(command(file, line), folder, environment(home, settings))
    lines: list[str] = []
    while process.ended() is None or process.streams:
        lines += [text for text, _ in process.read()]
    process.close()
    code = process.ended()
    assert code is not None
    return code, read(file), lines


def test_it_is_the_command_and_what_lies_in_its_folder_is_no_part_of_it(home: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from the folder')")
    (tmp_path / "rung").mkdir()
    assert run(home, tmp_path, "jobs") == (
        0,
        Outcome(code=0),
        ["No jobs yet: `rung climb task.yaml --background` or `rung jobs submit -- ...` makes one."],
    )


def test_the_users_error_is_left_in_words(home: Path, tmp_path: Path) -> None:
    code, outcome, lines = run(home, tmp_path, "jobs", "show", "none")
    assert outcome == Outcome(code=2, fault="user", said="no job is called 'none'\n  `rung jobs` lists them.")
    assert (code, lines) == (2, ["rung: no job is called 'none'", "  `rung jobs` lists them."])


def test_whose_fault_it_is() -> None:
    assert outcome_of(2, Busy("somebody climbs it", hint="Wait.")) == Outcome(
        code=2, fault="busy", said="somebody climbs it\n  Wait."
    )
    assert outcome_of(2, UserError("x")).fault == "user"
    assert outcome_of(3, BrokenEnvironment("x")).fault == "environment"
    assert outcome_of(1, None) == Outcome(code=1)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"code": 0, "more": 1}', "null"])
def test_half_a_word_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "outcome").write_text(text)
    assert read(tmp_path / "outcome") is None


ORPHAN = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
from rung.worker import child
child.ORPHAN_GRACE_S = 0.3
sys.argv = ["child", sys.argv[1], "x"]
import rung.cli
def works(line, heard):
    if os.environ["STUBBORN"] == "yes":
        signal.signal(signal.SIGINT, lambda *_: None)
    assert os.read(0, 1) == b"", "what the command reads is not what its worker holds"
    try:
        print("at work", flush=True)
        for _ in range(200):
            time.sleep(0.05)
    except KeyboardInterrupt:
        sys.exit(130)
rung.cli.main = works
child.main()
"""


@pytest.mark.parametrize(("stubborn", "code"), [("no", 130), ("yes", -signal.SIGKILL)])
def test_it_does_not_outlive_its_worker(tmp_path: Path, stubborn: str, code: int) -> None:
    """Also where whoever started the worker had Ctrl-C ignored, as a shell does for what it runs in the background."""
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHAN, str(tmp_path / "outcome")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"STUBBORN": stubborn},
        start_new_session=True,
    )
    assert process.stdout is not None and process.stdin is not None
    assert process.stdout.readline() == b"at work\n"
    process.stdin.close()
    assert process.wait(20) == code
    process.stdout.close()
    assert read(tmp_path / "outcome") == (None if stubborn == "yes" else Outcome(code=130))
