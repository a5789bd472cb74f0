"""The store as a server reads it: what answers a question is what its digest names, or nothing answers."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import BinaryIO

from rung.disk import content_digest
from rung.registry.store import changed
from rung.storage import Blobs

# Of each file: its name, size, moments of its bytes and of its entry, number.
State = tuple[tuple[str, int, int, int, int], ...]


class CheckedBlobs:
    """Hashes a blob when it is first asked for, and again whenever its files look otherwise than they did then."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs, self._lock = blobs, threading.Lock()
        self._checked: dict[str, State] = {}

    def put_bytes(self, data: bytes) -> str:
        return self._blobs.put_bytes(data)

    def put_tree(self, folder: Path) -> str:
        return self._blobs.put_tree(folder)

    def open(self, digest: str) -> BinaryIO:
        """Raises as `local` does."""
        return self.local(digest).open("rb")

    def local(self, digest: str) -> Path:
        """Raises BrokenEnvironment for a blob that is not there, and for one that was changed."""
        path = self._blobs.local(digest)
        state = _state(path)
        if self._checked.get(digest) != state:
            with self._lock:
                if content_digest(path) != digest:
                    self._checked.pop(digest, None)
                    raise changed(digest, str(path))
                self._checked[digest] = state
        return path


def _state(path: Path) -> State:
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    stats = [(str(file.relative_to(path)), file.stat()) for file in files]
    return tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) for name, stat in stats)
