"""A zip or tar archive: read as the folder that it was, without being unpacked into one."""

from __future__ import annotations

import zlib
from pathlib import Path

from rung.data.read.containers.inside import open_members
from rung.data.read.containers.located import Ask, Located
from rung.data.read.containers.members import UNPACKERS, Members, TarMembers, ZipMembers

ORDER = 2
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257


def holds(path: Path, first: bytes) -> bool:
    """Whether it is one: by its first bytes, whatever it is called."""
    return first.startswith(ZIP_MAGIC) or _is_tar(path, first)


def unpack(path: Path, ask: Ask) -> Located:
    """The file of rows within. Raises UserError."""
    with path.open("rb") as file:
        is_zip = file.read(4) in ZIP_MAGIC
    members: Members = ZipMembers(path=path, shown=ask.shown) if is_zip else TarMembers(path=path, shown=ask.shown)
    return open_members(members, ask)


def _is_tar(path: Path, first: bytes) -> bool:
    if first[:2] in UNPACKERS:
        try:
            with UNPACKERS[first[:2]](path, "rb") as stream:
                first = stream.read(512)
        except (OSError, EOFError, zlib.error, ValueError):
            return False
        except Exception as error:
            if type(error).__name__ != "LZMAError":
                raise
            return False
    return first[TAR_MAGIC_AT : TAR_MAGIC_AT + len(TAR_MAGIC)] == TAR_MAGIC
