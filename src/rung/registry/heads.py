"""Signed heads of the audit: how many lines there are, and the digest of the last. Every line is added with one.

The newest head also stands in the file `audit.head` beside the database, so that lines which are taken out of the database together
with their heads are missed. Keep that file elsewhere as well, and nobody who has this machine can shorten the audit unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select

from rung.disk import write_whole
from rung.errors import BrokenEnvironment
from rung.json_form import canonical_json
from rung.registry import tables
from rung.registry.chain import Line, append_line
from rung.registry.db import Database

if TYPE_CHECKING:
    from rung.registry.keys import Signer

HEAD = "head"
FILE = "audit.head"


@dataclass(frozen=True, kw_only=True)
class Head:
    """What the verifier (its key's fingerprint) signed: so many lines, the last of which has this digest."""

    lines: int
    digest: str
    signer: str
    signature: str

    @property
    def document(self) -> dict[str, Any]:
        """What the signature is of."""
        return {"lines": self.lines, "digest": self.digest}


def add_line(database: Database, signer: Signer, kind: str, subject: str, payload: Mapping[str, Any]) -> Line:
    """Adds a line to the audit, and the head that it makes."""
    with database.writing() as connection:
        line = append_line(connection, kind, subject, payload)
        said = {"lines": line.number, "digest": line.digest}
        head = Head(lines=line.number, digest=line.digest, signer=signer.identity.fingerprint, signature=signer.sign(HEAD, said))
        connection.execute(insert(tables.heads), {**asdict(head), "created": line.created})
        database.once_kept(FILE, lambda: _publish(database, head))
    return line


def published(folder: Path) -> Head | None:
    """The head in a home's file; None where there is none. Raises ValueError for a file that is none."""
    file = folder / FILE
    if not file.exists():
        return None
    try:
        return Head(**json.loads(file.read_text("utf-8")))
    except (OSError, TypeError, ValueError):
        raise ValueError(f"{file} holds no head") from None


def _publish(database: Database, head: Head) -> None:
    """Puts the head into the file, unless a newer one is there, or one that the audit does not lead up to: that is evidence.

    Where the disk refuses, the file stays behind the audit, which it may.
    """
    folder = database.path.parent
    try:
        known = published(folder)
    except ValueError:
        return
    if known is not None:
        if known.lines >= head.lines:
            return
        with database.reading() as connection:
            found = connection.execute(select(tables.audit.c.digest).where(tables.audit.c.seq == known.lines)).scalar()
        if found != known.digest:
            return
    with suppress(BrokenEnvironment):
        write_whole(folder / FILE, canonical_json(asdict(head)) + "\n")


def heads(connection: Connection) -> list[Head]:
    """Every signed head of the database; oldest first."""
    columns = tables.heads.c
    wanted = select(columns.lines, columns.digest, columns.signer, columns.signature).order_by(columns.seq)
    return [Head(**row._mapping) for row in connection.execute(wanted)]


def heads_at(connection: Connection, lines: int) -> Head | None:
    """The head that was signed behind so many lines; None where there is none."""
    columns = tables.heads.c
    wanted = select(columns.lines, columns.digest, columns.signer, columns.signature).where(columns.lines == lines)
    row = connection.execute(wanted.order_by(columns.seq).limit(1)).first()
    return Head(**row._mapping) if row else None
