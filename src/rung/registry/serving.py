"""What is said of a version's answers on the line (`rung.line`), and what a name's answers have cost.

The rules of a version are those of the lock that it was judged by, or its own where no lock is known; the newest count, at once and
for all that were judged by the same lock.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, insert, select, update

from rung.errors import BrokenEnvironment
from rung.json_form import Misfit, as_json, canonical_json, digest, from_json
from rung.line import Serving
from rung.registry import tables
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.servers import add_once

RULES = "serving"  # the kind of its line in the audit


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What was said, as the `number`th word on its subject; `serving` None takes back what was said before.

    subject  the digest of a lock, or `name@version`
    who      said it: the fingerprint of a key that the home knows, "" where that is not known
    """

    subject: str
    number: int
    serving: Serving | None
    who: str
    created: str


class ServingRules:
    """The rules of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def put(self, subject: str, serving: Serving | None, who: str = "") -> bool:
        """What holds from now on; says whether that is news."""
        body = canonical_json(None if serving is None else as_json(serving))
        with self._database.writing() as connection:
            last = connection.execute(_newest(subject)).first()
            if (last.body if last else "null") == body:
                return False
            number = last.number + 1 if last else 1
            row = {"subject": subject, "number": number, "body": body, "who": who, "created": now()}
            connection.execute(insert(tables.serving_rules), row)
            self._audit.append(RULES, subject, told_of(row))
        return True

    def of(self, subject: str) -> Rules | None:
        """The newest word on a subject; None where there is none. Raises BrokenEnvironment where it cannot be read."""
        with self._database.reading() as connection:
            row = connection.execute(_newest(subject)).first()
        return _rules(row) if row else None

    def history(self, subject: str) -> list[Rules]:
        """All that was said of a subject; oldest first."""
        columns = tables.serving_rules.c
        wanted = select(tables.serving_rules).where(columns.subject == subject).order_by(columns.number)
        return [_rules(row) for row in self._database.rows(wanted)]


class Spending:
    """What the answers of names have cost, by days (UTC), of all processes that serve."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, day: str, usd: float) -> None:
        """Counts what an answer has cost."""
        columns = tables.line_spending.c
        with self._database.writing() as connection:
            add_once(connection, tables.line_spending, {"name": name, "day": day, "usd": 0.0})
            mine = update(tables.line_spending).where(columns.name == name, columns.day == day)
            connection.execute(mine.values(usd=columns.usd + usd))

    def of(self, name: str, day: str) -> float:
        """USD on a day."""
        columns = tables.line_spending.c
        wanted = select(func.sum(columns.usd)).where(columns.name == name, columns.day == day)
        with self._database.reading() as connection:
            return float(connection.execute(wanted).scalar() or 0.0)


def told_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """What the line of a stored row says. Raises ValueError where it cannot be read."""
    return {"subject": row["subject"], "number": row["number"], "rules": digest(json.loads(row["body"])), "by": row["who"]}


def _newest(subject: str) -> Any:
    columns = tables.serving_rules.c
    return select(tables.serving_rules).where(columns.subject == subject).order_by(columns.number.desc()).limit(1)


def _rules(row: Any) -> Rules:
    try:
        body = json.loads(row.body)
        serving = None if body is None else from_json(Serving, body)
    except (Misfit, ValueError) as error:
        hint = "Was it written by a newer rung? `rung rails NAME TASK` says it anew."
        raise BrokenEnvironment(f"what is said of the answers of {row.subject[:24]} cannot be read: {error}", hint=hint) from None
    return Rules(subject=row.subject, number=row.number, serving=serving, who=row.who, created=row.created)
