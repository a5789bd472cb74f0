"""Turns what the disk and the database say when they refuse into words with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rung import disk
from rung.errors import BrokenEnvironment

# What psycopg says of a server that is not there, was stopped, or does not let us in.
UNREACHABLE = ("connection failed", "connection is bad", "server closed", "terminating connection", "consuming input failed")


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
    problem, hint = _problem(said)
    return BrokenEnvironment(problem, where=str(path), hint=hint)


def _problem(said: str) -> tuple[str, str]:
    """What is wrong, and how to mend it."""
    if "locked" in said or "lock timeout" in said:
        return "the registry is busy", "Another program holds its database: try again in a minute."
    if any(words in said for words in UNREACHABLE):
        problem = f"the registry's database cannot be reached: {said.strip().splitlines()[0]}"
        return problem, "Is the server running, and does the file `format` name it? What is stored stays."
    if "malformed" in said or "not a database" in said:
        return f"registry.db is damaged ({said})", "Restore it from a copy, or set RUNG_HOME to another folder."
    return f"the registry refused: {said}", ""
