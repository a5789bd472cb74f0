"""A home whose registry is on a PostgreSQL server: what is said of that alone. The other tests of the registry are run on both."""

from __future__ import annotations

from pathlib import Path

import postgres
import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import DatabaseError

from rung.errors import BrokenEnvironment, UserError
from rung.registry.home import open_home
from rung.registry.servers import check_url
from rung.registry.tables import HISTORY, metadata


@pytest.fixture
def url(postgresql: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty schema, which a home that is not there yet will have its registry in."""
    postgres.empty(postgresql)
    monkeypatch.setenv("RUNG_DATABASE", postgresql)
    return postgresql


def driven(url: str) -> str:
    return url.replace("postgresql:", "postgresql+psycopg:")


def test_the_home_says_where_its_registry_is_and_needs_no_variable_any_more(
    url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_home(write=True) as opened:
        opened.climbs.begin("c", form=1, task="t")
        opened.climbs.put("c", "k", 1)
    assert (home / "format").read_text() == f"2\n{url}\n"
    assert not (home / "registry.db").exists()
    monkeypatch.delenv("RUNG_DATABASE")
    with open_home() as opened:
        assert opened.climbs.facts("c") == {"k": 1}
        with pytest.raises(RuntimeError, match="opened to read"):
            opened.climbs.put("c", "k", 2)
    assert (home / "format").read_text() == f"2\n{url}\n"


def test_history_cannot_be_changed_shortened_or_emptied(url: str) -> None:
    open_home(write=True).close()
    engine = create_engine(driven(url))
    for table in HISTORY:
        column = next(iter(table.columns)).name
        for statement in (
            f"DELETE FROM {table.name}",
            f'UPDATE {table.name} SET "{column}" = "{column}"',
            f"TRUNCATE {table.name}",
        ):
            with pytest.raises(DatabaseError, match="append-only"), engine.begin() as connection:
                connection.exec_driver_sql("SET LOCAL session_replication_role = 'origin'")
                connection.exec_driver_sql(statement)
    made = inspect(engine)
    assert set(metadata.tables) <= set(made.get_table_names())
    engine.dispose()


def test_a_second_database_for_one_home_is_refused(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_home().close()
    monkeypatch.setenv("RUNG_DATABASE", url.replace("rung", "other"))
    with pytest.raises(UserError, match="this RUNG_HOME has its registry in postgresql://rung@") as caught:
        open_home()
    assert "Unset RUNG_DATABASE" in caught.value.hint


def test_a_home_in_a_file_stays_in_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_home().close()
    monkeypatch.setenv("RUNG_DATABASE", "postgresql://rung@127.0.0.1:1/rung")
    with pytest.raises(UserError, match=r"has its registry in the file registry\.db, not in postgresql:"):
        open_home()
    assert (home / "format").read_text() == "2\n"


def test_a_server_that_cannot_be_reached_is_said_and_nothing_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("psycopg")
    monkeypatch.setenv("RUNG_DATABASE", "postgresql://rung@127.0.0.1:1/rung")
    with pytest.raises(BrokenEnvironment, match=r"the registry's database cannot be reached: .*127\.0\.0\.1"):
        open_home()
    assert not (home / "format").exists()


def test_a_schema_that_is_not_there_is_said(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNG_DATABASE", url.replace("search_path%3Drung", "search_path%3Dnowhere"))
    with pytest.raises(UserError, match="the schema that the address names is not there"):
        open_home()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://me:hunter2@host/db", "holds a password"),
        ("postgresql://host/db?password=hunter2", "holds a password"),
        ("postgresql://me@host/db?options=-csearch_path%3Da&sslpassword=hunter2", "holds a password"),
        ("mysql://host/db", "not the address of a PostgreSQL database"),
        ("sqlite:///registry.db", "not the address of a PostgreSQL database"),
        ("postgresql://host", "not the address of a PostgreSQL database"),
        ("registry", "not the address of a PostgreSQL database"),
        ("postgresql://[", "cannot be read"),
    ],
)
def test_an_address_that_will_not_do_is_refused_without_its_password(url: str, why: str) -> None:
    with pytest.raises(UserError, match=why) as caught:
        check_url(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql://me@host/db", "postgres://host:5432/db?options=-csearch_path%3Da", "postgresql:///db"]
)
def test_an_address_that_will_do(url: str) -> None:
    assert check_url(url) == url
