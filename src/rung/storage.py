"""What engine and rungs need of a store, wherever it keeps things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from rung.types import Answer


class Blobs(Protocol):
    """A content-addressed store: the digest is the name, so that what is stored cannot change."""

    def put_bytes(self, data: bytes) -> str:
        """Keep `data`; returns its digest."""

    def put_tree(self, folder: Path) -> str:
        """Keep a copy of a folder; returns its digest."""

    def open(self, digest: str) -> BinaryIO:
        """A stored file as a stream."""

    def local(self, digest: str) -> Path:
        """A stored file or folder on this machine, fetched first where the store is elsewhere. Never write to it."""


class AnswerCache(Protocol):
    """Answers by (candidate id, example digest). `store` keeps a whole batch or nothing; what is forgotten is asked anew."""

    def load(self, candidate: str, examples: Sequence[str]) -> dict[str, Answer]: ...

    def store(self, candidate: str, answers: Mapping[str, Answer]) -> None: ...

    def forget(self, candidate: str, examples: Sequence[str]) -> None: ...
