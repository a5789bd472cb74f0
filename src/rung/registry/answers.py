"""Answers by (candidate, example) digest, so that an evaluation that is repeated costs nothing and one that was killed goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, func, select

from rung.registry import records, tables
from rung.registry.db import Database
from rung.registry.servers import IN_ONE_SELECT, put
from rung.types import Answer, batches


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
        rows = [{"candidate": candidate, "example": example, "payload": records.dump(said)} for example, said in answers.items()]
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
