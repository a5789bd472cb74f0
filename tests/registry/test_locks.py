"""What a home keeps of a locked task gives the lock again, once, and says where it is not what was kept."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "promote"))
from databases import tampering
from locked import a_task, row

from rung.climb.keeping import keep_lock, kept_lock
from rung.data.digest import data_digests
from rung.errors import BrokenEnvironment
from rung.registry.home import Home, open_home
from rung.types import Bar

ROWS = [replace(row(n, split), slices={"language": "de"} if n % 2 else {}) for n, split in enumerate(["train"] * 3 + ["test"] * 2)]
TASK = a_task(
    "tone",
    ROWS,
    guards=(Bar(scorer="choice", at_most=0.1, name="rude", accepts=("case",), where={"language": "de"}, cost={"a->b": 2}),),
    settings={"r1_prompt": {"demonstrations": [2]}},
    prices={"in": 0.1},
    alpha_shares="equal",
    base_adapters=("ab" * 32,),
)


def test_what_is_kept_gives_the_same_lock_and_the_test_rows(registry: Home) -> None:
    assert keep_lock(TASK, registry) and keep_lock(TASK, registry)
    (record,) = registry.locks.all()
    kept = registry.locks.get(record)
    assert kept.lock == record.task == TASK.digest
    assert {split: tree.data for split, tree in record.trees.items()} == data_digests(TASK.examples)
    assert kept.trees == record.trees
    rows = registry.locks.rows(record)
    assert [one.digest for one in rows] == [one.digest for one in TASK.split("test")]
    assert [(one.id, one.source, one.target) for one in rows] == [(one.id, one.source, one.target) for one in TASK.split("test")]
    assert [line.kind for line in registry.audit.lines(TASK.digest)] == ["lock"]
    assert registry.integrity.faults() == []
    with open_home() as again:
        assert again.locks.record(TASK.digest) == record
        assert again.locks.record("00" * 32) is None


def test_rows_that_were_trained_on_are_kept_by_digest_alone(registry: Home, home: Path) -> None:
    import gzip

    keep_lock(TASK, registry)
    stored = [gzip.decompress(file.read_bytes()) for file in (home / "blobs").glob("??/*")]
    words = [str(one.messages[0]["content"]).encode() for one in TASK.examples]
    assert [any(word in text for text in stored) for word in words] == [one.split == "test" for one in TASK.examples]


@pytest.mark.sqlite
def test_two_homes_salt_the_same_rows_otherwise(registry: Home, tmp_path: Path) -> None:
    keep_lock(TASK, registry)
    with open_home(tmp_path / "another", write=True) as other:
        keep_lock(TASK, other)
        (mine,), (theirs,) = registry.locks.all(), other.locks.all()
        assert mine.trees["train"].data == theirs.trees["train"].data
        assert mine.trees["train"].root != theirs.trees["train"].root


def test_a_task_that_cannot_be_written_down_the_same_is_not_kept(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = replace(kept_lock(TASK), groups=["another"] * len(ROWS))
    monkeypatch.setattr("rung.climb.keeping.kept_lock", lambda _task: odd)
    assert not keep_lock(TASK, registry)
    assert registry.locks.all() == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE locks SET blob = 'ab'", f"{TASK.digest} in locks was changed"),
        ("UPDATE locks SET trees = '{}'", f"{TASK.digest} in locks was changed"),
        ("UPDATE locks SET trees = '{'", "of locks was changed: it cannot be read"),
        ("DELETE FROM locks", f"{TASK.digest} is gone from locks"),
        ("UPDATE locks SET task = 'other'", "other in locks is not in the audit"),
    ],
)
def test_a_tampered_lock_is_found_by_name(registry: Home, statement: str, words: str) -> None:
    keep_lock(TASK, registry)
    with tampering(registry.path) as raw:
        raw.execute(statement)
    assert any(words in fault for fault in registry.integrity.faults()), registry.integrity.faults()


def test_a_blob_that_is_gone_or_another_thing_is_said(registry: Home) -> None:
    keep_lock(TASK, registry)
    (record,) = registry.locks.all()
    file = registry.blobs.local(record.blob)
    file.chmod(0o644)
    for content in (b"", b"x", b"\x1f\x8b", file.read_bytes()[:-9]):
        file.write_bytes(content)
        with pytest.raises(BrokenEnvironment, match="cannot be read"):
            registry.locks.get(record)
    file.unlink()
    with pytest.raises(BrokenEnvironment, match="the store has no blob"):
        registry.locks.get(record)
