"""A table by its database's address, `postgresql://user@host/db#table`. A password stands in the environment, not here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rung.data.read.containers import tables
from rung.data.read.containers.located import Ask, Located
from rung.errors import BrokenEnvironment, UserError

PASSWORDS = "PGPASSWORD=... in the environment, or a line in ~/.pgpass"
SECRET = re.compile(r"password|passwd|pwd|secret|token|sslkey", re.IGNORECASE)
FORM = "Write postgresql://USER@HOST/DATABASE#TABLE, or the path of an SQLite file: file.db#table."
CONNECT_S = 10


def open_address(address: str, ask: Ask) -> Located:
    """A table's or view's rows, by its primary key where it has one; read in a transaction that can only read.

    Raises UserError for an address that is none or that holds a password (which no message shows), for a server that cannot be
    reached or refuses, and where no table is named; BrokenEnvironment where the driver is not installed.
    """
    url = _checked(address)
    try:
        import psycopg
    except ImportError:
        hint = "pip install 'rung[postgres]'"
        raise BrokenEnvironment("reading a PostgreSQL table needs psycopg", where=ask.shown, hint=hint) from None
    import sqlalchemy

    engine = sqlalchemy.create_engine(url.set(drivername="postgresql+psycopg"), connect_args={"connect_timeout": CONNECT_S})
    try:
        with engine.connect() as plain:
            options = {"postgresql_readonly": True, "isolation_level": "REPEATABLE READ", "stream_results": True}
            open_ = plain.execution_options(**options)
            inspector = sqlalchemy.inspect(open_)
            schema, _, name = ask.part.rpartition(".")
            known = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
            table = tables.chosen(sorted(known), Ask(shown=ask.shown, part=name, open=ask.open), "address of a PostgreSQL database")
            return tables.located(_rows(open_, table, schema or None), ask.part, ask, "postgresql")
    except (sqlalchemy.exc.SQLAlchemyError, psycopg.Error) as error:
        reason = str(getattr(error, "orig", None) or error).strip().split("\n")[-1]
        raise UserError(f"the database refuses: {reason}", where=ask.shown, hint=f"Check host, user and {PASSWORDS}.") from None
    finally:
        engine.dispose()


def without_secrets(address: str) -> str:
    """The address as messages show it: no password, no settings."""
    scheme, _, rest = address.partition("://")
    place, _, _ = rest.partition("?")
    user, mark, host = place.rpartition("@")
    return f"{scheme}://{user.partition(':')[0]}{mark}{host}"


def _checked(address: str) -> Any:
    import sqlalchemy

    shown = without_secrets(address)
    try:
        url = sqlalchemy.make_url(address)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise UserError("not an address of a database", where=shown, hint=FORM) from None
    if url.drivername.split("+")[0] not in ("postgresql", "postgres"):
        raise UserError(f"{url.drivername.split('+')[0]}:// is no address that rows are read from", where=shown, hint=FORM)
    if url.password is not None or any(SECRET.search(key) for key in url.query):
        hint = f"Take it out of the address, for it would be kept wherever the address is; give it by {PASSWORDS}."
        raise UserError("the address holds a password", where=shown, hint=hint)
    return url


def _rows(database: Any, table: str, schema: str | None) -> Iterator[dict[str, Any]]:
    import sqlalchemy

    found = sqlalchemy.Table(table, sqlalchemy.MetaData(), schema=schema, autoload_with=database, resolve_fks=False)
    ordered = sqlalchemy.select(found).order_by(*found.primary_key.columns)
    for row in database.execute(ordered).mappings():
        yield dict(row)
