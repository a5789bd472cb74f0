"""The `format` file of a RUNG_HOME: which versions of rung may open it at all, and where its registry is.

1   one climb at a time on one home, which a lock on the file `lock` saw to
2   several; the registry remembers its migrations, and says itself whether a version is too old for it. A second line is the URL of
    the database, where the registry is not the file `registry.db`
"""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rung import __version__
from rung.disk import replacing
from rung.errors import BrokenEnvironment, UserError
from rung.registry.servers import check_url

FORMAT, LOCKED = 2, 1


@contextmanager
def upgrading(folder: Path, database: str = "") -> Iterator[str]:
    """Opens the home at `folder` inside the block, which makes or migrates it; then it has this version's format.

    Gives the URL of its database, "" for the file: a home that is not there yet gets the one that is asked for.

    Raises BrokenEnvironment for another format, UserError where a climb of the version before holds the lock, and where another
    database is asked for than the home has.
    """
    file = folder / "format"
    is_new = not file.exists() and not (folder / "registry.db").exists()
    text = file.read_text("utf-8", errors="replace").strip() if file.exists() else str(FORMAT)
    found, _, named = (part.strip() for part in text.partition("\n"))
    url = check_url(database) if database and is_new else named
    if database and database != url:
        raise UserError(
            f"this RUNG_HOME has its registry in {url or 'the file registry.db'}, not in {database}",
            where=str(folder),
            hint="Unset RUNG_DATABASE, or set RUNG_HOME to a folder that is not there yet.",
        )
    if found == str(FORMAT):
        yield url
    elif found == str(LOCKED):
        with _no_climb(folder):
            yield url
        (folder / "lock").unlink(missing_ok=True)
        shutil.rmtree(folder / "blobs" / "tmp", ignore_errors=True)  # its killed writers' leftovers, without their makers' numbers
    else:
        newer = found.isdecimal() and int(found) > FORMAT
        raise BrokenEnvironment(
            f"this RUNG_HOME has format '{found[:20]}'; rung {__version__} uses format {FORMAT}",
            where=str(folder),
            hint=f"{'Upgrade rung' if newer else 'Use the rung that made it'}, or set RUNG_HOME to another folder.",
        )
    if not file.exists() or found != str(FORMAT):
        with replacing(file) as draft:
            draft.write_text(f"{FORMAT}\n{url}\n" if url else f"{FORMAT}\n", "utf-8")


def refuse_gone(folder: Path, url: str) -> None:
    """Raises BrokenEnvironment where a home had its registry in the file, and the file is gone: it is not begun anew in silence."""
    file = folder / "format"
    known = file.read_text("utf-8", errors="replace").partition("\n")[0].strip() if file.exists() else ""
    if known == str(FORMAT) and not url and not (folder / "registry.db").exists():
        raise BrokenEnvironment(
            "registry.db is gone, in which this RUNG_HOME has all that was registered",
            where=str(folder),
            hint="Bring it back from a copy, or set RUNG_HOME to another folder.",
        )


@contextmanager
def _no_climb(folder: Path) -> Iterator[None]:
    """Holds the lock of the version before, so that none of its climbs writes what is being migrated."""
    with (folder / "lock").open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "a climb of an earlier version of rung is using this RUNG_HOME, which this version has to migrate",
                where=str(folder),
                hint="Wait until it has finished, or set RUNG_HOME to another folder.",
            ) from None
        yield
