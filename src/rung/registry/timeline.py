"""What the history's moments say of its order, which is that of writing: the clock of a machine can go back."""

from __future__ import annotations

from sqlalchemy import func, select

from rung.errors import UserError
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.moments import LAST_OF_A_DAY, read_moment

WRITTEN = (tables.names, tables.alias_moves)


class Timeline:
    """The moments of one RUNG_HOME's versions and aliases."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def moment(self, text: str) -> str:
        """The moment that a person asks for, as the history writes moments; today is what is now.

        Raises UserError for what is no moment, and for one that is yet to come, also by the clock that wrote the history.
        """
        asked = read_moment(text)
        with self._database.reading() as connection:
            written = [connection.execute(select(func.max(table.c.created))).scalar() for table in WRITTEN]
        latest = max(now(), *[moment or "" for moment in written])
        is_today = asked[:10] == latest[:10] and asked[11:].startswith(LAST_OF_A_DAY.isoformat("milliseconds"))
        if asked > latest and not is_today:
            said = asked[:16].replace("T", " ")
            raise UserError(f"{said} UTC is yet to come", hint="Without it you see what is now.")
        return asked

    def late(self, moment: str) -> int:
        """How many entries that say they are from before a moment were written after one that says it is from behind it."""
        found = 0
        with self._database.reading() as connection:
            for table in WRITTEN:
                columns = table.c
                behind = select(func.min(columns.seq)).where(columns.created > moment).scalar_subquery()
                late = select(func.count()).where(columns.created <= moment, columns.seq > behind)
                found += connection.execute(late).scalar_one()
        return found
