"""A home of the version before is brought to this one's form and loses nothing; a step is taken whole or not at all, once."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from sqlalchemy import Connection, inspect

sys.path.insert(0, str(Path(__file__).parents[1]))
from old_home import ADAPTER, FINISHED, PROMPT, TASK, UNFINISHED, sha256, write_old_home

from rung.errors import BrokenEnvironment
from rung.registry import records
from rung.registry.db import Database
from rung.registry.home import Home, open_home
from rung.registry.migrations.run import migrate, steps
from rung.registry.tables import HISTORY, metadata
from rung.types import Candidate


@pytest.fixture
def old(home: Path) -> Path:
    write_old_home(home)
    return home


def stored(home: Home) -> list[tuple[str, Candidate]]:
    """The candidates as the database has them."""
    raw = sqlite3.connect(home.path / "registry.db")
    rows = raw.execute("SELECT id, fields FROM candidates").fetchall()
    raw.close()
    return [(name, records.candidate(fields)) for name, fields in rows]


def a_step(number: int, up: Callable[[Connection], None]) -> ModuleType:
    module = ModuleType(f"s{number:03}_planted")
    module.up = up  # type: ignore[attr-defined]
    return module


def test_the_steps_are_numbered_without_a_gap_and_say_what_they_are_for() -> None:
    known = steps()
    assert list(known) == list(range(1, len(known) + 1))
    assert all((step.__doc__ or "").strip() for step in known.values())


@pytest.mark.parametrize("write", [False, True])
def test_a_home_of_the_version_before_opens_with_all_that_it_held(old: Path, write: bool) -> None:
    for _ in range(2):  # the second time nothing is left to do
        with open_home(write=write) as home:
            prompt = home.candidates.get("tone")
            assert (prompt.rung, prompt.prompt) == ("r1_prompt", "Good or bad?")
            assert [version.ref for version in home.names.all()] == ["tone@1"]
            assert home.names.all()[0].evidence.climb == FINISHED
            for was in (PROMPT, ADAPTER):
                known = home.candidates.get(sha256(was)[:12])
                assert known.rung == was["rung"]
                (run,) = home.runs.of(known.id)
                assert (run.candidate, run.mean(), run.rows[0].answer.text) == (known.id, 1.0, "good")
                assert home.answers.load(known.id, ["e1"])["e1"].logprobs == {"good": -0.1}
                assert known.id in [look.candidate for look in home.looks.of(TASK)]
            assert home.candidates.get(sha256(ADAPTER)).parent == prompt.id
            for name, candidate in stored(home):
                assert candidate.id == name, "what the steps wrote is what a Candidate of today is written as"
            assert len(home.looks.of(TASK)) == 2
            assert [(record.climb, record.form, record.task) for record in home.climbs.all()] == [
                (FINISHED, 2, TASK),
                (UNFINISHED, 2, TASK),
            ]
            assert home.tasks.get(TASK).path == "tasks/tone/task.yaml"
    assert (old / "format").read_text() == "2\n"
    assert not (old / "lock").exists()
    assert not list((old / "blobs").glob("tmp/*"))


def test_what_was_migrated_is_what_a_new_home_has(old: Path, tmp_path: Path) -> None:
    def shape(home: Path) -> dict[str, object]:
        raw = sqlite3.connect(home / "registry.db")
        columns = {
            name: raw.execute(f"SELECT name, type, \"notnull\", pk FROM pragma_table_info('{name}')").fetchall()
            for name in names(raw)
        }
        others = raw.execute("SELECT type, name, tbl_name FROM sqlite_master WHERE type != 'table' ORDER BY 1, 2").fetchall()
        raw.close()
        return {"columns": columns, "others": others}

    def names(raw: sqlite3.Connection) -> list[str]:
        return [name for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]

    for home in (old, tmp_path / "new"):
        open_home(home).close()
    assert shape(old) == shape(tmp_path / "new")


def test_the_tables_that_are_asked_are_those_that_the_steps_made(home: Path) -> None:
    open_home().close()
    database = Database(home / "registry.db", writable=False)
    with database.reading() as connection:
        made = inspect(connection)
        for name, table in metadata.tables.items():
            assert [(column["name"], str(column["type"]), column["nullable"]) for column in made.get_columns(name)] == [
                (column.name, str(column.type), column.nullable) for column in table.columns
            ]
        triggers = {name for (name,) in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    database.close()
    assert triggers == {f"{table.name}_no_{verb}" for table in HISTORY for verb in ("update", "delete")}


def test_a_table_that_is_added_later_appears_in_an_old_home(old: Path) -> None:
    open_home().close()
    database = Database(old / "registry.db", writable=False)
    later = steps() | {99: a_step(99, lambda connection: connection.exec_driver_sql("CREATE TABLE later (a TEXT)"))}
    migrate(database, later)
    migrate(database, later)
    with database.reading() as connection:
        assert inspect(connection).has_table("later")
    database.close()
    with pytest.raises(
        BrokenEnvironment, match=r"a newer rung \(\S+\) wrote this RUNG_HOME: its registry has had step 99"
    ) as caught:
        open_home()
    assert caught.value.hint == "Upgrade rung, or set RUNG_HOME to another folder."


def test_a_step_that_fails_leaves_the_home_as_it_was(old: Path) -> None:
    def half(connection: Connection) -> None:
        connection.exec_driver_sql("DROP TRIGGER names_no_delete")
        connection.exec_driver_sql("DELETE FROM names")
        raise RuntimeError("halfway")

    database = Database(old / "registry.db", writable=False)
    with pytest.raises(RuntimeError, match="halfway"):
        migrate(database, steps() | {99: a_step(99, half)})
    with database.reading() as connection:
        assert not inspect(connection).has_table("migrations")
    database.close()
    with open_home() as home:
        assert home.candidates.get("tone").rung == "r1_prompt"
