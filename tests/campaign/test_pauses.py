"""A campaign that is stopped at any moment goes on where it was; two at once do not meet."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from moved import Moving, asked

from rung.campaign import run as running
from rung.campaign.facts import Fact
from rung.campaign.record import Record
from rung.cli.app import INTERRUPTED, run
from rung.registry.home import open_home

ARGUMENTS = ("--yes", "--promote", "--json", "--name", "tone")


def outcome(text: str) -> list[Any]:
    """What came of each name, without how long it took."""
    lines = json.loads(text)["names"]
    for line in lines:
        for side in ("old", "new"):
            line["compared"][side]["answer_s"] = None
    return [[line["entry"]["name"], line["state"], line["climbed"], line["compared"], line["promoted"]] for line in lines]


def test_stopped_before_and_after_every_fact_it_ends_the_same(
    moving: Moving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    add, stops, met = Record.add, 0, 0

    def stopped(record: Record, fact: Fact) -> None:
        nonlocal met
        met += 1
        if met == stops:
            raise KeyboardInterrupt
        add(record, fact)

    monkeypatch.setattr(Record, "add", stopped)
    codes = []
    for stops in range(1, 12):  # noqa: B007 - `stopped` looks at it
        met = 0
        codes.append(run(["campaign", moving.new, *ARGUMENTS]))
        text = capsys.readouterr().out
        if codes[-1] != INTERRUPTED:
            break
    assert codes[-1] == 0 and len(codes) > 4 and set(codes[:-1]) == {INTERRUPTED}
    found = outcome(text)
    assert [found[0][0], found[0][1], found[0][4]["moved"]] == ["tone", "passed", True]
    with open_home() as home:
        assert [version.ref for version in home.names.of(name="tone")] == ["tone@1", "tone@2"]
        assert len(home.aliases.history("tone", "champion")) == 1
        assert home.integrity.faults() == []
    met = -100
    assert run(["campaign", moving.new, *ARGUMENTS]) == 0
    assert outcome(capsys.readouterr().out) == found


def test_interrupted_in_a_climb_and_after_it(
    moving: Moving, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = running.climb

    def stops(*args: Any, **options: Any) -> Any:
        real(*args, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(running, "climb", stops)
        assert run(["campaign", moving.new, *ARGUMENTS]) == INTERRUPTED
        assert "nothing is lost: run the same command again" in capsys.readouterr().err
    with open_home() as home:
        assert home.names.find("tone@2") is not None, "it had passed, and the campaign does not know yet"
    count = asked(moving.new)
    assert run(["campaign", moving.new, *ARGUMENTS]) == 0
    [found] = outcome(capsys.readouterr().out)
    assert found[2]["version"] == "tone@2" and found[2]["old"] == "tone@1" and found[3]["rows"]
    assert asked(moving.new) == count


def test_killed_it_goes_on(moving: Moving, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["--name", "mail", "--name", "tone"]
    command = [sys.executable, "-m", "rung", "campaign", moving.new, "--yes", "--json", *names]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while asked(moving.new) < 30 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert run(["campaign", moving.new, "--yes", "--json", *names]) == 0
    lines = {line["entry"]["name"]: line for line in json.loads(capsys.readouterr().out)["names"]}
    assert {name: line["state"] for name, line in lines.items()} == {"mail": "passed", "tone": "passed"}
    with open_home() as home:
        assert home.integrity.faults() == []
        assert [version.ref for version in home.names.of(name="mail")] == ["mail@1", "mail@2"]


HOLDER = """
import sys
from rung.registry.home import open_home
home = open_home(write=True)
home.leases.take(sys.argv[1], sys.argv[2], doing=sys.argv[3])
print("held", flush=True)
sys.stdin.read()
"""


def held(key: str, name: str, doing: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLDER, key, name, doing]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_two_at_once(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    from rung.campaign.run import asked_for, new_base
    from rung.progress import Silent

    with open_home() as home:
        campaign = asked_for(new_base(moving.new, home, Silent())).id
    holder = held(campaign, moving.new, "is on a campaign to")
    assert run(["campaign", moving.new, "--yes", "--name", "tone"]) == 2
    assert f"another process (pid {holder.pid}" in (told := capsys.readouterr().err) and "is on a campaign to" in told
    assert run(["campaign", "--status", "--json"]) == 0
    holder.communicate("")
    assert asked(moving.new) == 0


def test_a_name_that_another_process_climbs_is_left_for_later(moving: Moving, capsys: pytest.CaptureFixture[str]) -> None:
    from rung.climb.at_hand import on_base
    from rung.climb.facts import LockedBase
    from rung.climb.record import climb_id
    from rung.climb.registered_base import load_task
    from rung.engine.bases.resolve import resolve

    with open_home() as home:
        task = on_base(load_task(moving.task("tone"), home), moving.new)
        base = resolve(moving.new, home.path)
    holder = held(climb_id(task.digest, LockedBase(pinned=base.pinned, template="")), "tone", "is climbing")
    assert run(["campaign", moving.new, "--yes", "--json", "--name", "tone", "--name", "mail"]) == 1
    lines = {line["entry"]["name"]: line for line in json.loads(capsys.readouterr().out)["names"]}
    assert (lines["mail"]["state"], lines["tone"]["state"]) == ("passed", "refused")
    assert "is climbing 'tone'" in lines["tone"]["refused"]["problem"]
    holder.communicate("")
    assert run(["campaign", moving.new, "--yes", "--json", "--name", "tone"]) == 0
