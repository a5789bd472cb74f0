"""Campaigns: what was asked for, and what was found of each name, fact by fact."""

from __future__ import annotations

from sqlalchemy import Column, Connection, Integer, MetaData, Table
from sqlalchemy import Text as PlainText

from rung.registry.migrations.triggers import forbid

Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def up(connection: Connection) -> None:
    """Adds the two tables."""
    metadata = MetaData()

    def table(name: str, *columns: Column[str]) -> Table:
        return Table(name, metadata, Column("seq", Integer, primary_key=True), *columns, Column("created", Text, nullable=False))

    table("campaigns", Column("campaign", Text, nullable=False, unique=True), Column("asked", Text, nullable=False))
    table(
        "campaign_facts",
        Column("campaign", Text, nullable=False, index=True),
        Column("key", Text, nullable=False),
        Column("payload", Text, nullable=False),
    )
    metadata.create_all(connection)
    forbid(connection, ("campaigns", "campaign_facts"))
