"""What each locked task was."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import select

from rung.errors import UserError
from rung.json_form import canonical_json, from_json
from rung.registry import tables
from rung.registry.db import Database
from rung.types import Task


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A task as it was when it was locked: its name, its base's reference, the path of its file, its base's adapters (digests).

    `adapters` is None in a record of before: which they were is not known.
    """

    name: str
    base: str
    path: str
    adapters: tuple[str, ...] | None = None


class Tasks:
    """The tasks of one RUNG_HOME, by digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, task: Task) -> None:
        """Keeps what a locked task was; a task already known is left as it is."""
        path = str(Path(task.path).absolute()) if task.path else ""  # it is looked for from other folders than this one
        record = TaskRecord(name=task.name, base=task.base, path=path, adapters=task.base_adapters)
        self._database.append(tables.tasks, {"digest": task.digest, "summary": canonical_json(asdict(record))})

    def get(self, digest: str) -> TaskRecord:
        """What `add` kept. Raises UserError where there is none."""
        found = self._database.rows(select(tables.tasks.c.summary).where(tables.tasks.c.digest == digest))
        if not found:
            raise UserError(f"no task {digest[:12]} is registered", where=str(self._database.path.parent))
        return from_json(TaskRecord, json.loads(found[0].summary))
