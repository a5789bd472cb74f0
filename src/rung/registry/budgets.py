"""Budgets: what tenants have taken in a day and in a month (UTC), and what is put aside for questions that are under way.

Every server of a home counts in the same rows, and asks the database what time it is. What a server that died had put aside counts
as taken: nobody knows what it came to.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from rung.registry.db import Database
from rung.registry.scopes import Scope
from rung.registry.served_tables import put_aside, spending
from rung.registry.servers import add_once, clock


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a tenant has taken in a period: a day (`2026-11-03`) or a month (`2026-11`), with what is put aside."""

    period: str
    questions: int = 0
    tokens: int = 0
    usd: float = 0.0


@dataclass(frozen=True, kw_only=True)
class UsedUp:
    """A budget that a question does not fit into: its setting, the bound, what is taken, and the seconds until the next period."""

    setting: str
    bound: float
    taken: float
    until_s: float


@dataclass(frozen=True, kw_only=True)
class Aside:
    """What is put aside for a question. `day` is the one that it counts in."""

    id: str
    tenant: str
    day: str
    tokens: int
    usd: float


class Budgets:
    """The budgets of one RUNG_HOME's tenants. What writes is done in a transaction of the caller's, where there is one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put_aside(self, tenant: str, scope: Scope, segment: str, tokens: int, usd: float) -> Aside | UsedUp:
        """Puts aside what a question may take, or says which budget it does not fit into."""
        with self._database.writing() as connection:
            moment = datetime.fromtimestamp(clock(connection), UTC)
            day = moment.date().isoformat()
            for setting, ask in _asked(scope, tokens, usd):
                bound: float = getattr(scope, setting)
                period = day if setting.endswith("day") else day[:7]
                known = _taken(connection, tenant, period)
                so_far = known.tokens if setting.startswith("tokens") else known.usd
                if so_far + ask > bound:
                    return UsedUp(setting=setting, bound=bound, taken=so_far, until_s=_until_next(moment, period))
            aside = Aside(id=secrets.token_hex(8), tenant=tenant, day=day, tokens=tokens, usd=float(usd))
            row = {"id": aside.id, "tenant": tenant, "segment": segment, "day": day, "tokens": tokens, "usd": aside.usd}
            connection.execute(insert(put_aside), row)
        return aside

    def settle(self, aside: Aside, *, questions: int, tokens: int, usd: float) -> None:
        """Counts what a question came to take, in the place of what was put aside; nothing where that is not put aside any more."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(put_aside).where(put_aside.c.id == aside.id)).rowcount
            if gone:
                _count(connection, aside.tenant, aside.day, questions, tokens, usd)

    def bury(self, segments: set[str]) -> int:
        """Counts as taken what servers put aside that are not among these any more; gives how many questions it was for."""
        with self._database.writing() as connection:
            rows: list[Any] = [row for row in connection.execute(select(put_aside)).all() if row.segment not in segments]
            for row in rows:
                _count(connection, row.tenant, row.day, 1, row.tokens, row.usd)
                connection.execute(delete(put_aside).where(put_aside.c.id == row.id))
        return len(rows)

    def now(self, tenant: str) -> tuple[Taken, Taken]:
        """What a tenant has taken today and this month."""
        with self._database.reading() as connection:
            day = datetime.fromtimestamp(clock(connection), UTC).date().isoformat()
            return _taken(connection, tenant, day), _taken(connection, tenant, day[:7])

    def of(self, tenant: str) -> list[Taken]:
        """What a tenant has taken, by day and by month; the newest first."""
        wanted = select(spending).where(spending.c.tenant == tenant).order_by(spending.c.period.desc())
        return [
            Taken(period=row.period, questions=row.questions, tokens=row.tokens, usd=row.usd) for row in self._database.rows(wanted)
        ]


def _asked(scope: Scope, tokens: int, usd: float) -> list[tuple[str, float]]:
    """The budgets that there are, with what a question may take of each."""
    asked = {"tokens_per_day": tokens, "tokens_per_month": tokens, "usd_per_day": usd, "usd_per_month": usd}
    return [(setting, ask) for setting, ask in asked.items() if getattr(scope, setting) is not None]


def _taken(connection: Connection, tenant: str, period: str) -> Taken:
    row: Any = connection.execute(select(spending).where(spending.c.tenant == tenant, spending.c.period == period)).first()
    columns = put_aside.c
    aside = select(func.count(), func.coalesce(func.sum(columns.tokens), 0), func.coalesce(func.sum(columns.usd), 0.0))
    aside = aside.where(columns.tenant == tenant, columns.day.startswith(period, autoescape=True))
    questions, tokens, usd = connection.execute(aside).one()
    questions, tokens, usd = int(questions), int(tokens), float(usd)
    if row is not None:
        questions, tokens, usd = questions + row.questions, tokens + row.tokens, usd + row.usd
    return Taken(period=period, questions=questions, tokens=tokens, usd=usd)


def _count(connection: Connection, tenant: str, day: str, questions: int, tokens: int, usd: float) -> None:
    for period in (day, day[:7]):
        add_once(connection, spending, {"tenant": tenant, "period": period, "questions": 0, "tokens": 0, "usd": 0.0})
        more = {"questions": spending.c.questions + questions, "tokens": spending.c.tokens + tokens, "usd": spending.c.usd + usd}
        columns = spending.c
        connection.execute(spending.update().where(columns.tenant == tenant, columns.period == period).values(**more))


def _until_next(moment: datetime, period: str) -> float:
    """Seconds until the next day or month begins."""
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    following = (
        midnight + timedelta(days=1)
        if len(period) == len("2026-11-03")
        else (midnight.replace(day=1) + timedelta(days=32)).replace(day=1)
    )
    return (following - moment).total_seconds()
