"""What tables of the registry are made of: columns that compare as bytes, and the form that every table of history has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Integer, MetaData, Table
from sqlalchemy import Text as PlainText

metadata = MetaData()
# Compared as bytes, whatever a server's language is: moments sort by time, and what begins alike lies together.
Text = PlainText().with_variant(PlainText(collation="C"), "postgresql")


def history(name: str, *columns: Any) -> Table:
    """A history table: a running number first, the moment of writing last."""
    own, rest = [part for part in columns if isinstance(part, Column)], [part for part in columns if not isinstance(part, Column)]
    moment = Column("created", Text, nullable=False)
    return Table(name, metadata, Column("seq", Integer, primary_key=True), *own, moment, *rest)


def words(name: str, **options: Any) -> Column[str]:
    """A column of texts, which are always there."""
    return Column(name, Text, nullable=False, **options)
