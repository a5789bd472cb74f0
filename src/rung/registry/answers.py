"""Answers by (candidate, example) digest, so that an evaluation that is repeated costs nothing and one that was killed goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select

from rung.registry import records, tables
from rung.registry.db import Database, now
from rung.registry.servers import IN_ONE_SELECT, put
from rung.types import Answer, batches


@dataclass(frozen=True, kw_only=True)
class Aged:
    """The answers under one id: how many, their `size` in characters, and the moment at which the last one was kept."""

    candidate: str
    n: int
    size: int
    last: str


class StoredAnswers:
    """The cache of one RUNG_HOME; rung.storage.AnswerCache."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self, candidate: str, examples: Sequence[str]) -> dict[str, Answer]:
        """The known answers of a candidate id to those example digests; an unknown one is left out."""
        found: dict[str, Answer] = {}
        table = tables.answers
        with self._database.reading() as connection:
            for some in batches(examples, IN_ONE_SELECT):
                wanted = select(table.c.example, table.c.payload).where(table.c.candidate == candidate, table.c.example.in_(some))
                found |= {row.example: records.answer(row.payload) for row in connection.execute(wanted)}
        return found

    def store(self, candidate: str, answers: Mapping[str, Answer]) -> None:
        """Keeps a whole batch, in one transaction, in place of what was known of its examples."""
        same, kept = {"candidate": candidate}, now()
        rows = [same | {"example": example, "payload": records.dump(said), "kept": kept} for example, said in answers.items()]
        if rows:
            with self._database.writing() as connection:
                put(connection, tables.answers, rows)

    def forget(self, candidate: str, examples: Sequence[str]) -> None:
        """Keeps the answers to these no longer, in one transaction."""
        table = tables.answers
        with self._database.writing() as connection:
            for some in batches(examples, IN_ONE_SELECT):
                connection.execute(delete(table).where(table.c.candidate == candidate, table.c.example.in_(some)))

    def count(self, examples: Sequence[str]) -> int:
        """How many answers to these examples (digests) are kept, whoever gave them."""
        table, found = tables.answers, 0
        with self._database.reading() as connection:
            for some in batches(sorted(set(examples)), IN_ONE_SELECT):
                found += connection.execute(select(func.count()).where(table.c.example.in_(some))).scalar_one()
        return found

    def aged(self) -> list[Aged]:
        """How many answers are kept under each id, what their text takes in characters, and when the last of them was."""
        columns = tables.answers.c
        size, last = func.sum(func.length(columns.payload)).label("size"), func.max(columns.kept).label("last")
        wanted = (
            select(columns.candidate, func.count().label("n"), size, last).group_by(columns.candidate).order_by(columns.candidate)
        )
        return [Aged(**row._mapping) for row in self._database.rows(wanted)]

    def clear(self, candidate: str, before: str) -> int:
        """Keeps no answer under an id any more, unless one of them was kept since the moment `before`; how many it were."""
        columns = tables.answers.c
        with self._database.writing() as connection:
            if (connection.execute(select(func.max(columns.kept)).where(columns.candidate == candidate)).scalar() or "") >= before:
                return 0
            return int(connection.execute(delete(tables.answers).where(columns.candidate == candidate)).rowcount)
