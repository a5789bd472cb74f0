"""The tables of servers: tenants and their keys, what was answered and what was said of it, and what of budgets is taken."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, Integer, Table, UniqueConstraint

from rung.registry.table_form import Text, history, metadata, words

# Who may ask a server for what: each change of a tenant with all its settings, keys (of each a salted hash), and when they end.
tenant_changes = history(
    "tenant_changes",
    words("tenant"),
    Column("number", Integer, nullable=False),
    words("kind"),
    words("name"),
    words("settings"),
    words("who"),
    UniqueConstraint("tenant", "number"),
)
api_keys = history(
    "api_keys",
    words("id", unique=True),
    words("kind"),
    words("tenant", index=True),
    words("label"),
    words("salt"),
    words("hash"),
    words("expires"),
    words("who"),
)
api_key_ends = history(
    "api_key_ends",
    words("key", index=True),
    Column("number", Integer, nullable=False),
    words("at"),
    words("successor"),
    words("who"),
    words("reason"),
    UniqueConstraint("key", "number"),
)

# What servers answered. Each server has a segment, in which the rows of three tables are numbered and chained; a seal says how far
# it is in the audit.
segments = history("segments", words("id", unique=True), words("host"), Column("pid", Integer, nullable=False), words("version"))
seals = history(
    "seals",
    words("segment", index=True),
    Column("rows", Integer, nullable=False),
    words("link"),
    Column("closed", Integer, nullable=False),
    UniqueConstraint("segment", "rows", "closed"),
)
served_makings = history("served_makings", words("digest", unique=True), words("body"))


def _chained(name: str, *columns: Any) -> Table:
    """Rows of servers' segments: `place` is the number there, `link` holds all up to this one."""
    place = (words("segment"), Column("place", Integer, nullable=False))
    return history(name, *place, *columns, words("link"), UniqueConstraint("segment", "place"))


served = _chained(
    "served",
    words("id", unique=True),
    words("tenant"),
    words("key"),
    words("endpoint"),
    words("model"),
    words("ref"),
    words("making"),
    words("fingerprint"),
    words("rollout"),
    words("arm"),
    words("session"),
    words("question"),
    Column("times", Integer, nullable=False),
    Index("ix_served_tenant", "tenant", "seq"),
    Index("ix_served_ref", "ref", "seq"),
    Index("ix_served_created", "created"),
)
served_ends = _chained(
    "served_ends",
    words("id", unique=True),
    words("ending"),
    Column("status", Integer, nullable=False),
    words("reason"),
    words("fallback"),
    words("answer"),
    Column("prompt_tokens", Integer),
    Column("cached_tokens", Integer),
    Column("completion_tokens", Integer),
    Column("usd", Float),
    Column("first_s", Float),
    Column("latency_s", Float),
)
feedback = _chained(
    "feedback",
    words("id", unique=True),
    words("answer", index=True),
    words("tenant"),
    words("key"),
    words("thumb"),
    Column("score", Float),
    Column("correction", Text),
    words("label"),
    words("comment"),
    words("said"),
)
CHAINED = (served, served_ends, feedback)
# Which servers are there, each by its segment.
serving = Table(
    "serving",
    metadata,
    Column("segment", Text, primary_key=True),
    Column("pid", Integer, nullable=False),
    words("host"),
    words("started"),
    words("version"),
    words("since"),
    Column("beat", Float, nullable=False),
)

# Words of questions and answers, where an operator has asked for them; they go after a while.
served_texts = Table(
    "served_texts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    words("text"),
    words("kept", index=True),
)

# What tenants have taken of their budgets in a day or a month, and what is put aside for questions under way.
spending = Table(
    "spending",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("period", Text, primary_key=True),
    Column("questions", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float, nullable=False),
)
put_aside = Table(
    "put_aside",
    metadata,
    Column("id", Text, primary_key=True),
    words("tenant", index=True),
    words("segment"),
    words("day"),
    Column("tokens", BigInteger, nullable=False),
    Column("usd", Float, nullable=False),
)

CHANGING = (serving, served_texts, spending, put_aside)
