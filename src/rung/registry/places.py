"""Where a home has its registry and its blobs, if not in its own folder. A registry on a server says itself where its blobs are."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from rung.errors import UserError
from rung.registry import tables
from rung.registry.bucket import Bucket
from rung.registry.db import now
from rung.registry.remote import RemoteStore
from rung.registry.servers import add_once
from rung.registry.store import BlobStore

if TYPE_CHECKING:
    from rung.registry.db import Database

DATABASE, BLOBS = "RUNG_DATABASE", "RUNG_BLOBS"


@dataclass(frozen=True, kw_only=True)
class Places:
    """URLs: of the registry's database, "" for the file `registry.db`; of the blobs, "" for the folder `blobs/`."""

    database: str = ""
    blobs: str = ""


def asked_for() -> Places:
    """What RUNG_DATABASE and RUNG_BLOBS ask for."""
    return Places(database=os.environ.get(DATABASE, ""), blobs=os.environ.get(BLOBS, ""))


def place_of_blobs(database: Database, asked: str, home: Path) -> str:
    """The URL of the blobs of a home that is being made: what its registry says, else what is asked for, which it then says.

    Raises UserError where a registry has its blobs elsewhere than is asked for.
    """
    columns = tables.places.c
    with database.reading() as connection:
        found = connection.execute(select(columns.url).where(columns.what == BLOBS)).scalar()
    if found is not None:
        if asked and asked != found:
            hint = f"Unset {BLOBS}, or set RUNG_HOME to a folder that is not there yet. To move: `rung push` into a new home."
            raise UserError(f"this registry has its blobs in {found}, not in {asked}", where=str(home), hint=hint)
        return str(found)
    if asked:
        with database.changing() as connection:
            add_once(connection, tables.places, {"what": BLOBS, "url": asked, "created": now()})
    return asked


def open_blobs(folder: Path, url: str, *, writable: bool) -> BlobStore:
    """The blob store of a home's folder `blobs/`, before the bucket that `url` names where there is one."""
    return RemoteStore(folder, writable=writable, bucket=Bucket(url)) if url else BlobStore(folder, writable=writable)
