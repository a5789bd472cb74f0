"""Every Candidate that was built, and the task it was built for."""

from __future__ import annotations

from sqlalchemy import select

from rung.errors import UserError, did_you_mean
from rung.registry import records, tables
from rung.registry.db import Database
from rung.registry.grounds import beginning_with
from rung.registry.refs import WORD_FOR_A_VERSION, row_of, versions_in_words
from rung.types import Candidate

SHORTEST_PREFIX = 6
# Names that are looked through for the one that was meant.
MOST_NAMES = 2000


class Candidates:
    """The Candidates of one RUNG_HOME."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, candidate: Candidate, task: str) -> None:
        """Keeps a Candidate and the digest of the task it was built for; one that is known is left as it is."""
        row = {"id": candidate.id, "built_for": task, "fields": records.dump(candidate)}
        self._database.append(tables.candidates, row)

    def get(self, ref: str) -> Candidate:
        """The Candidate that a name (its newest version), `name@version`, `name@alias`, id or unique beginning of an id refers to.
        An id may be one that it had in an earlier version of rung.

        Raises UserError, with the nearest name, where there is none or more than one.
        """
        with self._database.reading() as connection:
            named = row_of(connection, ref)
        found = self._beginning(named.candidate if named else ref)
        if len(found) == 1:
            return found[0]
        if found:
            raise UserError(f"'{ref}' is the beginning of {len(found)} candidates' ids", hint="Give more of its digits.")
        raise self.unknown(ref)

    def unknown(self, ref: str) -> UserError:
        """What to say where nothing is called so: the nearest name, and what there is of it."""
        return UserError(f"no candidate is called '{ref}'", where=str(self._database.path.parent), hint=self._nearest(ref))

    def _nearest(self, ref: str) -> str:
        name, at, which = ref.partition("@")
        with self._database.reading() as connection:
            columns, moves = tables.names.c, tables.alias_moves.c
            alike = select(columns.name).distinct().limit(MOST_NAMES)
            near = connection.execute(alike.where(beginning_with(columns.name, name[:1]))).scalars()
            known = {*near, *connection.execute(alike).scalars()}
            has = connection.execute(select(columns.version).where(columns.name == name).order_by(columns.version)).scalars().all()
            of_it = select(moves.alias).where(moves.name == name, moves.version.is_not(None)).distinct().order_by(moves.alias)
            aliases = connection.execute(of_it).scalars().all()
        if not known:
            return "Nothing is registered yet: `rung climb` registers what passes."
        if not at or not has:
            return did_you_mean(name, known)
        if WORD_FOR_A_VERSION.fullmatch(which) and int(which[1:]) in has:
            return f"Did you mean '{name}@{which[1:]}'?"
        moved = f", and there have been the aliases {', '.join(aliases)}" if aliases else ", and no alias"
        return f"Did you mean '{name}'? There {versions_in_words(has)}{moved} (`rung log {name}`)."

    def _beginning(self, beginning: str) -> list[Candidate]:
        if len(beginning) < SHORTEST_PREFIX or not set(beginning) <= set("0123456789abcdef"):
            return []
        candidates, aliases = tables.candidates.c, tables.aliases.c
        once = select(aliases.candidate).where(beginning_with(aliases.old, beginning))
        wanted = select(candidates.fields).where(beginning_with(candidates.id, beginning) | candidates.id.in_(once))
        return [records.candidate(row.fields) for row in self._database.rows(wanted.order_by(candidates.seq))]
