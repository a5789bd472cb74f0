"""Which blobs were cleared away, and when: what the history names and the store lacks is either in here or lost."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import func, insert, select

from rung.registry import tables
from rung.registry.db import Database, now


class Cleared:
    """What was cleared out of one RUNG_HOME's store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, blobs: Mapping[str, int]) -> None:
        """Writes down that these blobs, of so many bytes, are cleared away; before they are."""
        rows = [{"blob": blob, "bytes": size, "created": now()} for blob, size in blobs.items()]
        if rows:
            with self._database.writing() as connection:
                connection.execute(insert(tables.removed), rows)

    def when(self) -> dict[str, str]:
        """The moment at which each was, by its digest."""
        columns = tables.removed.c
        rows = self._database.rows(select(columns.blob, func.max(columns.created).label("last")).group_by(columns.blob))
        return {row.blob: row.last for row in rows}
