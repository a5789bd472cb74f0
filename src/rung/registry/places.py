"""Where a home has its registry and its blobs, if not in its own folder. A registry on a server says itself where its blobs are."""

from __future__ import annotations

import os
import secrets
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
OWNER = "owner"


@dataclass(frozen=True, kw_only=True)
class Places:
    """URLs: of the registry's database, "" for the file `registry.db`; of the blobs, "" for the folder `blobs/`."""

    database: str = ""
    blobs: str = ""


def asked_for() -> Places:
    """What RUNG_DATABASE and RUNG_BLOBS ask for."""
    return Places(database=os.environ.get(DATABASE, ""), blobs=os.environ.get(BLOBS, ""))


def settle(database: Database, asked: str, home: Path) -> str:
    """The URL of the blobs of a home that is being made: what its registry says, else what is asked for, which it then says.

    Raises UserError where a registry has its blobs elsewhere than is asked for, and as `Bucket.prepare` does.
    """
    found = _said(database, BLOBS)
    if found and asked and asked != found:
        hint = f"Unset {BLOBS}, or set RUNG_HOME to a folder that is not there yet. To move: `rung push` into a new home."
        raise UserError(f"this registry has its blobs in {found}, not in {asked}", where=str(home), hint=hint)
    if found or not asked:
        return found
    Bucket(asked).prepare(_kept(database, OWNER, secrets.token_hex(16)))
    return _kept(database, BLOBS, asked)


def _said(database: Database, what: str) -> str:
    with database.reading() as connection:
        return str(connection.execute(select(tables.places.c.url).where(tables.places.c.what == what)).scalar() or "")


def _kept(database: Database, what: str, said: str) -> str:
    """Says it once and for all; what was said before stands."""
    with database.changing() as connection:
        add_once(connection, tables.places, {"what": what, "url": said, "created": now()})
    return _said(database, what)


def open_blobs(folder: Path, url: str, *, writable: bool) -> BlobStore:
    """The blob store of a home's folder `blobs/`, before the bucket that `url` names where there is one."""
    return RemoteStore(folder, writable=writable, bucket=Bucket(url)) if url else BlobStore(folder, writable=writable)
