"""Files that tenants have uploaded: their bytes are blobs, and each tenant sees its own."""

from __future__ import annotations

import secrets
import time
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Select, delete, func, insert, or_, select

from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.store import BlobStore

PREFIX = "file-"


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    """One file of a tenant's.

    id       `file-` and 24 hex digits
    digest   SHA-256 of its bytes, the blob that holds them
    expires  seconds since 1970 after which it is gone; None where it stays until it is deleted
    created  ISO 8601, UTC
    """

    id: str
    tenant: str
    filename: str
    purpose: str
    bytes: int
    digest: str
    expires: float | None = None
    created: str = ""


class Files:
    """The tenants' files of one RUNG_HOME. What has expired is not there, and goes when somebody looks."""

    def __init__(self, database: Database, blobs: BlobStore) -> None:
        self._database, self._blobs = database, blobs

    def add(self, file: StoredFile) -> StoredFile:
        """Enters a file whose bytes are in the store; gives it its id and its moment."""
        kept = replace(file, id=PREFIX + secrets.token_hex(12), created=now())
        with self._database.writing() as connection:
            connection.execute(insert(tables.files), asdict(kept))
        return kept

    def get(self, tenant: str, name: str) -> StoredFile | None:
        """A tenant's file by its id; None where it has none of that id."""
        found = self._database.rows(_living(tenant).where(tables.files.c.id == name))
        return _file(found[0]) if found else None

    def of(
        self, tenant: str, *, purpose: str = "", after: StoredFile | None = None, limit: int = 10_000, newest_first: bool = True
    ) -> list[StoredFile]:
        """A tenant's files; the next page begins behind `after`."""
        seq = tables.files.c.seq
        wanted = _living(tenant)
        if purpose:
            wanted = wanted.where(tables.files.c.purpose == purpose)
        if after is not None:
            place = select(seq).where(tables.files.c.id == after.id).scalar_subquery()
            wanted = wanted.where(seq < place if newest_first else seq > place)
        rows = self._database.rows(wanted.order_by(seq.desc() if newest_first else seq).limit(limit))
        return [_file(row) for row in rows]

    def stored_bytes(self, tenant: str) -> int:
        """What a tenant's files take in all."""
        columns = tables.files.c
        wanted = select(func.coalesce(func.sum(columns.bytes), 0)).where(columns.tenant == tenant)
        return int(self._database.rows(wanted)[0][0])

    def delete(self, tenant: str, name: str) -> bool:
        """Takes a file away, and its bytes where no other file has the same; whether it was there."""
        file = self.get(tenant, name)
        if file is None:
            return False
        self._drop([file])
        return True

    def sweep(self) -> int:
        """Takes away what has expired; returns how many files that were."""
        columns = tables.files.c
        gone = [_file(row) for row in self._database.rows(select(tables.files).where(columns.expires <= time.time()))]
        self._drop(gone)
        return len(gone)

    def _drop(self, files: list[StoredFile]) -> None:
        columns = tables.files.c
        for file in files:
            with self._database.writing() as connection:
                connection.execute(delete(tables.files).where(columns.id == file.id))
                others = connection.execute(select(columns.id).where(columns.digest == file.digest).limit(1)).first()
            if others is None:
                # What somebody puts there from now on is younger, and stays.
                self._blobs.remove(file.digest, time.time())


def _living(tenant: str) -> Select[Any]:
    columns = tables.files.c
    lives = or_(columns.expires.is_(None), columns.expires > time.time())
    return select(tables.files).where(columns.tenant == tenant, lives)


def _file(row: Any) -> StoredFile:
    fields = dict(row._mapping)
    del fields["seq"]
    return StoredFile(**fields)
