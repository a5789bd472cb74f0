"""The `format` file of a RUNG_HOME: which versions of rung may open it at all, and where its registry is.

1   one climb at a time on one home, which a lock on the file `lock` saw to
2   several; the registry remembers its migrations, and says itself whether a version is too old for it. A second line is the URL of
    the database, where the registry is not the file `registry.db`
3   the same, and a third line is the URL of the blobs, which are not in the folder `blobs/` alone; the second may be empty
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
from rung.registry import bucket
from rung.registry.places import BLOBS, DATABASE, Places
from rung.registry.servers import check_url

FORMAT, WITH_BLOBS, LOCKED = 2, 3, 1
KNOWN = (str(FORMAT), str(WITH_BLOBS))


class Layout:
    """A home's folder while it is opened. `places` is what it has, or will have; whoever makes it may set another."""

    def __init__(self, folder: Path, places: Places, *, is_new: bool) -> None:
        self.folder, self.places, self.is_new = folder, places, is_new


@contextmanager
def upgrading(folder: Path, asked: Places | None = None) -> Iterator[Layout]:
    """Opens the home at `folder` inside the block, which makes or migrates it; then it has this version's format.

    A home that is not there yet gets the places that are asked for.

    Raises BrokenEnvironment for another format, UserError where a climb of the version before holds the lock, and where other
    places are asked for than the home has.
    """
    file, wanted = folder / "format", asked or Places()
    is_new = not is_home(folder)
    text = file.read_text("utf-8", errors="replace") if file.exists() else str(FORMAT)
    found, database, blobs = ([part.strip() for part in text.splitlines()] + ["", "", ""])[:3]
    if is_new:
        layout = Layout(folder, Places(database=wanted.database and check_url(wanted.database), blobs=wanted.blobs), is_new=True)
        if wanted.blobs:
            bucket.check_url(wanted.blobs)
    else:
        layout = Layout(folder, Places(database=database, blobs=blobs), is_new=False)
        _refuse_others(layout, wanted)
    if found in KNOWN:
        yield layout
    elif found == str(LOCKED):
        with _no_climb(folder):
            yield layout
        (folder / "lock").unlink(missing_ok=True)
        shutil.rmtree(folder / "blobs" / "tmp", ignore_errors=True)  # its killed writers' leftovers, without their makers' numbers
    else:
        newer = found.isdecimal() and int(found) > WITH_BLOBS
        raise BrokenEnvironment(
            f"this RUNG_HOME has format '{found[:20]}'; rung {__version__} uses format {FORMAT}",
            where=str(folder),
            hint=f"{'Upgrade rung' if newer else 'Use the rung that made it'}, or set RUNG_HOME to another folder.",
        )
    if not file.exists() or found not in KNOWN:
        with replacing(file) as draft:
            draft.write_text(_written(layout.places), "utf-8")


def is_home(folder: Path) -> bool:
    """Whether a folder is a RUNG_HOME."""
    return (folder / "format").exists() or (folder / "registry.db").exists()


def _written(places: Places) -> str:
    if places.blobs:
        return f"{WITH_BLOBS}\n{places.database}\n{places.blobs}\n"
    return f"{FORMAT}\n{places.database}\n" if places.database else f"{FORMAT}\n"


def _refuse_others(layout: Layout, asked: Places) -> None:
    """Raises UserError where the environment asks for other places than a home has."""
    has = layout.places
    pairs = (
        ("registry", DATABASE, asked.database, has.database, "the file registry.db"),
        ("blobs", BLOBS, asked.blobs, has.blobs, "its folder blobs"),
    )
    for what, variable, wanted, found, else_in in pairs:
        if wanted and wanted != found:
            raise UserError(
                f"this RUNG_HOME has its {what} in {found or else_in}, not in {wanted}",
                where=str(layout.folder),
                hint=f"Unset {variable}, or set RUNG_HOME to a folder that is not there yet.",
            )


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
