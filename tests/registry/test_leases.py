from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rung.errors import UserError
from rung.registry import leases
from rung.registry.home import Home, open_home

HOLDER = """
import sys
from rung.registry.home import open_home
home = open_home(write=True)
home.leases.take("c1", "toy")
print("held", flush=True)
sys.stdin.read()
"""


def start_holder() -> subprocess.Popen[str]:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def pretend(home: Path, **fields: object) -> None:
    """Rewrites what the database says of the holder."""
    with sqlite3.connect(home / "registry.db") as raw:
        for column, value in fields.items():
            raw.execute(f"UPDATE leases SET {column} = ?", (value,))
    raw.close()


def test_a_climb_is_held_by_one_process_and_another_climb_by_another(registry: Home) -> None:
    holder = start_holder()
    with pytest.raises(UserError, match=rf"another process \(pid {holder.pid}, since 2.* UTC\) is climbing 'toy'") as caught:
        registry.leases.take("c1", "toy")
    assert caught.value.exit_code == 2
    assert "Wait until it has finished" in caught.value.hint
    with registry.leases.take("c2", "other"):
        said = registry.leases.holder("c2")
        assert said is not None
        assert (said.name, said.process.pid, said.alive) == ("other", os.getpid(), True)
    assert registry.leases.holder("c2") is None
    holder.communicate("")


@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_a_holder_that_ended_holds_nothing_from_that_moment(registry: Home, end: signal.Signals | None) -> None:
    holder = start_holder()
    assert registry.leases.holder("c1") is not None
    if end:
        os.kill(holder.pid, end)
        os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)
    else:
        holder.communicate("")
    assert registry.leases.holder("c1") is None
    registry.leases.take("c1", "toy").close()
    holder.communicate()


def test_taken_twice_by_one_home_it_is_the_same_and_closing_the_home_gives_it_back(home: Path) -> None:
    with open_home(write=True) as first, open_home(write=True) as second:
        assert first.leases.take("c", "toy") is first.leases.take("c", "toy")
        with pytest.raises(UserError, match=f"pid {os.getpid()}, since"):
            second.leases.take("c", "toy")
        first.close()
        second.leases.take("c", "toy")


@pytest.mark.sqlite
def test_of_another_machine_only_the_signs_of_life_tell(registry: Home) -> None:
    with open_home(write=True) as other:
        other.leases.take("c", "toy")
        pretend(registry.path, host="elsewhere", pid=1)
        with pytest.raises(UserError, match=r"pid 1 on elsewhere, since"):
            registry.leases.take("c", "toy")
        pretend(registry.path, beat=time.time() - leases.STALE_S - 1)
        registry.leases.take("c", "toy")


@pytest.mark.sqlite
def test_who_lost_its_lease_writes_no_fact_any_more(registry: Home) -> None:
    with open_home(write=True) as silent:
        silent.leases.take("c", "toy")
        silent.climbs.begin("c", form=1, task="t")
        silent.climbs.put("c", "k", 1)
        pretend(registry.path, host="elsewhere", beat=0.0)
        registry.leases.take("c", "toy")
        with pytest.raises(UserError, match=rf"climb c was taken over by another process \(pid {os.getpid()}"):
            silent.climbs.put("c", "k", 2)
        assert registry.climbs.facts("c") == {"k": 1}
        silent.leases.close()
        assert registry.leases.holder("c") is not None, "what is lost is not given back"


@pytest.mark.sqlite
def test_a_holder_gives_signs_of_life(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "BEAT_S", 0.02)
    with registry.leases.take("c", "toy"):
        pretend(registry.path, beat=0.0)
        until = time.monotonic() + 10
        while registry.leases.holder("c").silent_s > 5:
            assert time.monotonic() < until
            time.sleep(0.01)
