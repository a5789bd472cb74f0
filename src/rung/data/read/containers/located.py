"""Where a container's rows lie once it is opened: a plain file, and what its lines are called."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from rung.data import archives
from rung.data.inferred import Inference
from rung.data.read.rows import Table
from rung.disk import explained
from rung.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Located:
    """A file of rows as any other.

    path    where it lies: the owner's own file, or what was unpacked for as long as this process lives
    shown   how messages name it
    part    what is wanted of what lies there, where that is a container as well
    format  what the rows were before they were a file: `xlsx`, `sqlite`; "" where it is the file's own
    settled whether the file was made here, a JSON object a line: then no layout has a say
    places  what each of its lines is called, from the first on; None: `shown:line`
    inferences  what was taken to be so on the way
    """

    path: Path
    shown: str
    part: str = ""
    format: str = ""
    settled: bool = False
    places: Sequence[str] | None = None
    inferences: tuple[Inference, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What is asked of a container.

    shown     how messages name it
    part      what is wanted of it; "" where nothing was named
    encoding  of texts that are not UTF-8
    open      how a file inside is read as rows, whatever it is: path, how messages name it
    """

    shown: str
    part: str = ""
    encoding: str | None = None
    open: Callable[[Path, str], Table] = field(repr=False)

    def inside(self, part: str) -> str:
        """How messages name a part."""
        return f"{self.shown}#{part}"


def made_folder() -> Path:
    """A new folder for what is unpacked; it is removed when the process ends."""
    return Path(tempfile.mkdtemp(dir=_all_made().name))


@cache
def _all_made() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="rung-unpacked-", ignore_cleanup_errors=True)


def written(rows: Iterable[Mapping[str, Any]], shown: str) -> Path:
    """The rows as a file, one a line. Raises UserError where they are more than is ever read."""
    target, size = made_folder() / "rows.jsonl", 0
    with explained(target.parent), target.open("w", encoding="ascii") as out:
        for row in rows:
            size += out.write(json.dumps(row, default=str) + "\n")
            if size > archives.MAX_ARCHIVE_BYTES:
                hint = "Give fewer rows: a view, a query's result, a part of the files."
                raise UserError(f"its rows are more than {archives.MAX_ARCHIVE_BYTES >> 20:,} MiB of text", where=shown, hint=hint)
    if not size:
        raise UserError("it holds no rows", where=shown, hint="Give one with at least one row.")
    return target
