from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rung.errors import BrokenEnvironment, UserError
from rung.parts import ChoiceConstraint, Demonstrations
from rung.registry.home import Home, default_path, open_home
from rung.registry.names import Evidence
from rung.registry.tasks import TaskRecord
from rung.types import Answer, Bar, Candidate, Row, Run, Score, Task


@pytest.fixture
def registry(home: Path) -> Iterator[Home]:
    with open_home(write=True) as opened:
        yield opened


def a_candidate(prompt: str = "Reply with one word.", **fields: object) -> Candidate:
    return Candidate(rung="r1_prompt", base="pip:llm@sha256:00", prompt=prompt, **fields)  # type: ignore[arg-type]


def a_task(path: str = "task.yaml") -> Task:
    quality = Bar(scorer="choice", at_least=0.8)
    return Task(name="tone", base="pip:llm", instruction="Is it good?", examples=(), quality=quality, path=path)


def a_run(candidate: Candidate, split: str = "dev") -> Run:
    rows = tuple(
        Row(
            example=f"e{i}",
            group=f"g{i}",
            answer=Answer(text="yes", logprobs={"yes": -0.1}),
            scores={"quality": Score(value=value)},
        )
        for i, value in enumerate([1.0, 0.0, None])
    )
    return Run(candidate=candidate.id, task="t" * 64, split=split, rows=rows, environment={"seed": 0})


def test_home_is_where_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_path() == home
    monkeypatch.delenv("RUNG_HOME")
    assert default_path() == Path.home() / ".rung"


def test_a_candidate_comes_back_with_the_same_id(registry: Home) -> None:
    whole = a_candidate(
        demonstrations=Demonstrations(pool="a" * 64, k=4),
        constraint=ChoiceConstraint(
            choices=(
                "yes",
                "no",
            )
        ),
        adapters=("b" * 64,),
        parent="c" * 64,
    )
    registry.candidates.add(whole, "t" * 64)
    registry.candidates.add(whole, "t" * 64)
    assert registry.candidates.get(whole.id) == registry.candidates.get(whole.id[:8]) == whole
    assert registry.candidates.get(whole.id).id == whole.id


def test_names_have_versions_and_keep_their_history(registry: Home) -> None:
    first, second = a_candidate("one"), a_candidate("two")
    for candidate in (first, second):
        registry.candidates.add(candidate, "t" * 64)
    assert registry.names.register("tone", first.id, Evidence(climb="c1")) == "tone@1"
    assert registry.names.register("tone", first.id, Evidence(climb="c1", rung="r1_prompt")) == "tone@1"
    assert registry.names.register("tone", second.id, Evidence(climb="c2")) == "tone@2"
    assert registry.names.register("tone", first.id, Evidence(climb="c3")) == "tone@3"
    assert registry.candidates.get("tone") == first
    assert registry.candidates.get("tone@2") == second
    assert [(row.name, row.version, row.candidate) for row in registry.names.all()] == [
        ("tone", 1, first.id),
        ("tone", 2, second.id),
        ("tone", 3, first.id),
    ]
    assert registry.names.all()[0].evidence == Evidence(climb="c1")
    assert registry.names.all()[0].rung == "r1_prompt"


def test_what_is_not_there_is_said_with_the_nearest_name(registry: Home) -> None:
    with pytest.raises(UserError, match="Nothing is registered yet"):
        registry.candidates.get("tone")
    candidate = a_candidate()
    registry.candidates.add(candidate, "t" * 64)
    registry.names.register("tone", candidate.id, Evidence())
    for wrong in ("tune", "tone@2", "tone@x"):
        with pytest.raises(UserError, match="Did you mean 'tone'"):
            registry.candidates.get(wrong)
    with pytest.raises(UserError, match="cannot be a name"):
        registry.names.register("../tone", candidate.id, Evidence())
    with pytest.raises(UserError, match="no candidate 000000000000 is stored"):
        registry.names.register("tone", "0" * 64, Evidence())


def test_a_beginning_that_two_ids_share_is_refused(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.registry.candidates.SHORTEST_PREFIX", 1)
    candidates = [a_candidate(str(i)) for i in range(17)]
    for candidate in candidates:
        registry.candidates.add(candidate, "t" * 64)
    firsts = [candidate.id[0] for candidate in candidates]
    shared = next(digit for digit in firsts if firsts.count(digit) > 1)
    with pytest.raises(UserError, match="the beginning of"):
        registry.candidates.get(shared)


def test_runs_come_back_whole(registry: Home) -> None:
    candidate = a_candidate()
    dev, gate = a_run(candidate), a_run(candidate, "gate")
    for run in (dev, gate, dev):
        registry.runs.add(run)
    assert registry.runs.of(candidate.id) == [dev, gate] == registry.runs.of(task="t" * 64)
    assert registry.runs.of("f" * 64) == []
    record = registry.runs.records(candidate.id)[0]
    assert (record.split, record.n, record.mean) == ("dev", 3, 0.5)


def test_facts_keep_their_order_and_the_last_word(registry: Home) -> None:
    for key, payload in [("plan", {"n": 1}), ("r0", None), ("plan", {"n": 2}), ("r1", [1.5])]:
        registry.climbs.put("c1", key, payload)
    registry.climbs.put("c1", "r1", [1.5])
    registry.climbs.put("c2", "plan", "other")
    assert (registry.climbs.fact("c1", "plan"), registry.climbs.fact("c1", "r9")) == ({"n": 2}, None)
    raw = sqlite3.connect(registry.path / "registry.db")
    assert raw.execute("SELECT count(*) FROM facts WHERE climb = 'c1'").fetchone() == (4,)
    raw.close()
    assert list(registry.climbs.facts("c1").items()) == [("plan", {"n": 2}), ("r0", None), ("r1", [1.5])]
    assert [record.climb for record in registry.climbs.all()] == ["c1", "c2"]
    with pytest.raises(ValueError, match="JSON compliant"):
        registry.climbs.put("c1", "bad", float("nan"))


def test_the_same_look_is_counted_once(registry: Home) -> None:
    for n in (100, 200, 100):
        registry.looks.add("t1", "cand", n)
    registry.looks.add("t2", "cand", 100)
    assert [(look.candidate, look.n) for look in registry.looks.of("t1")] == [("cand", 100), ("cand", 200)]


def test_a_task_is_kept_as_it_was_locked(registry: Home) -> None:
    locked, moved = a_task(path="task.yaml"), a_task(path="elsewhere.yaml")
    assert locked.digest == moved.digest
    for task in (locked, moved):
        registry.tasks.add(task)
    assert registry.tasks.get(locked.digest) == TaskRecord(name="tone", base="pip:llm", path="task.yaml")
    with pytest.raises(UserError, match="no task t2"):
        registry.tasks.get("t2")


def test_answers_are_kept_by_the_batch(registry: Home) -> None:
    said = {f"e{i}": Answer(text=str(i), latency_s=0.25, logprobs={"a": -1.5}) for i in range(2_000)}
    registry.answers.store("c", said)
    assert registry.answers.load("c", [*said, "unknown"]) == said
    assert registry.answers.load("other", ["e1"]) == {}
    registry.answers.store("c", {"e1": Answer(text="again")})
    assert registry.answers.load("c", ["e1"]) == {"e1": Answer(text="again")}
    with pytest.raises(ValueError, match="JSON compliant"):
        registry.answers.store("c", {"e2": Answer(text="lost"), "e3": Answer(text="bad", latency_s=float("inf"))})
    assert registry.answers.load("c", ["e2"])["e2"].text == "2"


def test_history_cannot_be_changed_or_removed(registry: Home) -> None:
    candidate = a_candidate()
    registry.candidates.add(candidate, "t" * 64)
    registry.runs.add(a_run(candidate))
    registry.names.register("tone", candidate.id, Evidence())
    registry.looks.add("t", candidate.id, 1)
    registry.climbs.put("c", "k", 1)
    registry.tasks.add(a_task())
    raw = sqlite3.connect(registry.path / "registry.db")
    for table in ("tasks", "candidates", "runs", "looks", "names", "facts"):
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET created = ''"):
            with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
                raw.execute(statement)
            raw.rollback()
    assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


def test_two_writers_at_once_are_refused_and_readers_are_not(registry: Home) -> None:
    with pytest.raises(UserError, match=rf"another climb \(pid {os.getpid()}, since 2.*is using this RUNG_HOME") as caught:
        open_home(write=True)
    assert "Wait until it has finished, or set RUNG_HOME" in caught.value.message
    registry.climbs.put("c", "k", 1)
    with open_home() as reader:
        assert reader.climbs.facts("c") == {"k": 1}
        with pytest.raises(RuntimeError, match="opened to read"):
            reader.climbs.put("c", "k", 2)
        with pytest.raises(RuntimeError, match="opened to read"):
            reader.blobs.put_bytes(b"x")


def test_the_lock_is_given_back(home: Path) -> None:
    for _ in range(2):
        open_home(write=True).close()


WRITER = """
import sys
from rung.registry.home import open_home
from rung.types import Answer
home = open_home(write=True)
print("ready", flush=True)
i = 0
while True:
    home.climbs.put("c", str(i), {"blob": home.blobs.put_bytes(b"%d" % i * 5000)})
    home.answers.store("c", {f"{i}-{j}": Answer(text="x") for j in range(20)})
    i += 1
"""


def test_kill_9_loses_nothing_that_was_said(home: Path) -> None:

    for round_ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        with open_home() as reader:
            while len(reader.climbs.facts("c")) < 5 * (round_ + 1) and writer.poll() is None:
                pass
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        with open_home(write=True) as reopened:
            facts = reopened.climbs.facts("c")
            assert len(facts) >= 5 * (round_ + 1)
            assert all(reopened.blobs.is_intact(fact["blob"]) for fact in facts.values())
            assert not (reopened.blobs.root / "tmp").exists()
            for i in range(len(facts)):
                known = reopened.answers.load("c", [f"{i}-{j}" for j in range(20)])
                assert len(known) in (0, 20)
                assert len(known) == 20 or i == len(facts) - 1


def test_a_home_of_another_version_is_refused(home: Path) -> None:
    open_home().close()
    (home / "format").write_text("7\n")
    with pytest.raises(BrokenEnvironment, match=r"has format '7'; rung \S+ uses format 1") as caught:
        open_home()
    assert caught.value.exit_code == 3


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
