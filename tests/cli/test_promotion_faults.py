"""What the machine does to promote, rollback, approve, keys and verify: each says what is wrong, and leaves all as it was."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

sys.path.insert(0, str(Path(__file__).parents[1] / "promote"))
from databases import tampering
from shipped import ship

from rung.cli.app import run
from rung.registry import servers
from rung.registry.home import open_home

GOOD = [1.0] * 90 + [0.0] * 10
WRITES = [
    ["promote", "tone@1"],
    ["rollback", "tone"],
    ["approve", "tone@2", "--as", "bob"],
    ["keys", "rotate", "bob"],
    ["keys", "retire", "bob"],
    ["alias", "tone", "blue", "--to", "1"],
]


@pytest.fixture
def tone(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """tone@1 and tone@2, both were champion, the second is; bob is known."""
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.delenv("RUNG_IDENTITY", raising=False)
    with open_home(write=True) as opened:
        for version in [ship(opened, GOOD), ship(opened, GOOD)]:
            assert run(["promote", version.ref]) == 0
        opened.keys.make("bob")
    return home


def history(home: Path) -> tuple[Any, ...]:
    with open_home(home) as opened:
        assert opened.integrity.faults() == []
        return len(opened.audit.lines()), opened.aliases.history("tone"), opened.approvals.all(), opened.keys.all()


@contextmanager
def pragma(statement: str) -> Iterator[None]:
    """Said to SQLite on every connection that is opened within."""

    def say(connection: Any, _record: Any) -> None:
        connection.execute(statement)

    event.listen(Engine, "connect", say)
    try:
        yield
    finally:
        event.remove(Engine, "connect", say)


@pytest.mark.parametrize("typed", WRITES, ids=" ".join)
def test_a_database_that_another_holds_is_busy_and_nothing_is_written(
    tone: Path, typed: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = history(tone)
    monkeypatch.setattr(servers, "BUSY_TIMEOUT_MS", 20)
    holder = sqlite3.connect(tone / "registry.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    assert run(typed) == 3
    assert "the registry is busy" in capsys.readouterr().err
    assert run(["verify", "tone@1", "--replay", "0"]) == 0, "who reads does not wait"
    holder.execute("ROLLBACK")
    holder.close()
    assert history(tone) == before
    assert run(typed) == 0


def test_a_full_disk_is_said_and_the_history_holds(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw = sqlite3.connect(tone / "registry.db")
    pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.close()
    typed = ["approve", "tone@2", "--as", "bob"]
    with pragma(f"PRAGMA max_page_count={pages}"):
        codes = [run(typed) for _ in range(30)]
        assert run(["promote", "tone@1"]) in (0, 3)
    assert set(codes) == {0, 3}, "there was room for some"
    said = capsys.readouterr().err
    assert "no space left" in said and "Traceback" not in said
    with open_home() as opened:
        assert len(opened.approvals.all()) == codes.count(0)
    assert history(tone)
    assert run(typed) == 0, "when there is room again it goes on"


def test_a_registry_that_is_gone_is_not_taken_for_an_empty_one(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tone / "kept"
    kept.mkdir()
    for file in tone.glob("registry.db*"):
        shutil.move(file, kept)
    for typed in (["ls"], ["promote", "tone@1"], ["rollback", "tone"], ["verify"]):
        assert run(typed) == 3
        said = capsys.readouterr().err
        assert "registry.db is gone" in said and "Traceback" not in said
    assert not (tone / "registry.db").exists()
    for file in kept.iterdir():
        shutil.move(file, tone)
    assert run(["rollback", "tone"]) == 0


def test_a_champion_before_whose_file_has_vanished_is_not_gone_back_to(tone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = history(tone)
    with open_home() as opened:
        (weights,) = opened.candidates.get("tone@1").adapters
        place = opened.blobs.local(weights)
    place.rename(tone / "elsewhere")
    capsys.readouterr()
    assert run(["rollback", "tone"]) == 3
    assert f"the store has no blob {weights[:12]}" in capsys.readouterr().err
    assert history(tone) == before
    assert run(["verify", "--json"]) == 1
    assert any(f"no blob {weights[:12]}" in fault and "tone@1" in fault for fault in json.loads(capsys.readouterr().out)["broken"])
    (tone / "elsewhere").rename(place)
    assert run(["rollback", "tone"]) == 0


@pytest.mark.parametrize("typed", WRITES, ids=" ".join)
def test_a_home_that_a_newer_rung_has_written_is_left_alone(
    tone: Path, typed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with tampering(tone) as raw:
        raw.execute("INSERT INTO migrations VALUES (9999, 's9999_later', '99.0', '2099-01-01')")
    capsys.readouterr()
    assert run(typed) == 3
    assert "a newer rung (99.0) wrote this RUNG_HOME" in capsys.readouterr().err
    with tampering(tone) as raw:
        raw.execute("DELETE FROM migrations WHERE step = 9999")
        assert raw.execute("SELECT count(*) FROM alias_moves").fetchone() == (2,)


def test_answers_follow_an_alias_in_the_same_second(tone: Path) -> None:
    with open_home() as reader:
        assert reader.candidates.get("tone@champion") == reader.candidates.get("tone@2")
        assert run(["rollback", "tone"]) == 0
        assert reader.candidates.get("tone@champion") == reader.candidates.get("tone@1"), "nothing is remembered"


def test_ls_asks_for_the_documents_of_no_version_that_says_why_it_passed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A document is as long as a report: thousands of them are not read to list as many versions."""
    from documents import least_document

    from rung.climb.record import Record

    with open_home(write=True) as opened:
        for number in range(3):
            version = ship(opened, GOOD)
            climb = version.evidence.climb
            opened.climbs.begin(climb, form=4, task="t")
            Record(opened, climb).keep_document(least_document(climb, f"Ship it: {number}."))
    monkeypatch.setattr("rung.registry.ended.document_of", lambda *_: pytest.fail("a document was read"))
    with open_home() as opened:
        from rung.registry.ended import told_versions

        assert [one["sentence"] for one in told_versions(opened, opened.names.all())] == [
            "Ship it: 0.",
            "Ship it: 1.",
            "Ship it: 2.",
        ]
