"""Jobs on a Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "climb"))
from planted import write

from rung.cli.app import run
from rung.errors import BrokenEnvironment
from rung.registry.home import Home, open_home
from rung.worker.on_ray import Cluster, RayWorker


def test_without_ray_it_says_what_is_missing(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BrokenEnvironment, match="needs the package ray") as caught:
        RayWorker(registry, Cluster(address="auto")).run()
    assert caught.value.hint == "pip install 'rung[ray]'"


WAITS = """
import pathlib, time
def model(request):
    folder = pathlib.Path(__file__).parent
    (folder / "asked").touch()
    while not (folder / "go").exists():
        time.sleep(0.05)
    return "positive" if "love" in request["messages"][-1]["content"] else "negative"
"""


@pytest.fixture
def cluster(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Two nodes of one processor each."""
    pytest.importorskip("ray", reason="the package ray is not installed: pip install 'rung[ray]'")
    from ray.cluster_utils import Cluster as Nodes

    monkeypatch.setenv("RAY_worker_niceness", "0")  # a busy machine would starve what is nicer than all else
    nodes = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.second = nodes.add_node(num_cpus=1)
    yield nodes
    nodes.shutdown()


def wait_for(what: Callable[[], Any], worker: subprocess.Popen[str]) -> Any:
    until = time.monotonic() + 300
    while not (found := what()):
        assert time.monotonic() < until, "it did not come to that"
        assert worker.poll() is None, worker.communicate()
        time.sleep(0.05)
    return found


def test_jobs_run_on_both_nodes_and_where_one_is_lost_its_job_goes_on_on_the_other(
    cluster: Any, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = []
    for name in ("left", "right", "never"):
        task = write(tmp_path / name, "solved", rows=60, name=name, rungs={"r0_linear": {"skip": True}})
        (task.parent / "model.py").write_text(WAITS)
        assert run(["climb", str(task), "--background", "--json"]) == 0
        names.append(json.loads(capsys.readouterr().out)["job"])
    environment = os.environ | {"RUNG_HOME": str(home), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "rung", "worker", "--ray", cluster.address, "--once"]
    worker = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    with open_home(home, write=True) as opened:
        for name in ("left", "right"):
            wait_for((tmp_path / name / "asked").exists, worker)
        held = [opened.jobs.get(name) for name in names[:2]]
        assert [job.state for job in held] == ["running", "running"]
        assert opened.jobs.get(names[2]).state == "queued", "there is no third processor"
        assert opened.jobs.cancel(opened.jobs.get(names[2])).state == "cancelled"
        cluster.remove_node(cluster.second, allow_graceful=False)
        lost = wait_for(lambda: next((job for job in map(opened.jobs.get, names) if job.losses), None), worker)
        for name in ("left", "right"):
            (tmp_path / name / "go").touch()
        errors = worker.communicate(timeout=300)[1]
        assert worker.returncode == 0, errors
        ended = [opened.jobs.get(name) for name in names]
        assert [job.state for job in ended] == ["done", "done", "cancelled"], errors
        assert lost.id in names[:2]
        assert opened.jobs.get(lost.id).attempt >= 2
        assert all(job.exit in (0, 1) for job in ended[:2])  # the second to be judged on these rows may be undecided
        assert opened.names.all()
        assert opened.workers.all() == []
    assert not (tmp_path / "never" / "asked").exists()
