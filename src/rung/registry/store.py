"""Content-addressed blobs: a file or a folder kept under the SHA-256 of what it holds, at `blobs/ab/cdef...`.

What is there is whole: a blob is written beside its place, flushed to the disk, then renamed, so that neither a kill nor a full
disk leaves half of one. What is cleared away is first put aside, looked at again, and only then removed: whoever needs it meanwhile
takes it back.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from rung.disk import content_digest, files_in, place, scratch, sweep, tree_digest
from rung.errors import BrokenEnvironment, UserError
from rung.registry.faults import explained

ASIDE = "aside"
HEX = frozenset("0123456789abcdef")


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A blob as it lies in a store: its bytes, and when it was last put there (seconds since 1970)."""

    digest: str
    size: int
    since: float


class BlobStore:
    """The blobs of one RUNG_HOME; rung.storage.Blobs."""

    def __init__(self, root: Path, *, writable: bool) -> None:
        self.root, self.writable = root, writable

    @property
    def where(self) -> str:
        """What a person is told of where they are."""
        return str(self.root)

    def to_write(self) -> BlobStore:
        """The same store, opened to write."""
        return type(self)(self.root, writable=True)

    def put_bytes(self, data: bytes) -> str:
        """Keeps `data`; returns its SHA-256, 64 hex digits. Raises BrokenEnvironment where the disk is full or read-only."""
        name = hashlib.sha256(data).hexdigest()
        if not self.has(name):
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
        if not self.has(name):
            with self.scratch() as temporary:
                copy = temporary / "tree"
                shutil.copytree(folder, copy)
                if tree_digest(copy) != name:
                    raise BrokenEnvironment("the folder changed while it was being stored", where=str(folder))
                self._keep(copy, name)
        return name

    def take(self, digest: str, source: Path) -> None:
        """Keeps a copy of what another store has under this digest.

        Raises BrokenEnvironment where it is not what its digest says, and as `put_bytes` does.
        """
        if not self.has(digest):
            with self._copied(digest, source) as copy:
                self._keep(copy, digest)

    def mend(self, digest: str, source: Path) -> None:
        """The same in the place of what is kept under this digest and was changed."""
        kept = self._place(digest)
        with self._copied(digest, source) as copy:
            with suppress(FileNotFoundError):
                os.rename(kept, copy.with_name("changed"))
            self._keep(copy, digest)

    @contextmanager
    def _copied(self, digest: str, source: Path) -> Iterator[Path]:
        with self.scratch() as temporary:
            copy = temporary / "blob"
            shutil.copytree(source, copy) if source.is_dir() else shutil.copyfile(source, copy)
            if content_digest(copy) != digest:
                raise changed(digest, str(source))
            yield copy

    def holds(self, digest: str) -> bool:
        """Whether it is here, for whoever does not need it."""
        return self._place(digest).exists() or self._brought_back(digest)

    def has(self, digest: str) -> bool:
        """Whether it is here. Whoever asks means to name it: it counts as put here just now, and is not cleared away."""
        kept = self._place(digest)
        if not kept.exists() and not self._brought_back(digest):
            return False
        try:
            os.utime(kept)
        except FileNotFoundError:
            return self._brought_back(digest) and self.has(digest)
        except OSError:
            pass  # another user's, or a disk that cannot be written
        return True

    def open(self, digest: str) -> BinaryIO:
        """A stored file's bytes, from its beginning; close it. Raises BrokenEnvironment where the store has none of that digest."""
        with explained(self.root):
            return self.local(digest).open("rb")

    def local(self, digest: str) -> Path:
        """The stored file or folder, on this machine: read it, never write to it. Raises BrokenEnvironment as `open` does."""
        kept = self._place(digest)
        if not kept.exists() and not self._brought_back(digest):
            raise BrokenEnvironment(
                f"the store has no blob {digest[:12]}",
                where=self.where,
                hint="Was RUNG_HOME moved or cleaned? `rung home` checks it.",
            )
        return kept

    def is_intact(self, digest: str) -> bool:
        """True where what stands under `digest` still hashes to it."""
        return content_digest(self.local(digest)) == digest

    def size_bytes(self, digest: str) -> int:
        """The bytes that a blob takes."""
        return size_of(self.local(digest))

    def all(self) -> list[str]:
        """The digests of all blobs, sorted."""
        return sorted(entry.digest for entry in self.entries())

    def entries(self) -> Iterator[Kept]:
        """Every blob, in no order; one that vanishes meanwhile is left out."""
        for kept in self.root.glob("[0-9a-f][0-9a-f]/*"):
            digest = kept.parent.name + kept.name
            with suppress(FileNotFoundError):
                if is_digest(digest):
                    yield Kept(digest=digest, size=size_of(kept), since=kept.stat().st_mtime)

    def in_pieces(self) -> dict[str, tuple[str, ...]]:
        """The blobs that the store keeps as a list of others, and these."""
        return {}

    def remove(self, digest: str, before: float) -> bool:
        """Clears a blob away, unless somebody has put it here after the moment `before`. Whether it is gone.

        It is put aside first, where it cannot be touched, then looked at again; a kill in between leaves it there, and whoever
        needs it (`local`, `has`) takes it back.
        """
        kept, aside = self._place(digest), self.root / ASIDE / digest
        with self.scratch() as folder:
            aside.parent.mkdir(exist_ok=True)
            try:
                os.rename(kept, aside)
                if aside.stat().st_mtime > before:
                    self._brought_back(digest)
                    return False
                os.rename(aside, folder / "blob")
            except FileNotFoundError:
                return False  # somebody took it back, or has cleared it away as well
        return True

    def clear_leftovers(self) -> None:
        """Removes what killed writers left beside the blobs."""
        with explained(self.root):
            sweep(self.root / "tmp")

    def bring_back(self) -> None:
        """What a killed `remove` has put aside goes back to its place."""
        for left in self.root.glob(f"{ASIDE}/*"):
            if self._brought_back(left.name) and left.exists():
                with self.scratch() as folder:
                    os.rename(left, folder / "blob")  # somebody has put the same there again

    def _brought_back(self, digest: str) -> bool:
        """Takes back what is put aside to be cleared away; whether it is in its place now."""
        kept, aside = self._place(digest), self.root / ASIDE / digest
        if aside.exists():
            with suppress(OSError):
                kept.parent.mkdir(parents=True, exist_ok=True)
                os.rename(aside, kept)
        return kept.exists()

    def _place(self, digest: str) -> Path:
        if not is_digest(digest):
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
        self._settle(source)
        place(source, self._place(digest))

    def _settle(self, source: Path) -> None:
        """Nobody writes to it from now on; it is as old as its being kept, whatever it was copied from."""
        for path in [*source.rglob("*"), source] if source.is_dir() else [source]:
            if path.is_file():
                path.chmod(0o444)
        os.utime(source)


def is_digest(text: str) -> bool:
    """Whether it is a SHA-256, 64 hex digits."""
    return len(text) == 64 and set(text) <= HEX


def changed(digest: str, where: str) -> BrokenEnvironment:
    """The error for a blob that is not what its digest says."""
    return BrokenEnvironment(
        f"the blob {digest[:12]} was changed: what is there has another digest",
        where=where,
        hint="Bring it back from another home: rung pull --check HOME NAME.",
    )


def size_of(path: Path) -> int:
    """The bytes of a file, or of all files of a folder."""
    return sum(file.stat().st_size for file in (files_in(path) if path.is_dir() else [path]))
