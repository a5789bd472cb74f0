"""A climb as a job, killed with its worker: it goes on where it was, and comes to what it comes to alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from planted import write

from rung.cli.app import run
from rung.registry.home import open_home
from rung.registry.processes import runs

WAITS = """
import pathlib, time
folder = pathlib.Path(__file__).parent
def model(request):
    with open(folder / "asked", "a") as file:
        file.write("x")
    while (folder / "asked").stat().st_size > 60 and not (folder / "go").exists():
        time.sleep(0.02)
    return "positive" if "love" in request["messages"][-1]["content"] else "negative"
"""


def start(home: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"RUNG_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "rung", "worker"], env=environment, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("kill", ["both", *(["worker", "interrupt"] if os.environ.get("RUNG_ALL_KILLS") else [])])
def test_killed_with_its_worker_a_climb_goes_on_where_it_was(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], kill: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    task = write(tmp_path / "task", "solved", rows=60, rungs={"r0_linear": {"skip": True}})
    (task.parent / "model.py").write_text(WAITS)
    asked = task.parent / "asked"
    assert run(["climb", str(task), "--background", "--json"]) == 0
    name = json.loads(capsys.readouterr().out)["job"]
    worker, until = start(home), time.monotonic() + 90
    while not asked.exists() or asked.stat().st_size <= 60:
        assert time.monotonic() < until and worker.poll() is None
        time.sleep(0.02)
    with open_home() as opened:
        child = opened.jobs.get(name).child
    assert runs(child)
    worker.send_signal(signal.SIGINT if kill == "interrupt" else signal.SIGKILL)
    if kill == "both":
        os.kill(child.pid, signal.SIGKILL)
    assert worker.wait(60) == (0 if kill == "interrupt" else -signal.SIGKILL)
    while runs(child):
        assert time.monotonic() < until, "it does not outlive its worker"
        time.sleep(0.02)
    (task.parent / "go").touch()
    assert run(["worker", "--once", "--json"]) == 0
    assert [(job["id"], job["state"], job["exit"]) for job in json.loads(capsys.readouterr().out)["jobs"]] == [(name, "done", 0)]
    answers = asked.stat().st_size
    assert run(["climb", str(task), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == "solved@1"
    assert asked.stat().st_size == answers, "what a job has finished is not climbed again"
    monkeypatch.setenv("RUNG_HOME", str(tmp_path / "alone"))
    asked.unlink()
    assert run(["climb", str(task), "--json"]) == 0
    untouched = json.loads(capsys.readouterr().out)
    assert (untouched["verdict"], untouched["version"]) == (document["verdict"], document["version"])
    assert answers < 1.5 * asked.stat().st_size, "what was answered before it was killed is not asked again"
