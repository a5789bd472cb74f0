"""The ledger of looks at the test split: who was judged on how many of a task's locked rows."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from rung.registry import tables
from rung.registry.db import Database


@dataclass(frozen=True, kw_only=True)
class Look:
    """A Candidate's (id) first `n` test rows have been looked at."""

    candidate: str
    n: int
    created: str


class Looks:
    """The looks of one RUNG_HOME, by task."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, task: str, candidate: str, n: int) -> None:
        """Writes down a look; the same look again tells nothing new."""
        self._database.append(tables.looks, {"task": task, "candidate": candidate, "n": n})

    def of(self, task: str) -> list[Look]:
        """The looks at a task's (digest) test split; oldest first."""
        columns = tables.looks.c
        wanted = select(columns.candidate, columns.n, columns.created).where(columns.task == task).order_by(columns.seq)
        return [Look(**row._mapping) for row in self._database.rows(wanted)]
