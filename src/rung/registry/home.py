"""RUNG_HOME: every blob, Candidate, Run, name, fact and look that this user's climbs have left.

format        the layout's version, one number
lock          who is climbing
registry.db   the history (SQLite)
blobs/        what the history names by digest
downloads/    what was fetched, and what was made of it
reports/      HTML
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

from rung import __version__
from rung.errors import BrokenEnvironment
from rung.registry import lock
from rung.registry.answers import StoredAnswers
from rung.registry.candidates import Candidates
from rung.registry.climbs import Climbs
from rung.registry.db import Database
from rung.registry.faults import explained
from rung.registry.looks import Looks
from rung.registry.names import Names
from rung.registry.runs import Runs
from rung.registry.store import BlobStore
from rung.registry.tasks import Tasks

FORMAT = 1


def default_path() -> Path:
    """The folder that RUNG_HOME names, else `~/.rung`."""
    return Path(os.environ.get("RUNG_HOME") or "~/.rung").expanduser().absolute()


def open_home(path: Path | str | None = None, *, write: bool = False) -> Home:
    """The home at `path` (by default `default_path()`), made where there is none. `write` takes the lock, until the home is closed.

    Raises UserError where another process writes, BrokenEnvironment where the folder cannot be used or another version made it.
    """
    folder = Path(path).expanduser().absolute() if path else default_path()
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _check_format(folder)
        held = lock.take(folder / "lock") if write else None
    try:
        return Home(folder, held)
    except BaseException:
        if held:
            held.close()
        raise


class Home:
    """One RUNG_HOME: each noun's shelf an attribute. Use it as a context manager, or close it."""

    def __init__(self, path: Path, held: IO[str] | None) -> None:
        self.path = path
        self.downloads = path / "downloads"
        self._held = held
        self._database = database = Database(path / "registry.db", writable=held is not None)
        self.blobs = BlobStore(path / "blobs", writable=held is not None)
        self.answers = StoredAnswers(database)
        self.tasks = Tasks(database)
        self.candidates = Candidates(database)
        self.runs = Runs(database, self.blobs)
        self.names = Names(database)
        self.climbs = Climbs(database)
        self.looks = Looks(database)
        if held:
            self.blobs.clear_leftovers()

    def __enter__(self) -> Home:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the database and gives the lock back."""
        self._database.close()
        if self._held:
            self._held.close()


def _check_format(folder: Path) -> None:
    """Writes the layout's version into a new home; refuses one that another version made."""
    file = folder / "format"
    if not file.exists():
        temporary = folder / f"format.{os.getpid()}"
        temporary.write_text(f"{FORMAT}\n", "utf-8")
        os.replace(temporary, file)
        return
    found = file.read_text("utf-8", errors="replace").strip()
    if found != str(FORMAT):
        raise BrokenEnvironment(
            f"this RUNG_HOME has format '{found[:20]}'; rung {__version__} uses format {FORMAT}",
            where=str(folder),
            mend="Use the rung that made it, or set RUNG_HOME to another folder.",
        )
