"""Runs on what was called gate are Runs on test; nothing else of them changes."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from rung.registry.db import Database
from rung.registry.home import open_home
from rung.registry.migrations.s004_the_locked_split_is_test import up


def test_runs_on_gate_are_runs_on_test(home: Path) -> None:
    open_home().close()
    raw = sqlite3.connect(home / "registry.db")
    for name, split in (("a", "gate"), ("b", "dev"), ("c", "train")):
        raw.execute(
            "INSERT INTO runs (id, candidate, task, split, n, mean, blob, created) VALUES (?, 'x', 't', ?, 3, 0.5, ?, '')",
            (name, split, name),
        )
    raw.commit()
    database = Database(home / "registry.db", writable=True)
    with database.writing() as connection:
        up(connection)
    database.close()
    assert raw.execute("SELECT id, split, n, mean FROM runs ORDER BY id").fetchall() == [
        ("a", "test", 3, 0.5),
        ("b", "dev", 3, 0.5),
        ("c", "train", 3, 0.5),
    ]
    raw.close()
