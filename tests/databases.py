"""A home's database as whoever has it can open it: without the triggers that hold its history to growing only."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def tampering(home: Path) -> Iterator[Any]:
    """A connection to change anything by; what was changed is kept at the end of the block."""
    _, _, url = (home / "format").read_text().strip().partition("\n")
    with _server(url) if url else _file(home / "registry.db") as raw:
        yield raw


@contextmanager
def _file(path: Path) -> Iterator[Any]:
    raw = sqlite3.connect(path)
    for (trigger,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        raw.execute(f"DROP TRIGGER {trigger}")
    yield raw
    raw.commit()
    raw.close()


@contextmanager
def _server(url: str) -> Iterator[Any]:
    import psycopg

    with psycopg.connect(url) as raw:
        raw.execute("SET session_replication_role = 'replica'")
        yield raw
