"""What is kept of each locked task (`locks`), so that its digest can be computed again, and its rows looked for, later on."""

from __future__ import annotations

from sqlalchemy import Connection

from rung.registry.migrations.columns import number, text
from rung.registry.migrations.triggers import forbid


def up(connection: Connection) -> None:
    """Adds the table. Of tasks that were locked before nothing is kept until their files are at hand again."""
    words = ", ".join(f"{name} {text(connection)}" for name in ("task", "blob", "rows", "trees", "created"))
    connection.exec_driver_sql(f"CREATE TABLE locks (seq {number(connection)}, {words}, PRIMARY KEY (seq), UNIQUE (task))")
    forbid(connection, ("locks",))
