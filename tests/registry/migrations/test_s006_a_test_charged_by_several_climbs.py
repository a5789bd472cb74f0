"""Tests that were written down stay as they were, and can still be neither changed nor removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from rung.registry.db import Database
from rung.registry.migrations.run import migrate, steps

KEPT = "INSERT INTO tests (gauge, test, lines, climb, alpha, created) VALUES ('g', 't', '[0.8]', '{}', {}, 'now')"


def test_what_was_charged_stays_and_another_climb_may_charge_it_again(tmp_path: Path) -> None:
    database = Database(tmp_path / "registry.db", writable=True)
    migrate(database, {number: step for number, step in steps().items() if number < 6})
    with database.writing() as connection:
        connection.exec_driver_sql(KEPT.format("first", 0.001))
    with pytest.raises(IntegrityError), database._engine.begin() as connection:
        connection.exec_driver_sql(KEPT.format("second", 0.002))
    migrate(database, steps())
    with database.writing() as connection:
        connection.exec_driver_sql(KEPT.format("second", 0.002))
        found = connection.exec_driver_sql("SELECT climb, alpha FROM tests ORDER BY seq").all()
    assert [tuple(row) for row in found] == [("first", 0.001), ("second", 0.002)]
    for changed in ("DELETE FROM tests", "UPDATE tests SET alpha = 1", KEPT.format("second", 0.003)):
        with pytest.raises(IntegrityError), database._engine.begin() as connection:
            connection.exec_driver_sql(changed)
