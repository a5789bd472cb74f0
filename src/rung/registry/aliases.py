"""Aliases: words for a version of a name (`tone@champion`) that can be moved to another, with every move kept.

What an alias stands for is its last move. A move has the next generation of its alias, which no two can have: whoever says which
generation it has seen moves nothing that another has moved meanwhile (compare-and-swap). The order is that of generations; a clock
that goes back changes nothing of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from sqlalchemy import Connection, Select, func, insert, select

from rung.errors import UserError
from rung.registry import tables
from rung.registry.audit import Audit
from rung.registry.db import Database, now
from rung.registry.moments import read_moment
from rung.registry.refs import NAME, WORD_FOR_A_VERSION, versions_in_words

CHAMPION, CANDIDATE = "champion", "candidate"
BUILT_IN = (CHAMPION, CANDIDATE)
# What a reader would take for the newest version, which the name alone is.
NEWEST = ("latest", "newest", "current", "head")
Kind = Literal["promote", "rollback", "set", "break-glass", "remove"]


@dataclass(frozen=True, kw_only=True)
class Move:
    """One move of an alias. `version` is where it went, None where it was taken away.

    by       who moved it: the fingerprint of a key that the home knows, "" where it has none
    receipt  the digest of the signed receipt that allowed it, "" where none was asked for
    """

    name: str
    alias: str
    version: int | None
    generation: int
    kind: str
    by: str
    reason: str
    receipt: str
    created: str

    @property
    def ref(self) -> str:
        """`name@alias`."""
        return f"{self.name}@{self.alias}"


class Aliases:
    """The aliases of one RUNG_HOME."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database, self._audit = database, audit

    def move(  # noqa: PLR0913 - a move is one line of history, and these are its columns
        self,
        name: str,
        alias: str,
        version: int | None,
        *,
        expected: int | None,
        kind: Kind,
        by: str = "",
        reason: str = "",
        receipt: str = "",
    ) -> Move:
        """Moves an alias to a version of its name; to None takes it away.

        expected  the generation that the caller has seen, 0 where there was no such alias; None: whatever it is now

        Raises UserError where it has another generation, with who moved it meanwhile; for a version that is not registered; for a
        word that cannot be an alias.
        """
        check_alias(alias)
        if kind not in get_args(Kind) or (version is None) != (kind == "remove"):
            raise ValueError(f"a move of kind {kind!r} to {version}")
        with self._database.writing() as connection:
            last = _last(connection, name, alias)
            _refuse_moved(name, alias, last, expected)
            _refuse_unknown(connection, name, alias, version, last)
            moved = Move(
                name=name,
                alias=alias,
                version=version,
                generation=last.generation + 1 if last else 1,
                kind=kind,
                by=by,
                reason=reason,
                receipt=receipt,
                created=now(),
            )
            connection.execute(insert(tables.alias_moves), _row(moved))
            self._audit.append(moved.kind, moved.ref, asdict(moved))
        return moved

    def at(self, name: str, alias: str, moment: str | None = None) -> Move | None:
        """The last move of an alias, or the last one that says it was made by a moment (ISO 8601); None where there is none.

        The move of an alias that was taken away has no version.
        """
        with self._database.reading() as connection:
            return _last(connection, name, alias, moment)

    def history(self, name: str, alias: str | None = None) -> list[Move]:
        """The moves of a name's alias, or of all its aliases; in the order in which they were made."""
        columns = tables.alias_moves.c
        wanted = select(tables.alias_moves).where(columns.name == name).order_by(columns.seq)
        return [_move(row) for row in self._database.rows(wanted if alias is None else wanted.where(columns.alias == alias))]

    def standing(self, name: str | None = None, moment: str | None = None) -> list[Move]:
        """Where each alias of a name, or of all, stands or stood at a moment: its last move, where that did not take it away."""
        columns = tables.alias_moves.c
        last = select(func.max(columns.generation).label("last"), columns.name, columns.alias).group_by(columns.name, columns.alias)
        last = last.where(columns.name == name) if name is not None else last
        newest = (last.where(columns.created <= read_moment(moment)) if moment else last).subquery()
        same = (columns.name == newest.c.name) & (columns.alias == newest.c.alias) & (columns.generation == newest.c.last)
        wanted = select(tables.alias_moves).join(newest, same).where(columns.version.is_not(None))
        return [_move(row) for row in self._database.rows(wanted.order_by(columns.name, columns.alias))]


def check_alias(alias: str) -> None:
    """Raises UserError for a word that cannot be an alias, or that would be taken for something else."""
    problem, hint = "", "Use letters, digits, '.', '_' and '-', beginning with a letter or digit."
    if not NAME.fullmatch(alias):
        problem = f"'{alias}' cannot be an alias"
    elif alias.isdecimal():
        problem, hint = f"'{alias}' cannot be an alias: a number is a version", "Choose a word."
    elif WORD_FOR_A_VERSION.fullmatch(alias):
        problem, hint = f"'{alias}' cannot be an alias: it would be taken for version {alias[1:]}", "Choose another word."
    elif alias.lower() in NEWEST:
        problem, hint = f"'{alias}' cannot be an alias", "The newest version is what the name alone stands for."
    elif alias not in BUILT_IN and alias.lower() in BUILT_IN:
        problem, hint = f"'{alias}' cannot be an alias beside '{alias.lower()}'", "Choose another word."
    if problem:
        raise UserError(problem, hint=hint)


def _refuse_moved(name: str, alias: str, last: Move | None, expected: int | None) -> None:
    seen = last.generation if last else 0
    if expected is None or seen == expected:
        return
    if last is None:
        raise UserError(f"{name}@{alias} has never stood", hint=f"`rung log {name}` says what was moved.")
    raise UserError(
        f"{name}@{alias} was moved meanwhile: {told(last)}", hint=f"Look at it (`rung log {name}`), then say it again if it holds."
    )


def told(move: Move) -> str:
    """`to 3 by 4f2a..., 2026-11-03 14:30 UTC (better on dev)`."""
    where = f"to {move.version}" if move.version is not None else "taken away"
    by = f" by {move.by[:16]}" if move.by else ""
    because = f" ({move.reason})" if move.reason else ""
    return f"{where}{by}, {move.created[:16].replace('T', ' ')} UTC{because}"


def _refuse_unknown(connection: Connection, name: str, alias: str, version: int | None, last: Move | None) -> None:
    """A version must be registered, and only an alias that stands can be taken away."""
    columns = tables.names.c
    wanted = select(columns.version).where(columns.name == name).order_by(columns.version)
    known: Sequence[int] = connection.execute(wanted).scalars().all()
    if not known:
        raise UserError(f"nothing is registered as '{name}'", hint="`rung ls` lists what is.")
    if version is None and (last is None or last.version is None):
        raise UserError(f"{name} has no alias '{alias}' to take away", hint=f"`rung log {name}` says what was moved.")
    if version is not None and version not in known:
        raise UserError(f"{name} has no version {version}", hint=f"There {versions_in_words(known)}.")


def _last(connection: Connection, name: str, alias: str, moment: str | None = None) -> Move | None:
    columns = tables.alias_moves.c
    wanted: Select[Any] = select(tables.alias_moves).where(columns.name == name, columns.alias == alias)
    if moment is not None:
        wanted = wanted.where(columns.created <= read_moment(moment))
    row = connection.execute(wanted.order_by(columns.generation.desc()).limit(1)).first()
    return _move(row) if row else None


def _move(row: Any) -> Move:
    fields = dict(row._mapping)
    return Move(by=fields.pop("who"), **{key: value for key, value in fields.items() if key != "seq"})


def _row(move: Move) -> dict[str, Any]:
    fields = asdict(move)
    return {"who": fields.pop("by"), **fields}
