"""Every Candidate that was built, and the task it was built for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from rung.errors import UserError, did_you_mean
from rung.registry import records, tables
from rung.registry.db import Database
from rung.types import Candidate

SHORTEST_PREFIX = 6


class Candidates:
    """The Candidates of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, candidate: Candidate, task: str) -> None:
        """Keeps a Candidate and the digest of the task it was built for; one that is known is left as it is."""
        row = {"id": candidate.id, "built_for": task, "fields": records.dump(candidate)}
        self._database.append(tables.candidates, row)

    def get(self, ref: str) -> Candidate:
        """The Candidate that a name (its newest version), `name@version`, id or unique beginning of an id refers to. An id may be
        one that it had in an earlier version of rung.

        Raises UserError, with the nearest name, where there is none or more than one.
        """
        found = self._beginning(self._named(ref) or ref)
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"'{ref}' is the beginning of {len(found)} candidates' ids", hint="Give more of its digits.")
        raise UserError(f"no candidate is called '{ref}'", where=str(self._database.path.parent), hint=self._nearest(ref))

    def _nearest(self, ref: str) -> str:
        known = {row.name for row in self._database.rows(select(tables.names.c.name).distinct())}
        if not known:
            return "Nothing is registered yet: `rung climb` registers what passes."
        return did_you_mean(ref.partition("@")[0], known)

    def _named(self, ref: str) -> str | None:
        """The id behind a name, with or without its version."""
        name, _, version = ref.partition("@")
        names = tables.names
        wanted: Any = select(names.c.candidate).where(names.c.name == name).order_by(names.c.version.desc()).limit(1)
        if version:
            wanted = wanted.where(names.c.version == (int(version) if version.isdecimal() else -1))
        return next((str(row.candidate) for row in self._database.rows(wanted)), None)

    def _beginning(self, beginning: str) -> list[Candidate]:
        if len(beginning) < SHORTEST_PREFIX or not set(beginning) <= set("0123456789abcdef"):
            return []
        candidates, aliases = tables.candidates.c, tables.aliases.c
        once = select(aliases.candidate).where(aliases.old.startswith(beginning))
        wanted = select(candidates.fields).where(candidates.id.startswith(beginning) | candidates.id.in_(once))
        return [records.candidate(row.fields) for row in self._database.rows(wanted.order_by(candidates.seq))]
