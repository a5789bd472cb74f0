"""Who is climbing what. A climb is held by one process at a time; many climbs of one home are under way side by side.

A holder writes a sign of life every few seconds. On one machine a holder that died is known at once, however it died; one of
another machine is taken to be dead when its signs have stopped, by the database's clock. Whoever lost its lease that way cannot
write facts any more.
"""

from __future__ import annotations

import secrets
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from rung.errors import BrokenEnvironment, Busy, UserError
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.processes import Process, runs, this_process
from rung.registry.servers import clock

BEAT_S = 10.0
STALE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a climb, since when (ISO 8601, UTC), and the seconds since its last sign of life."""

    climb: str
    name: str
    process: Process
    since: str
    silent_s: float

    @property
    def alive(self) -> bool:
        """Whether it still holds it."""
        known = runs(self.process)
        return self.silent_s < STALE_S if known is None else known

    def __str__(self) -> str:
        elsewhere = f" on {self.process.host}" if self.process.host != this_process().host else ""
        return f"pid {self.process.pid}{elsewhere}, since {self.since[:19]} UTC"


class Lease:
    """A climb that this process holds. Close it, or use it as a context manager."""

    def __init__(self, leases: Leases, climb: str, token: str) -> None:
        self.climb, self.token = climb, token
        self._leases = leases
        self._ended = threading.Event()
        self._beating = threading.Thread(target=self._beat, name=f"lease-{climb[:8]}", daemon=True)
        self._beating.start()

    def __enter__(self) -> Lease:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the climb back."""
        if not self._ended.is_set():
            self._ended.set()
            self._beating.join()
            self._leases.give_back(self)

    def _beat(self) -> None:
        while not self._ended.wait(BEAT_S):
            with suppress(BrokenEnvironment):  # a busy or full disk, which the next beat may find mended
                self._leases.renew(self)


class Leases:
    """The leases of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._held: dict[str, Lease] = {}

    def take(self, climb: str, name: str, *, doing: str = "is climbing") -> Lease:
        """The lease on a climb of the task called `name`; the one that this home has already, where it has it.

        doing  what whoever holds it does with `name`, where that is not a climb

        Raises Busy, with who it is, where another process holds it.
        """
        if lease := self._held.get(climb):
            return lease
        token, process = secrets.token_hex(8), this_process()
        row = {"climb": climb, "name": name, "pid": process.pid, "host": process.host, "started": process.started, "token": token}
        with self._database.writing() as connection:
            holder = _holder(connection, climb)
            if holder and holder.alive:
                raise _refusal(holder, doing, self._database.path.parent)
            connection.execute(delete(tables.leases).where(tables.leases.c.climb == climb))
            connection.execute(insert(tables.leases), row | {"since": now(), "beat": clock(connection)})
        lease = self._held[climb] = Lease(self, climb, token)
        return lease

    def holder(self, climb: str) -> Holder | None:
        """The process that holds a climb; None where none does."""
        with self._database.reading() as connection:
            holder = _holder(connection, climb)
        return holder if holder and holder.alive else None

    def living(self) -> list[Holder]:
        """Who holds a climb now, the longest first."""
        with self._database.reading() as connection:
            held = connection.execute(select(tables.leases.c.climb).order_by(tables.leases.c.since)).scalars().all()
            found = [_holder(connection, climb) for climb in held]
        return [holder for holder in found if holder and holder.alive]

    def check(self, connection: Connection, climb: str) -> None:
        """Raises UserError where this home held a climb that another process has taken over since."""
        lease = self._held.get(climb)
        if lease and not _is_held(connection, lease):
            holder = _holder(connection, climb)
            by = f" by another process ({holder})" if holder else ""
            raise UserError(
                f"climb {climb[:12]} was taken over{by}",
                hint=f"This process gave no sign of life for {STALE_S:g} seconds; it stops here.",
            )

    def renew(self, lease: Lease) -> None:
        """A sign of life."""
        with self._database.writing() as connection:
            beat = clock(connection)
            connection.execute(update(tables.leases).where(tables.leases.c.token == lease.token).values(beat=beat))

    def give_back(self, lease: Lease) -> None:
        """Forgets a lease that has ended. What a full disk leaves of it ends with this process."""
        self._held.pop(lease.climb, None)
        with suppress(BrokenEnvironment), self._database.writing() as connection:
            connection.execute(delete(tables.leases).where(tables.leases.c.token == lease.token))

    def close(self) -> None:
        """Gives all back."""
        for lease in list(self._held.values()):
            lease.close()


def _holder(connection: Connection, climb: str) -> Holder | None:
    row: Any = connection.execute(select(tables.leases).where(tables.leases.c.climb == climb)).first()
    if row is None:
        return None
    process = Process(pid=row.pid, host=row.host, started=row.started)
    return Holder(climb=climb, name=row.name, process=process, since=row.since, silent_s=clock(connection) - row.beat)


def _is_held(connection: Connection, lease: Lease) -> bool:
    return connection.execute(select(tables.leases.c.climb).where(tables.leases.c.token == lease.token)).first() is not None


def _refusal(holder: Holder, doing: str, home: Path) -> Busy:
    return Busy(
        f"another process ({holder}) {doing} '{holder.name}'",
        where=str(home),
        hint="Wait until it has finished, or set RUNG_HOME to another folder.",
    )
