"""Another home, by what a person writes for it: its folder, or the address of its registry's database."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from rung.errors import UserError
from rung.json_form import digest
from rung.registry.db import Database
from rung.registry.faults import explained
from rung.registry.home import Home, open_home
from rung.registry.layout import is_home
from rung.registry.places import Places
from rung.registry.refs import NAME
from rung.registry.servers import SCHEMES, check_url


@contextmanager
def other_home(where: str, mine: Path, *, write: bool) -> Iterator[Home]:
    """The home at `where`, a folder or postgresql://...; that of a database has a folder of its own in `mine`.

    Raises UserError where there is none (none is made), and for `mine` itself.
    """
    if "://" in where:
        url = check_url(where)
        folder = mine / "homes" / digest(url)[:16]
        if not is_home(folder):
            _refuse_empty(folder, url)
        with open_home(folder, write=write, places=Places(database=url)) as home:
            yield home
        return
    folder = Path(where).expanduser().absolute()
    if folder.resolve() == mine.resolve():
        raise UserError("this is the home that you are in", where=str(folder), hint="Name another, or set RUNG_HOME.")
    if not is_home(folder):
        hint = f"RUNG_HOME={folder} rung home makes one; that of a team: postgresql://USER@HOST/DATABASE."
        raise UserError("there is no RUNG_HOME here", where=str(folder), hint=hint)
    with open_home(folder, write=write, places=Places()) as home:
        yield home


def _refuse_empty(folder: Path, url: str) -> None:
    """Raises UserError for a database that holds no registry: nobody makes one by a slip of the keyboard."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    database = Database(folder / "registry.db", writable=False, url=url)
    try:
        if not database.has_registry():
            hint = f"RUNG_DATABASE={url} RUNG_HOME=FOLDER rung home makes one."
            raise UserError("there is no registry in this database", where=url, hint=hint)
    finally:
        database.close()


def label_of(where: str | None, given: str | None) -> str:
    """What a home is called in another: what was given, else its host or its folder; `where` None is this machine's.

    Raises UserError for what cannot be a name.
    """
    if given is not None:
        if not NAME.fullmatch(given):
            raise UserError(f"'{given}' cannot be the name of a home", hint="Use letters, digits, '.', '_' and '-'.")
        return given
    if where is None:
        said = socket.gethostname()
    elif "://" in where and where.partition("://")[0] in SCHEMES:
        parts = urlsplit(where)
        said = f"{parts.hostname}-{parts.path.strip('/')}"
    else:
        folder = Path(where).expanduser().absolute()
        said = folder.parent.name if folder.name.startswith(".") else folder.name
    return re.sub(r"[^A-Za-z0-9._-]", "_", said).lstrip("._-") or "other"
