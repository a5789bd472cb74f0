"""Files that tenants have uploaded, and fine-tuning jobs: what was asked for, what happened, what came of each (history)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, Float, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy import Text as PlainText

from rung.registry.migrations.triggers import forbid

HISTORY = ("tunings", "tuning_events", "tuning_checkpoints", "tuning_ends")
_metadata = MetaData()
_Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def _text(*names: str) -> list[Column[Any]]:
    return [Column(name, _Text, nullable=False) for name in names]


def _table(name: str, *columns: Any) -> None:
    Table(name, _metadata, Column("seq", Integer, primary_key=True), *columns, *_text("created"))


_table(
    "files",
    Column("id", _Text, nullable=False, unique=True),
    Column("tenant", _Text, nullable=False, index=True),
    *_text("filename", "purpose"),
    Column("bytes", Integer, nullable=False),
    Column("digest", _Text, nullable=False, index=True),
    Column("expires", Float),
)
_table(
    "tunings",
    Column("id", _Text, nullable=False, unique=True),
    Column("once", _Text, nullable=False, unique=True),
    Column("tenant", _Text, nullable=False, index=True),
    Column("name", _Text, nullable=False, unique=True),
    *_text("asked", "job"),
)
_table("tuning_events", Column("tuning", _Text, nullable=False, index=True), *_text("level", "message", "data"))
_table(
    "tuning_checkpoints",
    *_text("tuning"),
    Column("step", Integer, nullable=False),
    *_text("model", "metrics"),
    UniqueConstraint("tuning", "step"),
)
_table(
    "tuning_ends",
    Column("tuning", _Text, nullable=False, unique=True),
    *_text("model", "result", "fault"),
    Column("tokens", Integer),
)


def up(connection: Connection) -> None:
    """Adds the tables."""
    _metadata.create_all(connection)
    forbid(connection, HISTORY)
