"""Rollouts: what was asked for and what became of each (history), where each stands now, and what was seen of its answers.

Its tables are written so that both kinds of database make them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy import Text as PlainText

from rung.registry.migrations.triggers import forbid

HISTORY = ("rollouts", "rollout_events")
_metadata = MetaData()
_Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def _text(*names: str, index: bool = False) -> list[Column[Any]]:
    return [Column(name, _Text, nullable=False, index=index) for name in names]


def _number(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer, nullable=False) for name in names]


Table(
    "rollouts",
    _metadata,
    Column("seq", Integer, primary_key=True),
    Column("id", _Text, nullable=False, unique=True),
    *_text("name", "plan", "secret", "who", "created"),
)
Table(
    "rollout_events",
    _metadata,
    Column("seq", Integer, primary_key=True),
    *_text("rollout"),
    *_number("number"),
    *_text("kind", "state"),
    *_number("step"),
    *_text("said", "evidence", "who", "created"),
    UniqueConstraint("rollout", "number"),
)
Table(
    "rollout_states",
    _metadata,
    Column("rollout", _Text, primary_key=True),
    *_text("name", index=True),
    *_number("place"),
    *_text("state"),
    *_number("number", "step"),
    *_text("ends", "said", "updated"),
)
Table(
    "rollout_seen",
    _metadata,
    Column("seq", Integer, primary_key=True),
    *_text("rollout", "answer", index=True),
    *_text("kind", "arm", "unit"),
    Column("share", Float, nullable=False),
    *_text("scores", "told", "created"),
)


def up(connection: Connection) -> None:
    """Adds the tables."""
    _metadata.create_all(connection)
    forbid(connection, HISTORY)
