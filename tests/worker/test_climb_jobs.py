"""A climb as a job, killed with its worker: it goes on where it was, and comes to what it comes to alone."""

from __future__ import annotations

import json
import os
import random
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

SLOW = """
import pathlib, time
def model(request):
    time.sleep(0.004)
    with open(pathlib.Path(__file__).parent / "asked", "a") as file:
        file.write("x")
    return "positive" if "love" in request["messages"][-1]["content"] else "negative"
"""


def start(home: Path) -> subprocess.Popen[bytes]:
    environment = os.environ | {"RUNG_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, "-m", "rung", "worker", "--once"], env=environment, stderr=subprocess.DEVNULL)


def test_killed_with_its_worker_or_alone_a_climb_goes_on_where_it_was(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = write(tmp_path / "task", "solved", rows=240, rungs={"r0_linear": {"skip": True}})
    (task.parent / "model.py").write_text(SLOW)
    asked = task.parent / "asked"
    assert run(["climb", str(task), "--background", "--json"]) == 0
    name = json.loads(capsys.readouterr().out)["job"]
    draw = random.Random(2)
    for kill in ("job", "worker", "both"):
        before = asked.stat().st_size if asked.exists() else 0
        worker = start(home)
        until = time.monotonic() + 60
        while (asked.stat().st_size if asked.exists() else 0) < before + draw.randrange(5, 30):
            assert time.monotonic() < until and worker.poll() is None
            time.sleep(0.01)
        with open_home() as opened:
            child = opened.jobs.get(name).child
        assert runs(child)
        if kill != "worker":
            os.kill(child.pid, signal.SIGKILL)
        if kill != "job":
            worker.kill()
            worker.wait()
        else:
            worker.send_signal(signal.SIGINT)
            worker.wait(60)
    assert start(home).wait(120) == 0
    with open_home() as opened:
        job = opened.jobs.get(name)
        assert (job.state, job.exit) == ("done", 0), job
        assert not runs(child)
    answers = asked.stat().st_size
    assert run(["climb", str(task), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == "solved@1"
    assert asked.stat().st_size == answers, "what a job has finished is not climbed again"
    alone = tmp_path / "alone"
    os.environ["RUNG_HOME"] = str(alone)
    asked.unlink()
    assert run(["climb", str(task), "--json"]) == 0
    untouched = json.loads(capsys.readouterr().out)
    assert untouched["verdict"] == document["verdict"]
    assert answers < 1.5 * asked.stat().st_size + 100, "what was answered before a kill is not asked again"
