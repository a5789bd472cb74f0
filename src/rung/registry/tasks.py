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
    """A task as it was when it was locked: its name, its base's reference, the path of its file as it was given in `folder`, and
    its base's adapters (digests).

    A record of before does not know the folder (""), nor the adapters (None).
    """

    name: str
    base: str
    path: str
    adapters: tuple[str, ...] | None = None
    folder: str = ""

    @property
    def file(self) -> Path:
        """The task file, from wherever it is looked for."""
        return Path(self.folder) / self.path


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # the folder is gone
        return ""


class Tasks:
    """The tasks of one RUNG_HOME, by digest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, task: Task) -> None:
        """Keeps what a locked task was; a task already known is left as it is."""
        record = TaskRecord(name=task.name, base=task.base, path=task.path, adapters=task.base_adapters, folder=_here())
        self._database.append(tables.tasks, {"digest": task.digest, "summary": canonical_json(asdict(record))})

    def get(self, digest: str) -> TaskRecord:
        """What `add` kept. Raises UserError where there is none."""
        found = self._database.rows(select(tables.tasks.c.summary).where(tables.tasks.c.digest == digest))
        if not found:
            raise UserError(f"no task {digest[:12]} is registered", where=str(self._database.path.parent))
        return from_json(TaskRecord, json.loads(found[0].summary))
