"""The workers of a home: who is there to run jobs. It is told to people, and nothing is decided by it."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.processes import Process, runs
from rung.registry.servers import clock

STALE_S = 60.0
FORGOTTEN_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Worker:
    """A worker, the version of its rung, since when it is there (ISO 8601, UTC), and the seconds since its last sign of life."""

    token: str
    process: Process
    version: str
    since: str
    silent_s: float

    @property
    def alive(self) -> bool:
        """Whether it is still there, as far as can be told from here."""
        known = runs(self.process)
        return self.silent_s < STALE_S if known is None else known


class Workers:
    """The workers of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, process: Process, version: str) -> str:
        """Enters a worker; gives its token. Forgets those that have been dead for long."""
        token = secrets.token_hex(8)
        row = {"token": token, "pid": process.pid, "host": process.host, "started": process.started, "version": version}
        with self._database.writing() as connection:
            moment, columns = clock(connection), tables.workers.c
            connection.execute(delete(tables.workers).where(columns.beat < moment - FORGOTTEN_S))
            connection.execute(insert(tables.workers), row | {"since": now(), "beat": moment})
        return token

    def beat(self, token: str) -> bool:
        """A sign of life; False where the worker is not entered any more."""
        with self._database.writing() as connection:
            changed = update(tables.workers).where(tables.workers.c.token == token).values(beat=clock(connection))
            return connection.execute(changed).rowcount == 1

    def leave(self, token: str) -> None:
        """Takes a worker out."""
        with self._database.writing() as connection:
            connection.execute(delete(tables.workers).where(tables.workers.c.token == token))

    def all(self) -> list[Worker]:
        """Those that are entered, the first one first; some may be dead."""
        with self._database.reading() as connection:
            moment = clock(connection)
            rows = connection.execute(select(tables.workers).order_by(tables.workers.c.since)).all()
        return [_worker(row, moment) for row in rows]


def _worker(row: Any, moment: float) -> Worker:
    process = Process(pid=row.pid, host=row.host, started=row.started)
    return Worker(token=row.token, process=process, version=row.version, since=row.since, silent_s=moment - row.beat)
