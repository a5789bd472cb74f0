"""`rung jobs`, `rung worker`, `rung climb --background`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rung.cli.app import run
from rung.registry.home import open_home

Say = Callable[..., str]


@pytest.fixture
def say(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command, which ends with `code`; gives what it printed on standard output, or with `err` on standard error."""
    monkeypatch.chdir(tmp_path)

    def one(*arguments: str, code: int = 0, err: bool = False) -> str:
        capsys.readouterr()
        assert run(list(arguments)) == code, capsys.readouterr()
        said = capsys.readouterr()
        return said.err if err else said.out

    return one


def submitted(say: Say, *line: str) -> dict[str, Any]:
    return json.loads(say("jobs", "submit", "--json", "--", *line))


def test_a_job_from_submitting_to_its_log(say: Say) -> None:
    assert say("jobs") == "No jobs yet: `rung climb task.yaml --background` or `rung jobs submit -- ...` makes one.\n"
    said = say("jobs", "submit", "--", "verify", "--replay", "0").splitlines()
    name = said[0].split()[0]
    assert said == [
        f"{name} is in the queue: rung verify --replay 0",
        f"Follow it  rung jobs log {name} -f",
        "No worker is at work in this home. Start one  rung worker",
    ]
    assert say("jobs", "log", name, err=True) == f"{name} has said nothing yet: it is queued.\n"
    wrong = submitted(say, "verify", "nobody")["job"]
    told = say("worker", "--once", err=True)
    assert f"{name} started: rung verify --replay 0\n{name} done" in told
    rows = say("jobs")
    assert ("failed (exit code 2)" in rows and "nothing is registered" in rows) or "no candidate" in rows
    assert "Nothing is broken" in say("jobs", "log", name)
    assert "Nothing is broken" in say("jobs", "log", name, "-f")
    shown = say("jobs", "show", name)
    assert f"job      {name}" in " ".join(shown.split()) or name in shown
    document = json.loads(say("jobs", "show", wrong, "--json"))
    assert (document["job"]["state"], document["job"]["exit"]) == ("failed", 2)
    assert [event["kind"] for event in document["events"]] == ["submitted", "started", "failed"]
    assert "token" not in document["job"]
    lines = json.loads(say("jobs", "log", name, "--json"))["lines"]
    assert lines[0].startswith("--- rung verify --replay 0, by pid ")
    assert [job["id"] for job in json.loads(say("jobs", "--json"))["jobs"]] == [wrong, name]


def test_pause_resume_cancel(say: Say) -> None:
    name = submitted(say, "verify")["job"]
    assert say("jobs", "pause", name) == f"{name} is paused now.\n"
    assert say("worker", "--once", err=True) == ""
    assert say("jobs", "resume", name[4:]) == f"{name} is queued now.\n"
    assert say("jobs", "cancel", name) == f"{name} is cancelled now.\n"
    assert f"{name} is cancelled: it cannot be resumed" in say("jobs", "resume", name, code=2, err=True)
    assert "rung jobs submit -- verify" in say("jobs", "resume", name, code=2, err=True)
    assert "no job is called 'job-none'" in say("jobs", "cancel", "job-none", code=2, err=True)
    assert "which job is to be read?" in say("jobs", "log", code=2, err=True)


def test_what_cannot_be_a_job_is_told(say: Say, tmp_path: Path) -> None:
    assert "'worker' cannot be a job" in say("jobs", "submit", "--", "worker", code=2, err=True)
    assert "which command is the job?" in say("jobs", "submit", code=2, err=True)
    assert "task.yaml: is not there" in say("climb", "task.yaml", "--background", code=2, err=True)
    (tmp_path / "task.yaml").touch()
    document = json.loads(say("climb", "task.yaml", "--background", "--all", "--json"))
    assert (document["asked"]["kind"], document["asked"]["arguments"]) == ("climb", ["task.yaml", "--all"])
    assert document["asked"]["folder"] == str(tmp_path)
    written = say("jobs", "submit", "climb", "task.yaml", "--all").splitlines()[0]
    assert written.endswith("is in the queue: rung climb task.yaml --all"), "without -- as well"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--gpus", "1"], "--cpus and --gpus are said to a Ray cluster"),
        (["--ray", "auto", "--slots", "2"], "--slots is for this machine"),
        (["--slots", "0"], "0 is not in the range"),
    ],
)
def test_options_of_a_worker_that_mean_nothing_are_refused(say: Say, options: list[str], problem: str) -> None:
    assert problem in say("worker", *options, code=2, err=True)


def test_a_dead_workers_job_is_shown_so(say: Say, home: Path) -> None:
    from dataclasses import replace

    from rung.registry.processes import this_process

    name = submitted(say, "verify")["job"]
    dead = replace(this_process(), pid=2**22 - 1)
    with open_home(write=True) as opened:
        assert opened.jobs.claim(dead, "pid 4194303", lambda _: True)
    assert "running, but its worker is dead: the next one goes on with it" in say("jobs")
    assert json.loads(say("jobs", "--json"))["jobs"][0]["orphaned"] is True
    assert say("jobs", "pause", name) == f"{name} is paused now.\n", "nobody else is needed for that"


def test_ctrl_c_at_a_worker_gives_its_job_back_and_the_next_goes_on(say: Say, home: Path, tmp_path: Path) -> None:
    """A real worker and a real climb, whose model waits for a file."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
    from planted import write

    slow = """
import pathlib, time
def model(request):
    folder = pathlib.Path(__file__).parent
    (folder / "asked").touch()
    for _ in range(600):
        if (folder / "go").exists():
            return "positive" if "love" in request["messages"][-1]["content"] else "negative"
        time.sleep(0.05)
"""
    task = write(tmp_path / "task", "solved", rows=90, rungs={"r0_linear": {"skip": True}})
    (task.parent / "model.py").write_text(slow)
    name = json.loads(say("climb", str(task), "--background", "--json"))["job"]
    environment = os.environ | {"RUNG_HOME": str(home), "OMP_NUM_THREADS": "1"}
    worker = subprocess.Popen([sys.executable, "-m", "rung", "worker"], env=environment, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while not (task.parent / "asked").exists():
        assert time.monotonic() < until and worker.poll() is None
        time.sleep(0.05)
    worker.send_signal(signal.SIGINT)
    said = worker.communicate(timeout=60)[1]
    assert worker.returncode == 0
    assert said.splitlines()[-1].startswith(f"{name} queued") and "(its worker stopped)" in said
    (task.parent / "go").touch()
    told = json.loads(say("worker", "--once", "--json"))
    assert [(job["id"], job["state"], job["exit"]) for job in told["jobs"]] == [(name, "done", 0)]
    assert "solved@1" in say("ls")
    assert threading.active_count() >= 1
