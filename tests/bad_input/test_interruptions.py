"""Two climbs at once, and Ctrl-C at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from warm import Warm

from rung.cli.app import run
from rung.registry.home import open_home

MOMENTS = 3


def every_kind_of_step(content: dict[str, Any]) -> None:
    content["quality"]["at_least"] = 0.95
    content["rungs"] = {
        "r0_linear": {"skip": True},
        "r1_prompt": {"demonstrations": [2], "dev_rows": 20, "calibration_rows": 20},
        "r4_adapter": {"rank": 4, "epochs": 2, "batch_rows": 8, "dev_rows": 20},
        "r5_full": {"skip": True},
    }


def start(home: Path, *arguments: str) -> Warm:
    return Warm(["rung", *arguments], home.with_name(f"{home.name}.out"), {"RUNG_HOME": str(home)})


def words(errors: str) -> list[str]:
    """What went wrong, among the lines of progress."""
    return [line for line in errors.splitlines() if line.startswith(("rung: ", "Traceback"))]


def decided(text: str) -> dict[str, Any]:
    document = json.loads(text)
    rungs = [{key: rung[key] for key in ("rung", "state", "candidate", "verdict", "dev", "trials")} for rung in document["rungs"]]
    return {"climb": document["climb"], "verdict": document["verdict"], "rungs": rungs}


def test_the_second_climb_of_one_task_is_refused_and_all_else_goes_on(
    folder: Path, task, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = task(every_kind_of_step)
    first = start(home, "climb", path, "--json")
    while not (held := holders(capsys)):
        assert first.returncode is None, first.communicate()
        time.sleep(0.1)
    assert held == [first.pid]
    os.kill(first.pid, signal.SIGSTOP)  # it holds its climb all the same, for as long as this takes
    try:
        assert run(["climb", path]) == 2
        said = capsys.readouterr()
        assert f"rung: {home}: another process (pid {first.pid}, since " in said.err
        assert "is climbing 'toy'\n  Wait until it has finished, or set RUNG_HOME to another folder." in said.err
        assert said.out == ""
        assert run(["ls"]) == 0
        said = capsys.readouterr()
        assert "kept@1" in said.out
        assert f"of 'toy', by pid {first.pid}, since " in said.out
        assert run(["plan", path]) == 0
    finally:
        os.kill(first.pid, signal.SIGCONT)
    out, errors = first.communicate()
    assert (first.returncode, words(errors)) == (1, []), errors
    assert json.loads(out)["verdict"]["status"] in ("fail", "undecided")
    assert holders(capsys) == []


def holders(capsys: pytest.CaptureFixture[str]) -> list[int]:
    """Who is at a climb, as `rung ls` says."""
    capsys.readouterr()
    assert run(["ls", "--json"]) == 0
    return [climb["holder"]["pid"] for climb in json.loads(capsys.readouterr().out)["unfinished"] if climb["holder"]]


def test_interrupted_anywhere_it_says_so_and_goes_on(folder: Path, task, tmp_path: Path) -> None:
    path = task(every_kind_of_step)
    began = time.monotonic()
    whole = start(tmp_path / "whole", "climb", path, "--json")
    untouched, errors = whole.communicate()
    took_s = time.monotonic() - began
    assert (whole.returncode, words(errors)) == (1, []), errors
    home, draw, interrupted = tmp_path / "interrupted", random.Random(5), 0
    for _ in range(MOMENTS):
        process = start(home, "climb", path, "--json")
        try:
            process.wait(draw.uniform(0.1, 0.7) * took_s)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            interrupted += 1
        out, errors = process.communicate()
        if out:  # the signal came after the verdict
            break
        assert process.returncode in (130, -signal.SIGINT), "a shell says 130 of both"
        assert words(errors) == ["rung: interrupted; nothing is lost: run the same command again"]
        with open_home(home) as opened:
            assert all(opened.blobs.is_intact(path.parent.name + path.name) for path in (home / "blobs").glob("[0-9a-f][0-9a-f]/*"))
    assert interrupted
    last = start(home, "climb", path, "--json")
    again, errors = last.communicate()
    assert (last.returncode, words(errors)) == (1, []), errors
    assert decided(again) == decided(untouched)


def test_an_interrupted_init_leaves_no_file(folder: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rung.propose.propose.card", interrupt)
    assert run(["init", "messages.csv"]) == 130
    assert sorted(file.name for file in folder.iterdir()) == ["messages.csv"]
