"""The ends of keys: retired, or in the wrong hands since a moment. Lines of the audit say so, whose order cannot be made up later.

A signature counts by where the line of what was signed stands: before the end of its key, and before the moment from which somebody
else had it. What the document says of its own date counts for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import Connection, select

from rung.errors import UserError
from rung.registry import tables
from rung.registry.moments import read_moment, written

RETIRED = "retire"  # the kind of its line in the audit


@dataclass(frozen=True, kw_only=True)
class Ending:
    """The end of a key, by its fingerprint: what it signs from line `line` of the audit on does not count, nor what it signed since
    `since` (ISO 8601), where somebody else had it; "" where nobody had. `successor` is the key that took its place, "" for none."""

    fingerprint: str
    line: int
    since: str
    successor: str
    created: str

    def lapsed(self, line: int, moment: str) -> bool:
        """Whether what was signed at a line of the audit, at that moment, does not count any more."""
        return line >= self.line or bool(self.since and moment >= self.since)

    @property
    def said(self) -> str:
        """`was compromised since 2026-11-03 00:00 UTC`, `was retired on 2026-11-03 10:15 UTC`."""
        moment = (self.since or self.created)[:16].replace("T", " ")
        return f"was compromised since {moment} UTC" if self.since else f"was retired on {moment} UTC"


def endings(connection: Connection, name: str | None = None) -> Mapping[str, Ending]:
    """The keys that have ended, of all identities or of one (by its name): by fingerprint, each by all that was said of it."""
    columns, known = tables.audit.c, select(tables.identities.c.name)
    whose = columns.subject.in_(known) if name is None else columns.subject == name  # which the index finds among many lines
    found: dict[str, Ending] = {}
    for row in connection.execute(select(tables.audit).where(columns.kind == RETIRED, whose).order_by(columns.seq)):
        try:
            said = json.loads(row.payload)
            key, since, successor = (str(said[part]) for part in ("fingerprint", "since", "successor"))
        except (ValueError, KeyError, TypeError):
            continue  # a changed line is told of by whoever checks the chain
        before = found.get(key)
        found[key] = Ending(
            fingerprint=key,
            line=before.line if before else row.seq,
            since=min(filter(None, (before.since if before else "", since)), default=""),
            successor=successor or (before.successor if before else ""),
            created=before.created if before else row.created,
        )
    return found


def read_since(text: str, now: str) -> str:
    """The moment from which a key was in other hands, as the history writes it; of a date alone its beginning (UTC).

    Raises UserError for what is no moment, and for one that is yet to come.
    """
    try:
        moment = written(datetime.combine(date.fromisoformat(text.strip()), time(0), UTC))
    except ValueError:
        moment = read_moment(text)
    if moment > now:
        raise UserError(
            f"{moment[:16].replace('T', ' ')} UTC is yet to come", hint="Say since when somebody else may have had the key."
        )
    return moment
