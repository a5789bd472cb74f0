"""Nothing in the tests outlives a power cut, and what waits for the disk is most of a small climb: so nothing waits for it.

A process that is killed loses nothing by it: what it wrote is the system's by then.
"""

from __future__ import annotations

import os
import sqlite3
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine


def forgo_durability() -> None:
    """In this process, for good."""
    os.fsync = lambda _handle: None
    if not event.contains(Engine, "connect", _connected):
        event.listen(Engine, "connect", _connected)


def _connected(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous=OFF")
