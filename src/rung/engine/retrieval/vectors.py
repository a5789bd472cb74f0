"""Vectors that were computed once, by the digest of their text, in one SQLite file for each encoder."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from rung.errors import BrokenEnvironment

if TYPE_CHECKING:
    import numpy as np

FLUSH_ROWS = 256
_ASKED_ROWS = 500


class VectorStore:
    """Vectors on disk. What is added is safe after 256 more, or after `flush`: a kill loses at most those."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._new: dict[str, bytes] = {}

    def load(self, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """The float32 vectors that are known. Raises BrokenEnvironment where the file is damaged."""
        import numpy as np

        if not self.path.exists():
            return {}
        found: dict[str, np.ndarray] = {}
        try:
            with closing(self._open()) as file:
                # A full disk, or a kill at the wrong moment, leaves a file without the table.
                if not file.execute("SELECT 1 FROM sqlite_master WHERE name = 'vectors'").fetchone():
                    return {}
                for start in range(0, len(keys), _ASKED_ROWS):
                    asked = keys[start : start + _ASKED_ROWS]
                    marks = ",".join("?" * len(asked))
                    rows = file.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", asked)
                    found |= {key: np.frombuffer(vector, np.float32) for key, vector in rows}
        except sqlite3.Error as error:
            hint = "Delete the file: what it held is computed again."
            raise BrokenEnvironment(f"the kept vectors cannot be read: {error}", where=str(self.path), hint=hint) from None
        return found

    def add(self, key: str, vector: np.ndarray) -> None:
        """Keep one vector."""
        self._new[key] = vector.tobytes()
        if len(self._new) >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Write down what was added. Raises BrokenEnvironment where the disk is full or cannot be written."""
        if not self._new:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(self._open()) as file, file:
                file.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB NOT NULL)")
                file.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", self._new.items())
        except (OSError, sqlite3.Error) as error:
            raise BrokenEnvironment(f"cannot keep the vectors: {error}", where=str(self.path), hint="Make room there.") from None
        self._new.clear()

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=60)
