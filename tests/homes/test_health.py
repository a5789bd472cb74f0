"""What `rung home` finds: what is missing, changed, named by nothing, or open to others."""

from __future__ import annotations

from pathlib import Path

import pytest
from databases import tampering
from shipped import ship

from rung.errors import BrokenEnvironment, RungError, UserError
from rung.homes.health import health
from rung.homes.inventory import counted, parts, settings
from rung.homes.other import label_of, other_home
from rung.progress import Silent
from rung.registry.home import Home, open_home

GOOD = [1.0] * 9 + [0.0]


def test_a_home_that_is_whole(mine: Home) -> None:
    ship(mine, GOOD)
    for deep in (False, True):
        found = health(mine, Silent(), deep=deep)
        assert found.whole and (found.needed, found.named, found.unnamed) == (2, 2, 0)
        assert found.hashed == (2 if deep else 0)


def test_what_is_missing_is_said_with_what_needs_it(mine: Home) -> None:
    ship(mine, GOOD)
    candidate = mine.candidates.get("tone")
    (record,) = mine.runs.records(candidate.id)
    mine.blobs.local(record.blob).unlink()
    assert health(mine, Silent()).faults == (f"the blob {record.blob[:12]} is missing, of the answers of tone@1",)


def test_a_changed_blob_is_found_when_all_are_hashed(mine: Home) -> None:
    ship(mine, GOOD)
    (digest,) = mine.candidates.get("tone").adapters
    file = mine.blobs.local(digest) / "weights"
    file.chmod(0o644)
    file.write_bytes(b"x")
    assert health(mine, Silent()).whole
    assert health(mine, Silent(), deep=True).faults == (f"the blob {digest[:12]} was changed, of tone@1",)


def test_blobs_that_nothing_names_are_counted_and_lost_trials_remarked(mine: Home) -> None:
    from rung.types import Candidate

    mine.blobs.put_bytes(b"an import that was killed")
    lost = mine.blobs.put_bytes(b"lost")
    mine.candidates.add(Candidate(rung="r", base="pip:llm@sha256:00", adapters=(lost,)), "t")
    mine.blobs.local(lost).unlink()
    found = health(mine, Silent())
    assert found.whole and (found.unnamed, found.unnamed_bytes) == (1, 25)
    assert f"`rung gc` did not clear them away (the first: {lost[:12]})" in found.remarks[0]


def test_a_private_key_that_others_may_read_and_a_climb_under_way(mine: Home) -> None:
    ship(mine, GOOD)
    (mine.path / "keys" / "anna.key").chmod(0o644)
    with mine.leases.take("c1" * 32, "tone"):
        found = health(mine, Silent())
    assert "anna.key can be read by others: chmod 600" in found.faults[0]
    assert "under way: the climb c1c1c1c1c1c1 of 'tone'" in found.remarks[0]


def test_a_damaged_database_is_found(mine: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ship(mine, GOOD)
    mine._database.close()
    with tampering(mine.path) as raw:
        raw.execute("PRAGMA writable_schema=ON")
        raw.execute(
            "UPDATE sqlite_master SET sql = replace(sql, 'evidence TEXT NOT NULL', 'evidence INTEGER') WHERE name = 'names'"
        )
        raw.execute("DELETE FROM sqlite_master WHERE name = 'ix_runs_task'")
    assert "registry.db is damaged" in health(mine, Silent(), deep=True).faults[0]


def test_every_part_has_its_place_and_size(mine: Home) -> None:
    ship(mine, GOOD)
    (mine.path / "downloads").mkdir()
    (mine.path / "downloads" / "data").write_bytes(b"x" * 1234)
    (mine.path / "notes").write_bytes(b"x" * 10)
    (mine.path / "downloads" / "link").symlink_to("/etc")
    found = {part.name: part for part in parts(mine, Silent())}
    assert list(found)[:2] == ["registry", "blobs"] and found["blobs"].files == 2
    assert found["registry"].bytes > 10_000 and found["registry"].where == str(mine.path / "registry.db")
    assert found["downloads"].bytes >= 1234 and found["keys"].files == 2
    assert found["notes"].said == "not Rung's" and "format" not in found
    assert counted(mine.path / "downloads" / "data") == (1, 1234)


def test_no_secret_of_the_environment_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    monkeypatch.setenv("RUNG_API_KEY", "hunter3")
    monkeypatch.setenv("RUNG_DEVICE", "cpu")
    told = settings()
    assert told["AWS_SECRET_ACCESS_KEY"] == told["RUNG_API_KEY"] == "set" and told["RUNG_DEVICE"] == "cpu"
    assert "hunter" not in str(told)


def test_another_home_must_be_there_and_be_another(mine: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="there is no RUNG_HOME here") as caught, other_home(str(tmp_path), mine.path, write=True):
        pass
    assert "rung home makes one" in caught.value.hint and not (tmp_path / "format").exists()
    with pytest.raises(UserError, match="the home that you are in"), other_home(f"{mine.path}/../home", mine.path, write=False):
        pass
    monkeypatch.setenv("RUNG_BLOBS", "memory://mine")
    open_home(tmp_path / "other", places=None).close()
    monkeypatch.setenv("RUNG_BLOBS", "memory://yours")
    with other_home(str(tmp_path / "other"), mine.path, write=False) as other:
        assert other.blobs.where == "memory://mine", "the environment speaks of one's own home"
    (tmp_path / "other" / "format").write_text("9\n")
    with pytest.raises(BrokenEnvironment, match="has format '9'"), other_home(str(tmp_path / "other"), mine.path, write=False):
        pass


def test_a_database_without_a_registry_is_no_home(mine: Home) -> None:
    pytest.importorskip("psycopg")
    for url, words in (
        ("postgresql://rung@127.0.0.1:1/rung", "cannot be reached"),
        ("mysql://db/rung", "not the address of a PostgreSQL database"),
    ):
        with pytest.raises(RungError, match=words), other_home(url, mine.path, write=True):
            pass


@pytest.mark.parametrize(
    ("where", "given", "label"),
    [
        ("/mnt/team/rung", None, "rung"),
        ("/home/anna/.rung", None, "anna"),
        ("postgresql://team@db.example/rung?options=x", None, "db.example-rung"),
        ("/mnt/a b", None, "a_b"),
        ("/mnt/x", "laptop", "laptop"),
    ],
)
def test_a_home_is_called_by_what_is_given_or_where_it_is(where: str, given: str | None, label: str) -> None:
    assert label_of(where, given) == label


def test_a_word_that_cannot_be_a_homes_name() -> None:
    with pytest.raises(UserError, match="cannot be the name of a home"):
        label_of(None, "my laptop")
    assert label_of(None, None)
