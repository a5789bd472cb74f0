"""Jobs for workers: what was asked for and what became of it (history), where each stands now, and which workers are there.

Its tables are written so that both kinds of database make them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy import Text as PlainText

from rung.registry.migrations.triggers import forbid

HISTORY = ("jobs", "job_events")
_metadata = MetaData()
_Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def _text(*names: str) -> list[Column[Any]]:
    return [Column(name, _Text, nullable=False) for name in names]


def _number(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer, nullable=False) for name in names]


Table(
    "jobs",
    _metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", _Text, nullable=False, unique=True),
    *_text("kind", "arguments", "folder", "settings", "labels", "host", "who", "version"),
    *_number("form"),
    *_text("created"),
)
Table(
    "job_events",
    _metadata,
    Column("seq", Integer, primary_key=True),
    *_text("job"),
    *_number("number"),
    *_text("kind", "state"),
    *_number("attempt"),
    *_text("worker", "said", "created"),
    UniqueConstraint("job", "number"),
)
Table(
    "job_states",
    _metadata,
    Column("job", _Text, primary_key=True),
    *_number("place"),
    Column("state", _Text, nullable=False, index=True),
    *_number("number", "attempt", "crashes", "losses"),
    Column("exit_code", Integer),
    *_text("said", "tail"),
    Column("ready", Float, nullable=False),
    *_text("token", "worker"),
    *_number("pid"),
    *_text("host", "started"),
    *_number("child_pid"),
    *_text("child_started"),
    *_number("beats"),
    *_text("updated"),
)
Table(
    "workers",
    _metadata,
    Column("token", _Text, primary_key=True),
    *_number("pid"),
    *_text("host", "started", "version", "since"),
    Column("beat", Float, nullable=False),
)


def up(connection: Connection) -> None:
    """Adds the tables."""
    _metadata.create_all(connection)
    forbid(connection, HISTORY)
