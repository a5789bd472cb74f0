"""What a home keeps of each locked task: its settings, each row by digest and place, and the test rows as they were.

From it the lock can be computed again, and its answers judged again, when the task file has moved on; and it says which rows a
version has seen. Rows that were trained on are kept by digest alone.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from sqlalchemy import select

from rung.errors import BrokenEnvironment
from rung.json_form import Misfit, as_json, canonical_json, from_json
from rung.merkle import SaltedSet, merkle_root
from rung.registry import tables
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.servers import add_once
from rung.storage import Blobs
from rung.types import SPLITS, Example, Task

LOCKED = "lock"  # the kind of its line in the audit
FORM = 1


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A split's rows: `data`, the Merkle root of their digests in their order; `root` of the salted set of the `n` of them."""

    data: str
    root: str
    n: int


@dataclass(frozen=True, kw_only=True)
class KeptLock:
    """A locked task without its rows (`settings`, as JSON), and of each row, in the task's order, what is known of it.

    secret  what the leaves of the salted sets are salted by, 64 hex digits
    folder  where the task file was; `places` are `file:line`, as it called them
    keys    of a row's texts (`rung.data.digest.text_keys`)
    slices  by the row's number, of rows that have some
    learnt  rung -> numbers of the rows that it learns from, where these are not all of train
    """

    settings: Mapping[str, Any]
    secret: str
    folder: str
    digests: Sequence[str]
    ids: Sequence[str]
    groups: Sequence[str]
    splits: Sequence[str]
    places: Sequence[str]
    keys: Sequence[Sequence[str]]
    slices: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    learnt: Mapping[str, Sequence[int]] = field(default_factory=dict)

    @cached_property
    def task(self) -> Task:
        """The task, without any row. Raises Misfit where another version of rung wrote it."""
        return from_json(Task, {**self.settings, "examples": []})

    @cached_property
    def lock(self) -> str:
        """The digest of the task, computed again. Raises Misfit where another version of rung wrote it."""
        marks = zip(self.digests, self.groups, self.splits, range(len(self.digests)), strict=True)
        return self.task.lock_of([(name, group, split, self.slices.get(str(n), {})) for name, group, split, n in marks])

    def of(self, split: str) -> list[str]:
        """The digests of a split's rows, in their order."""
        return [name for name, at in zip(self.digests, self.splits, strict=True) if at == split]

    def salted(self, split: str) -> SaltedSet:
        """A split's rows as a set whose members can be proved."""
        return SaltedSet(self.of(split), bytes.fromhex(self.secret))

    @cached_property
    def trees(self) -> dict[str, Tree]:
        """Each split that has rows."""
        found = {}
        for split in SPLITS:
            if digests := self.of(split):
                salted = self.salted(split)
                found[split] = Tree(data=merkle_root(digests), root=salted.root, n=salted.n)
        return found


@dataclass(frozen=True, kw_only=True)
class LockRecord:
    """That a home keeps a lock: the task's digest, the blobs with what is kept and with the test `rows` themselves, the roots."""

    task: str
    blob: str
    rows: str
    trees: Mapping[str, Tree]
    created: str

    @property
    def told(self) -> dict[str, Any]:
        """What its line in the audit says."""
        return {"task": self.task, "blob": self.blob, "rows": self.rows, "trees": as_json(self.trees)}


class Locks:
    """What one RUNG_HOME keeps of its locked tasks."""

    def __init__(self, database: Database, audit: Audit, blobs: Blobs) -> None:
        self._database, self._audit, self._blobs = database, audit, blobs

    def keep(self, kept: KeptLock, examples: Sequence[Example]) -> str:
        """Keeps a lock, with the test rows among `examples`; returns the task's digest. One that is kept already stays as it is."""
        if self.record(kept.lock) is not None:
            return kept.lock
        rows = self._blobs.put_bytes(packed([as_json(row) for row in examples if row.split == "test"]))
        stored = {one.name: getattr(kept, one.name) for one in fields(kept)}
        blob = self._blobs.put_bytes(packed({"form": FORM, **stored}))
        record = LockRecord(task=kept.lock, blob=blob, rows=rows, trees=kept.trees, created=now())
        with self._database.writing() as connection:
            known = connection.execute(select(tables.locks.c.seq).where(tables.locks.c.task == record.task)).first()
            if known is None:
                row = {**record.told, "trees": canonical_json(record.told["trees"])}
                add_once(connection, tables.locks, {**row, "created": record.created})
                self._audit.append(LOCKED, record.task, record.told)
        return record.task

    def record(self, task: str) -> LockRecord | None:
        """That the lock of a task (digest) is kept; None where it is not."""
        return next(iter(self._records(tables.locks.c.task == task)), None)

    def all(self) -> list[LockRecord]:
        """Every lock that is kept; oldest first."""
        return self._records()

    def get(self, record: LockRecord) -> KeptLock:
        """What was kept. Raises BrokenEnvironment where the blob is gone or cannot be read."""
        stored = self._read(record.blob)
        known = {one.name for one in fields(KeptLock)}
        if not isinstance(stored, dict) or stored.pop("form", None) != FORM or set(stored) != known:
            raise self._unreadable(record.blob)
        return KeptLock(**stored)

    def rows(self, record: LockRecord) -> list[Example]:
        """The test rows as they were. Raises BrokenEnvironment where their blob is gone or cannot be read."""
        try:
            return [from_json(Example, row) for row in self._read(record.rows)]
        except (Misfit, TypeError):
            raise self._unreadable(record.rows) from None

    def _read(self, blob: str) -> Any:
        with self._blobs.open(blob) as stream:
            data = stream.read()
        try:
            return json.loads(gzip.decompress(data).decode("utf-8", "surrogatepass"))
        except (OSError, EOFError, ValueError):
            raise self._unreadable(blob) from None

    def _unreadable(self, blob: str) -> BrokenEnvironment:
        return BrokenEnvironment(f"what was kept of a lock, the blob {blob[:12]}, cannot be read", hint="`rung verify` says more.")

    def _records(self, *which: Any) -> list[LockRecord]:
        wanted = select(tables.locks).where(*which).order_by(tables.locks.c.seq)
        return [
            LockRecord(task=row.task, blob=row.blob, rows=row.rows, trees=trees_of(row.trees), created=row.created)
            for row in self._database.rows(wanted)
        ]


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the line of a stored row says. Raises ValueError where its roots cannot be read."""
    return {"task": row["task"], "blob": row["blob"], "rows": row["rows"], "trees": json.loads(row["trees"])}


def trees_of(text: str) -> dict[str, Tree]:
    """The roots as they are stored. Raises ValueError where the text is none of ours any more."""
    return {split: from_json(Tree, tree) for split, tree in json.loads(text).items()}


def packed(document: Any) -> bytes:
    """JSON, compressed; the same bytes for the same document."""
    text = json.dumps(document, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return gzip.compress(text.encode("utf-8", "surrogatepass"), mtime=0)
