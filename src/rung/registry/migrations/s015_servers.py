"""Tenants with their keys, what servers answered and what was said of it (history); which servers are there, and budgets.

Its tables are written so that both kinds of database make them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Float, Index, Integer, MetaData, Table, UniqueConstraint
from sqlalchemy import Text as PlainText

from rung.registry.migrations.triggers import forbid

HISTORY = (
    *("tenant_changes", "api_keys", "api_key_ends"),
    *("segments", "seals", "served_makings", "served", "served_ends", "feedback"),
)
_metadata = MetaData()
_Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def _text(*names: str, **options: Any) -> list[Column[Any]]:
    return [Column(name, _Text, nullable=False, **options) for name in names]


def _number(*names: str) -> list[Column[Any]]:
    return [Column(name, Integer, nullable=False) for name in names]


def _history(name: str, *columns: Any) -> None:
    own, rest = [part for part in columns if isinstance(part, Column)], [part for part in columns if not isinstance(part, Column)]
    Table(name, _metadata, Column("seq", Integer, primary_key=True), *own, *_text("created"), *rest)


def _chained(name: str, *columns: Any) -> None:
    place = (*_text("segment"), *_number("place"))
    _history(name, *place, *columns, *_text("link"), UniqueConstraint("segment", "place"))


_history(
    "tenant_changes",
    *_text("tenant"),
    *_number("number"),
    *_text("kind", "name", "settings", "who"),
    UniqueConstraint("tenant", "number"),
)
_history(
    "api_keys",
    *_text("id", unique=True),
    *_text("kind"),
    *_text("tenant", index=True),
    *_text("label", "salt", "hash", "expires", "who"),
)
_history(
    "api_key_ends",
    *_text("key", index=True),
    *_number("number"),
    *_text("at", "successor", "who", "reason"),
    UniqueConstraint("key", "number"),
)
_history("segments", *_text("id", unique=True), *_text("host"), *_number("pid"), *_text("version"))
_history(
    "seals",
    *_text("segment", index=True),
    *_number("rows"),
    *_text("link"),
    *_number("closed"),
    UniqueConstraint("segment", "rows", "closed"),
)
_history("served_makings", *_text("digest", unique=True), *_text("body"))
_chained(
    "served",
    *_text("id", unique=True),
    *_text("tenant", "key", "endpoint", "model", "ref", "making", "fingerprint", "rollout", "arm", "session", "question"),
    *_number("times"),
    Index("ix_served_tenant", "tenant", "seq"),
    Index("ix_served_ref", "ref", "seq"),
    Index("ix_served_created", "created"),
)
_chained(
    "served_ends",
    *_text("id", unique=True),
    *_text("ending"),
    *_number("status"),
    *_text("reason", "fallback", "answer"),
    *[Column(name, Integer) for name in ("prompt_tokens", "cached_tokens", "completion_tokens")],
    *[Column(name, Float) for name in ("usd", "first_s", "latency_s")],
)
_chained(
    "feedback",
    *_text("id", unique=True),
    *_text("answer", index=True),
    *_text("tenant", "key", "thumb"),
    Column("score", Float),
    Column("correction", _Text),
    *_text("label", "comment", "said"),
)
Table(
    "serving",
    _metadata,
    Column("segment", _Text, primary_key=True),
    *_number("pid"),
    *_text("host", "started", "version", "since"),
    Column("beat", Float, nullable=False),
)
Table(
    "served_texts",
    _metadata,
    Column("id", _Text, primary_key=True),
    Column("what", _Text, primary_key=True),
    *_text("text"),
    *_text("kept", index=True),
)
Table(
    "spending",
    _metadata,
    Column("tenant", _Text, primary_key=True),
    Column("period", _Text, primary_key=True),
    *[Column(name, BigInteger, nullable=False) for name in ("questions", "tokens")],
    Column("usd", Float, nullable=False),
)
Table(
    "put_aside",
    _metadata,
    Column("id", _Text, primary_key=True),
    *_text("tenant", index=True),
    *_text("segment", "day"),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float, nullable=False),
)


def up(connection: Connection) -> None:
    """Adds the tables."""
    _metadata.create_all(connection)
    forbid(connection, HISTORY)
