from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from nouns import a_candidate, a_run, a_task

from rung.errors import BrokenEnvironment
from rung.registry.home import Home, default_path, open_home
from rung.registry.looks import Gauge, Gauged, Grant
from rung.registry.names import Evidence

HISTORY = (
    *("tasks", "candidates", "runs", "looks", "names", "facts", "climbs", "aliases", "row_sets", "charges", "tests"),
    "alias_moves",
)


def test_home_is_where_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_path() == home
    monkeypatch.delenv("RUNG_HOME")
    assert default_path() == Path.home() / ".rung"


@pytest.mark.sqlite
def test_history_cannot_be_changed_or_removed(registry: Home) -> None:
    candidate = a_candidate()
    registry.candidates.add(candidate, "t" * 64)
    registry.runs.add(a_run(candidate))
    registry.names.register("tone", candidate.id, Evidence())
    registry.aliases.move("tone", "champion", 1, expected=0, kind="promote")
    registry.looks.add("t", candidate.id, 1, ["row"])
    test = Gauged(gauge=Gauge(key="g", lines=(0.8,)), key="k")
    registry.looks.charge(test, "c", ["row"], lambda _: Grant(alpha=0.05, part=0.05))
    registry.climbs.begin("c", form=1, task="t")
    registry.climbs.put("c", "k", 1)
    registry.tasks.add(a_task())
    raw = sqlite3.connect(registry.path / "registry.db")
    raw.execute("INSERT INTO aliases (old, candidate, created) VALUES ('a', 'b', '')")
    raw.commit()
    for table in HISTORY:
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET created = ''"):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                raw.execute(statement)
            raw.rollback()
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_a_home_that_is_open_to_read_is_not_written(registry: Home) -> None:
    registry.climbs.begin("c", form=1, task="t")
    registry.climbs.put("c", "k", 1)
    with open_home() as reader:
        assert reader.climbs.facts("c") == {"k": 1}
        for write in (
            lambda: reader.climbs.put("c", "k", 2),
            lambda: reader.blobs.put_bytes(b"x"),
            lambda: reader.leases.take("c", "x"),
        ):
            with pytest.raises(RuntimeError, match="opened to read"):
                write()


WRITER = """
import sys
from rung.registry.home import open_home
from rung.types import Answer
home = open_home(write=True)
home.climbs.begin(sys.argv[1], form=1, task="t")
print("ready", flush=True)
i = 0
while True:
    home.climbs.put(sys.argv[1], str(i), {"blob": home.blobs.put_bytes(b"%d" % i * 5000)})
    home.answers.store(sys.argv[1], {f"{i}-{j}": Answer(text="x") for j in range(20)})
    i += 1
"""


def start_writers(*climbs: str) -> dict[str, subprocess.Popen[str]]:
    """A process for each climb, once it writes."""
    writers = {}
    for climb in climbs:
        writers[climb] = subprocess.Popen([sys.executable, "-c", WRITER, climb], stdout=subprocess.PIPE, text=True)
    for writer in writers.values():
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    return writers


def test_kill_9_of_any_of_several_writers_loses_nothing_that_was_said(home: Path) -> None:
    for round_ in range(2):
        writers = start_writers("a", "b")
        with open_home() as reader:
            for climb, writer in writers.items():
                while len(reader.climbs.facts(climb)) < 5 * (round_ + 1) and writer.poll() is None:
                    pass
        for writer in writers.values():
            os.kill(writer.pid, signal.SIGKILL)
            writer.wait()
        with open_home(write=True) as reopened:
            assert not list((reopened.blobs.root / "tmp").glob("*"))
            for climb in writers:
                facts = reopened.climbs.facts(climb)
                assert len(facts) >= 5 * (round_ + 1)
                assert all(reopened.blobs.is_intact(fact["blob"]) for fact in facts.values())
                for i in range(len(facts)):
                    known = reopened.answers.load(climb, [f"{i}-{j}" for j in range(20)])
                    assert len(known) == 20 or (len(known) == 0 and i == len(facts) - 1)


OPENER = """
import sys
from rung.registry.home import open_home
sys.stdin.read()
home = open_home(write=True)
home.climbs.begin("c", form=1, task="t")
home.climbs.put("c", sys.argv[1], 1)
"""


def test_many_that_open_a_new_home_at_once_make_one(home: Path) -> None:
    many = [subprocess.Popen([sys.executable, "-c", OPENER, str(i)], stdin=subprocess.PIPE) for i in range(4)]
    for process in many:
        assert process.stdin is not None
        process.stdin.close()  # all read to the end of it, and go on from there
    assert [process.wait() for process in many] == [0] * 4
    with open_home() as opened:
        assert sorted(opened.climbs.facts("c")) == [str(i) for i in range(4)]


def test_a_damaged_database_is_said(home: Path) -> None:
    open_home().close()
    (home / "registry.db").write_bytes(b"this is not a database, it is prose" * 100)
    for leftover in ("registry.db-wal", "registry.db-shm"):
        (home / leftover).unlink(missing_ok=True)
    with pytest.raises(BrokenEnvironment, match=r"registry\.db is damaged"):
        open_home()


def test_a_home_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(BrokenEnvironment, match="file"):
        open_home(tmp_path / "file")
