"""Turns what the disk and the database say when they refuse into words with a remedy."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rung.errors import BrokenEnvironment

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)


def explain_os_error(error: OSError, path: Path | str) -> BrokenEnvironment:
    """The BrokenEnvironment that says what an OSError means for whoever uses the folder `path`."""
    if error.errno in FULL:
        return _full(path)
    if error.errno in FORBIDDEN:
        return _read_only(path)
    return BrokenEnvironment(f"the file system refused: {error.strerror or error}", where=str(error.filename or path))


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises BrokenEnvironment for an OSError or a database error inside the block; lets everything else through."""
    from sqlalchemy.exc import DatabaseError

    try:
        yield
    except OSError as error:
        raise explain_os_error(error, path) from error
    except DatabaseError as error:
        raise _explain_database_error(str(error.orig), path) from error


def _explain_database_error(said: str, path: Path) -> BrokenEnvironment:
    if "disk is full" in said:
        return _full(path)
    if "readonly database" in said or "unable to open" in said:
        return _read_only(path)
    if "locked" in said:
        return BrokenEnvironment(
            "the registry is busy", where=str(path), mend="Another program holds registry.db: try again in a minute."
        )
    if "malformed" in said or "not a database" in said:
        return BrokenEnvironment(
            f"registry.db is damaged ({said})", where=str(path), mend="Restore it from a copy, or set RUNG_HOME to another folder."
        )
    return BrokenEnvironment(f"the registry refused: {said}", where=str(path))


def _full(path: Path | str) -> BrokenEnvironment:
    return BrokenEnvironment(
        "no space left", where=str(path), mend="Nothing was half-written. Free some space, then run the same command again."
    )


def _read_only(path: Path | str) -> BrokenEnvironment:
    return BrokenEnvironment(
        "cannot be written", where=str(path), mend="Make the folder writable, or set RUNG_HOME to one that is."
    )
