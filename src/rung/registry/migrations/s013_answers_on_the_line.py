"""What tasks say of their answers on the line, calls that wait for a person, sessions of stacked adapters, what a day has cost."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy import Text as PlainText

from rung.registry.migrations.triggers import forbid

HISTORY = ("serving_rules", "held_calls", "held_events", "stack_sessions")
_metadata = MetaData()
_Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def _text(*names: str) -> list[Column[Any]]:
    return [Column(name, _Text, nullable=False) for name in names]


def _numbered(name: str, first: str, *texts: str, of: tuple[str, ...] = ()) -> None:
    """A history whose rows of one thing are numbered: of two that write the next one, one is refused."""
    number = Column("number", Integer, nullable=False)
    unique = UniqueConstraint(first, *of, "number")
    Table(name, _metadata, Column("seq", Integer, primary_key=True), *_text(first, *of), number, *_text(*texts, "created"), unique)


_numbered("serving_rules", "subject", "body", "who")
_numbered("held_events", "held", "state", "who", "body", "signature")
_numbered("stack_sessions", "tenant", "chosen", of=("session", "name"))
Table(
    "held_calls",
    _metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", _Text, nullable=False, unique=True),
    *_text("tenant"),
    Column("question", _Text, nullable=False, index=True),
    *_text("body", "expires", "created"),
)
Table(
    "line_spending",
    _metadata,
    Column("name", _Text, primary_key=True),
    Column("day", _Text, primary_key=True),
    Column("usd", Float, nullable=False),
)


def up(connection: Connection) -> None:
    """Adds the tables."""
    _metadata.create_all(connection)
    forbid(connection, HISTORY)
