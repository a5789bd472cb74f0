"""What Candidates answered: each Run's rows in a blob, and its figures in the database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from rung.registry import records, tables
from rung.registry.db import Database
from rung.storage import Blobs
from rung.types import Run


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A Run without its rows. `mean` is that of `quality`, None where no row has a score; `blob` holds the rows."""

    id: str
    candidate: str
    task: str
    split: str
    n: int
    mean: float | None
    blob: str
    created: str


class Runs:
    """The Runs of one RUNG_HOME."""

    def __init__(self, database: Database, blobs: Blobs) -> None:
        self._database, self._blobs = database, blobs

    def add(self, run: Run) -> str:
        """Keeps a Run, its rows as a blob; returns its id."""
        blob = self._blobs.put_bytes(records.dump(run).encode("utf-8", "surrogatepass"))
        figures = {"candidate": run.candidate, "task": run.task, "split": run.split, "n": len(run.rows), "mean": run.mean()}
        self._database.append(tables.runs, {"id": blob, "blob": blob, **figures})
        return blob

    def get(self, run_id: str) -> Run:
        """The Run that `add` gave this id."""
        with self._blobs.open(run_id) as stream:
            run = records.run(stream.read().decode("utf-8", "surrogatepass"))
        # What a migration has renamed since is right in the database alone: a blob never changes.
        now = self._database.rows(select(tables.runs.c.candidate, tables.runs.c.split).where(tables.runs.c.id == run_id))
        return replace(run, candidate=now[0].candidate, split=now[0].split) if now else run

    def of(self, candidate: str | None = None, task: str | None = None) -> list[Run]:
        """The Runs of a candidate (id), of a task (digest), or all; oldest first."""
        return [self.get(record.blob) for record in self.records(candidate, task)]

    def records(self, candidate: str | None = None, task: str | None = None) -> list[RunRecord]:
        """The same without reading their rows."""
        columns = tables.runs.c
        wanted: Any = select(*[column for column in columns if column.name != "seq"]).order_by(columns.seq)
        if candidate:
            wanted = wanted.where(columns.candidate == candidate)
        if task:
            wanted = wanted.where(columns.task == task)
        return [RunRecord(**row._mapping) for row in self._database.rows(wanted)]
