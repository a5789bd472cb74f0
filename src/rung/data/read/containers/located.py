"""Where a container's rows lie once it is opened: a plain file, and what its lines are called."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rung.data.inferred import Inference


@dataclass(frozen=True, kw_only=True)
class Located:
    """A file of rows as any other.

    path    where it lies: the owner's own file, or what was unpacked for as long as this process lives
    shown   how messages name it
    format  what the rows were before they were a file: `xlsx`, `sqlite`; "" where it is the file's own
    places  what each of its lines is called, from the first on; None: `shown:line`
    inferences  what was taken to be so on the way
    """

    path: Path
    shown: str
    format: str = ""
    places: Sequence[str] | None = None
    inferences: tuple[Inference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked of a container.

    shown     how messages name it
    part      what is wanted of it; "" where nothing was named
    encoding  of texts that are not UTF-8
    """

    shown: str
    part: str = ""
    encoding: str | None = None

    def inside(self, part: str) -> str:
        """How messages name a part."""
        return f"{self.shown}#{part}"


def made_folder() -> Path:
    """A new folder for what is unpacked; it is removed when the process ends."""
    return Path(tempfile.mkdtemp(dir=_all_made().name))


@cache
def _all_made() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rung-unpacked-", ignore_cleanup_errors=True)
