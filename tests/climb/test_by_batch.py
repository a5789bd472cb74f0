"""A task whose server is handed its questions as batches: said in its file, checked beforehand, gone on with after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_server import BatchServer
from stand_in import completion
from toy import GOOD, write_toy

from rung.cli.app import run
from rung.climb.record import spent
from rung.engine.http.batch.batches import Pace
from rung.registry.home import open_home
from rung.task.load import load_task

PRICES = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
RUNGS = {"r0_linear": {"skip": True}, "r1_prompt": {"demonstrations": [], "dev_rows": 40, "calibration_rows": 20}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RUNG_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    defaults = dict(Pace.__init__.__kwdefaults__ or {}) | {"first_s": 0.005, "longest_s": 0.01}
    monkeypatch.setattr(Pace.__init__, "__kwdefaults__", defaults)


@pytest.fixture
def server() -> Iterator[BatchServer]:
    made = BatchServer()
    made.answer = lambda body: (200, completion(json.dumps({"answer": tone(body)})))
    yield made
    made.close()


def tone(body: dict) -> str:
    return "positive" if any(word in str(body["messages"][-1]["content"]) for word in GOOD) else "negative"


def task_file(folder: Path, at: BatchServer, **extra: object) -> Path:
    fields = {"rungs": RUNGS, "server": {"batch": True}, "prices": PRICES, "limits": {"usd": 5}, "noise": 0.02, "at_least": 0.6}
    return write_toy(folder, **({"base": f"{at.address}#smol"} | fields | extra))  # type: ignore[arg-type]


def test_a_climb_by_batches(server: BatchServer, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the check's dozen questions are asked one by one; the gate looks at a quarter first, and passes there."""
    path = task_file(tmp_path, server)
    assert run(["climb", str(path), "--json"]) == 0, capsys.readouterr().err
    document = json.loads(capsys.readouterr().out)
    assert document["lock"]["server"]["batches"] is True
    assert len(server.live) == document["lock"]["server"]["requests"], "nothing else is asked at the full price"
    assert set(server.billed.values()) == {1}, "no question is billed twice"
    sizes = [batch["request_counts"]["total"] for batch in server.batches.values()]
    assert 48 in sizes, "the gate looks after 24 rows, and asks for a quarter of them"
    with open_home() as opened:
        (begun,) = opened.climbs.all()
        usd, held = spent(opened, begun.climb)
    checks = document["lock"]["server"]["requests"] * 120e-6
    assert held == {} and usd == pytest.approx(sum(sizes) * 60e-6 + checks)


KILLED = """
import os, sys
from rung.engine.http.batch import batches, kept
put, left = kept.Shelf.put, [int(sys.argv[2])]
def dying(self, one):
    put(self, one)
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), 9)
kept.Shelf.put = dying
from rung.cli.app import run
sys.exit(run(["climb", sys.argv[1], "--json"]))
"""


def test_killed_it_takes_up_its_batch(server: BatchServer, tmp_path: Path, home: Path) -> None:
    """The whole process, by SIGKILL, right after the batch was made; what it had put aside is in the ledger, and is freed."""
    path = task_file(tmp_path, server)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), "3"], capture_output=True, text=True, timeout=60, check=False)
    assert killed.returncode == -9 and len(server.batches) == 1, killed.stderr
    with open_home() as opened:
        (begun,) = opened.climbs.all()
        usd, held = spent(opened, begun.climb)
    assert len(held) == 1 and usd > sum(held.values()) > 0
    assert run(["climb", str(path), "--json"]) == 0
    assert set(server.billed.values()) == set(server.uploaded.values()) == {1}
    with open_home() as opened:
        usd, held = spent(opened, begun.climb)
    asked = sum(batch["request_counts"]["total"] for batch in server.batches.values())
    assert held == {} and usd == pytest.approx(asked * 60e-6 + len(server.live) * 120e-6)


def test_what_cannot_be_is_refused_with_its_line(
    server: BatchServer, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra, words in (
        ({"limits": {"p95_seconds": 2}}, "'limits.p95_seconds' cannot be measured with 'server: {batch: true}'"),
        ({"base": "./models/tiny"}, "only a server has batches: 'base' is './models/tiny'"),
        ({"server": {"batches": True}}, "batch"),
        ({"server": {"batch": "nightly"}}, "'batch' cannot be 'nightly'"),
        ({"prices": PRICES | {"batch_factor": 50}}, "batch_factor"),
    ):
        path = task_file(tmp_path, server, **extra)
        code = run(["plan", str(path)])
        said = capsys.readouterr().err
        assert code == 2 and words in said and "task.yaml" in said, (extra, said)
    assert not server.calls


def test_a_server_without_batches_is_refused_before_anything_is_spent(
    server: BatchServer, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse = lambda call: (404, {"detail": "Not Found"}) if call.endswith("/batches") else None
    assert run(["climb", str(task_file(tmp_path, server))]) == 2
    said = capsys.readouterr().err
    assert "has no batches" in said and "server: {batch: true}" in said and "task.yaml:2" in said
    assert not server.uploaded


def test_it_is_no_part_of_the_lock(server: BatchServer, tmp_path: Path, home: Path) -> None:
    digests = {load_task(task_file(tmp_path, server, server={"batch": batch}), home).digest for batch in (True, False)}
    assert len(digests) == 1
