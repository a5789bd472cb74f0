"""Turns what the disk and the database say when they refuse into words with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rung import disk
from rung.errors import BrokenEnvironment


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises BrokenEnvironment for an OSError or a database error inside the block; lets everything else through."""
    from sqlalchemy.exc import DatabaseError

    try:
        with disk.explained(path):
            yield
    except DatabaseError as error:
        raise _explain_database_error(str(error.orig), path) from error


def _explain_database_error(said: str, path: Path) -> BrokenEnvironment:
    if "disk is full" in said:
        return disk.full(path)
    if "readonly database" in said or "unable to open" in said:
        return disk.forbidden(path)
    if "locked" in said:
        return BrokenEnvironment(
            "the registry is busy", where=str(path), hint="Another program holds registry.db: try again in a minute."
        )
    if "malformed" in said or "not a database" in said:
        return BrokenEnvironment(
            f"registry.db is damaged ({said})", where=str(path), hint="Restore it from a copy, or set RUNG_HOME to another folder."
        )
    return BrokenEnvironment(f"the registry refused: {said}", where=str(path))
