"""A blob store whose blobs lie in a bucket: the folder `blobs/` of the home is a cache before it, read and written through.

What is put reaches the bucket before its digest is given to anybody. What is fetched is hashed before it is used. A cached copy is
used without asking the server, so that what was used once answers without a network.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from rung.disk import content_digest, place, scratch
from rung.errors import BrokenEnvironment
from rung.registry.bucket import FRESH_S, Bucket
from rung.registry.faults import explained
from rung.registry.store import BlobStore, Kept


class RemoteStore(BlobStore):
    """The blobs of one RUNG_HOME that has them in a bucket."""

    def __init__(self, root: Path, *, writable: bool, bucket: Bucket) -> None:
        super().__init__(root, writable=writable)
        self.bucket = bucket

    @property
    def where(self) -> str:
        return self.bucket.url

    def to_write(self) -> RemoteStore:
        return RemoteStore(self.root, writable=True, bucket=self.bucket)

    def holds(self, digest: str) -> bool:
        return self.bucket.holds(digest) is not None

    def has(self, digest: str) -> bool:
        """What has lain there for long is sent again, so that it counts as put there just now."""
        since = self.bucket.holds(digest)
        return since is not None and time.time() - since < FRESH_S

    def local(self, digest: str) -> Path:
        """The cached copy, fetched first where there is none.

        Raises BrokenEnvironment where the bucket has none of that digest, or something else under it, or cannot be reached.
        """
        kept = self._place(digest)
        if kept.exists() or self._brought_back(digest):
            with suppress(OSError):
                os.utime(kept)  # of what is cached the least used goes first
            return kept
        with explained(self.root), scratch(self.root / "tmp") as folder:
            draft = folder / "blob"
            try:
                self.bucket.fetch(digest, draft)
            except FileNotFoundError:
                hint = "Was it cleared away, or is the address another's? `rung home --check` names what is missing."
                raise BrokenEnvironment(f"the store has no blob {digest[:12]}", where=self.where, hint=hint) from None
            self._settle(draft)
            return place(draft, kept)

    def is_intact(self, digest: str) -> bool:
        """True where what lies in the bucket, and the cached copy where there is one, hash to it."""
        kept = self._place(digest)
        if kept.exists() and content_digest(kept) != digest:
            return False
        try:
            return self.bucket.is_intact(digest)
        except FileNotFoundError:
            raise BrokenEnvironment(f"the store has no blob {digest[:12]}", where=self.where) from None

    def size_bytes(self, digest: str) -> int:
        if self._place(digest).exists():
            return super().size_bytes(digest)
        try:
            return self.bucket.size(digest)
        except FileNotFoundError:
            raise BrokenEnvironment(f"the store has no blob {digest[:12]}", where=self.where) from None

    def entries(self) -> Iterator[Kept]:
        """Every file and every list of a folder's files in the bucket, in no order."""
        return (entry.kept for entry in self.bucket.entries())

    def cached(self) -> Iterator[Kept]:
        """Every copy on this machine."""
        return super().entries()

    def in_pieces(self) -> dict[str, tuple[str, ...]]:
        """Every folder, by what its list says; one that is not readable has none."""
        found = {}
        for entry in self.bucket.entries():
            if entry.is_tree:
                with suppress(BrokenEnvironment):
                    found[entry.kept.digest] = self.bucket.beneath(entry.kept.digest)
        return found

    def remove(self, digest: str, before: float) -> bool:
        """Clears a blob out of the bucket, unless somebody has put it there after the moment `before`. Whether it is gone."""
        gone = self.bucket.remove(digest, before)
        if gone:
            super().remove(digest, time.time())
        return gone

    def uncache(self, digest: str, before: float) -> bool:
        """Clears the cached copy away, unless it was used after the moment `before`."""
        return super().remove(digest, before)

    def mend(self, digest: str, source: Path) -> None:
        with self._copied(digest, source) as copy:
            self.bucket.put(digest, copy, anew=True)
        super().mend(digest, source)

    def _keep(self, source: Path, digest: str) -> None:
        self.bucket.put(digest, source)
        super()._keep(source, digest)
