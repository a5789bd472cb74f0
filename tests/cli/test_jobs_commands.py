"""`rung jobs`, `rung worker`, `rung climb --background`."""

from __future__ import annotations

import json
import signal
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


def test_ctrl_c_is_heeded_while_it_works_and_what_is_ignored_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from rung.cli.commands import worker

    stops: list[int] = []
    before = {sent: signal.getsignal(sent) for sent in worker.STOPS}
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with worker.heeding(lambda: stops.append(1)):
            for sent in worker.STOPS:
                signal.raise_signal(sent)
        assert len(stops) == 2, "`nohup rung worker` outlives its terminal"
    finally:
        signal.signal(signal.SIGHUP, ignored)
    assert {sent: signal.getsignal(sent) for sent in worker.STOPS} == before
