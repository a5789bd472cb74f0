"""Brings a home's database to what this version works with: the steps that it has not had, in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, inspect, text

from rung import __version__
from rung.errors import BrokenEnvironment
from rung.registry import tables
from rung.registry.db import Database, now
from rung.registry.migrations.triggers import forbid
from rung.registry.servers import POSTGRESQL
from rung.registry.table_form import metadata

LEDGER = (
    "CREATE TABLE IF NOT EXISTS migrations (step INTEGER NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, "
    "applied TEXT NOT NULL, PRIMARY KEY (step))"
)


def steps() -> dict[int, ModuleType]:
    """Number to module of each step, in order: the files `sNNN_what_for.py` beside this one."""
    files = sorted(Path(__file__).parent.glob("s[0-9]*_*.py"))
    return {int(file.stem[1:].partition("_")[0]): import_module(f"{__package__}.{file.stem}") for file in files}


def migrate(database: Database, known: Mapping[int, ModuleType] | None = None) -> None:
    """Takes the steps that the database has not had, all or none. Raises BrokenEnvironment for a newer version's database."""
    wanted = known or steps()
    with database.reading() as connection:
        applied = _applied(connection)
    _refuse_newer(applied, wanted, database.path)
    if set(applied) == set(wanted):
        return
    with database.changing() as connection:
        connection.exec_driver_sql(LEDGER)
        applied = _applied(connection)  # another process may have been faster
        _refuse_newer(applied, wanted, database.path)
        made_whole = not applied and connection.dialect.name == POSTGRESQL
        if made_whole:
            _make_whole(connection)
        for number, step in wanted.items():
            if number not in applied:
                if not made_whole:
                    step.up(connection)
                _enter(connection, number, step)


def refuse_newer(database: Database) -> None:
    """Raises BrokenEnvironment for a newer version's database: one that was opened before it became so."""
    with database.reading() as connection:
        applied = _applied(connection)
    _refuse_newer(applied, steps(), database.path)


def _make_whole(connection: Connection) -> None:
    """All tables as they are now: on a server there is no registry from before there were the steps of today."""
    metadata.create_all(connection)
    forbid(connection, [table.name for table in tables.HISTORY])


def _applied(connection: Connection) -> dict[int, str]:
    """The steps that the database has had: number, and the version of rung that took it."""
    if not inspect(connection).has_table("migrations"):
        return {}
    rows: Any = connection.execute(text("SELECT step, version FROM migrations ORDER BY step"))
    return {row.step: row.version for row in rows}


def _enter(connection: Connection, number: int, step: ModuleType) -> None:
    row = {"step": number, "name": step.__name__.rpartition(".")[2], "version": __version__, "applied": now()}
    connection.execute(text("INSERT INTO migrations VALUES (:step, :name, :version, :applied)"), row)


def _refuse_newer(applied: Mapping[int, str], wanted: Mapping[int, ModuleType], path: Path) -> None:
    beyond = [number for number in applied if number not in wanted]
    if beyond:
        raise BrokenEnvironment(
            f"a newer rung ({applied[beyond[-1]]}) wrote this RUNG_HOME: its registry has had step {beyond[-1]}, "
            f"rung {__version__} knows {max(wanted)}",
            where=str(path.parent),
            hint="Upgrade rung, or set RUNG_HOME to another folder.",
        )
