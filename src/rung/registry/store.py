"""Content-addressed blobs: a file or a folder kept under the SHA-256 of what it holds, at `blobs/ab/cdef...`.

What is there is whole: a blob is written beside its place, flushed to the disk, then renamed, so that neither a kill nor a full
disk leaves half of one.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from rung.disk import file_digest, place, scratch, sweep
from rung.errors import BrokenEnvironment, UserError
from rung.json_form import digest as json_digest
from rung.registry.faults import explained


class BlobStore:
    """The blobs of one RUNG_HOME; rung.storage.Blobs."""

    def __init__(self, root: Path, *, writable: bool) -> None:
        self.root, self.writable = root, writable

    def put_bytes(self, data: bytes) -> str:
        """Keeps `data`; returns its SHA-256, 64 hex digits. Raises BrokenEnvironment where the disk is full or read-only."""
        name = hashlib.sha256(data).hexdigest()
        if not self._place(name).exists():
            with self.scratch() as folder:
                file = folder / "blob"
                file.write_bytes(data)
                self._keep(file, name)
        return name

    def put_tree(self, folder: Path) -> str:
        """Keeps a copy of all files under `folder`; returns the SHA-256 of its sorted (relative name, file's SHA-256) pairs.

        Raises UserError for a folder without files or with a link in it, BrokenEnvironment where the disk is full or read-only.
        """
        name = tree_digest(folder)
        if not self._place(name).exists():
            with self.scratch() as temporary:
                copy = temporary / "tree"
                shutil.copytree(folder, copy)
                if tree_digest(copy) != name:
                    raise BrokenEnvironment("the folder changed while it was being stored", where=str(folder))
                self._keep(copy, name)
        return name

    def open(self, digest: str) -> BinaryIO:
        """A stored file's bytes, from its beginning; close it. Raises BrokenEnvironment where the store has none of that digest."""
        with explained(self.root):
            return self.local(digest).open("rb")

    def local(self, digest: str) -> Path:
        """The stored file or folder, on this machine: read it, never write to it. Raises BrokenEnvironment as `open` does."""
        kept = self._place(digest)
        if not kept.exists():
            raise BrokenEnvironment(
                f"the store has no blob {digest[:12]}", where=str(self.root), hint="Was RUNG_HOME moved or cleaned?"
            )
        return kept

    def is_intact(self, digest: str) -> bool:
        """True where what stands under `digest` still hashes to it."""
        kept = self.local(digest)
        return (tree_digest(kept) if kept.is_dir() else file_digest(kept)) == digest

    def size_bytes(self, digest: str) -> int:
        """The bytes that a blob takes."""
        kept = self.local(digest)
        return sum(file.stat().st_size for file in (_files(kept) if kept.is_dir() else [kept]))

    def all(self) -> list[str]:
        """The digests of all blobs, sorted."""
        return sorted(place.parent.name + place.name for place in self.root.glob("[0-9a-f][0-9a-f]/*"))

    def clear_leftovers(self) -> None:
        """Removes what killed writers left beside the blobs."""
        with explained(self.root):
            sweep(self.root / "tmp")

    def _place(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise UserError(f"'{digest}' is not a SHA-256 digest")
        return self.root / digest[:2] / digest[2:]

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A private folder to make something in, gone at the end of the block, and where that never comes, at the next opening."""
        if not self.writable:
            raise RuntimeError("this RUNG_HOME was opened to read: open_home(write=True) stores blobs")
        with explained(self.root), scratch(self.root / "tmp") as folder:
            yield folder

    def _keep(self, source: Path, digest: str) -> None:
        """Renames what is finished into its place, after everything in it has reached the disk. What another writer has put
        there meanwhile is the same, and stays."""
        for path in [*source.rglob("*"), source] if source.is_dir() else [source]:
            if path.is_file():
                path.chmod(0o444)
        place(source, self._place(digest))


def tree_digest(folder: Path) -> str:
    """SHA-256 over the sorted (relative name, SHA-256) pairs of a folder's files; empty sub-folders do not count."""
    files = _files(folder)
    if not files:
        raise UserError("there is no file in this folder to store", where=str(folder))
    return json_digest([[file.relative_to(folder).as_posix(), file_digest(file)] for file in files])


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.rglob("*"))
    links = [path for path in paths if path.is_symlink()]
    if links:
        raise UserError("a stored folder may not hold links", where=str(links[0]))
    return [path for path in paths if path.is_file()]
