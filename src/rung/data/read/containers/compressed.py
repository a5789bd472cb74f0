"""A file compressed with bzip2 or xz, or with gzip where it is not text inside."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from rung.data import archives
from rung.data.read.containers.located import Ask, Located, made_folder
from rung.data.read.containers.members import UNPACKERS, copied
from rung.errors import UserError

ORDER = 3
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
BINARY_MAGIC = (b"PAR1", b"ARROW1", b"SQLite format 3", b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"BZh", b"\xfd7zXZ")
SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd")


def holds(path: Path, first: bytes) -> bool:
    """Whether it is one. Text in gzip is read as it is."""
    if first.startswith((b"BZh", b"\xfd7zXZ", ZSTD_MAGIC)):
        return True
    if not first.startswith(b"\x1f\x8b"):
        return False
    try:
        with UNPACKERS[b"\x1f\x8b"](path, "rb") as stream:
            return bool(stream.read(16).startswith(BINARY_MAGIC))
    except archives.BROKEN:
        return False


def unpack(path: Path, ask: Ask) -> Located:
    """What was compressed. Raises UserError for zstandard, which this Python does not read, and for a damaged file."""
    with path.open("rb") as file:
        first = file.read(4)
    if first == ZSTD_MAGIC:
        hint = f"Unpack it first: `zstd -d {path.name}`."
        raise UserError("the file is compressed with zstandard, which is not read", where=ask.shown, hint=hint)
    name = next((path.name[: -len(end)] for end in SUFFIXES if path.name.lower().endswith(end)), path.name)
    target = made_folder() / (PurePosixPath(name).name or "data")
    try:
        with UNPACKERS[first[:2]](path, "rb") as stream:
            copied(stream, target)
    except archives.BROKEN as error:
        hint = "Fetch or pack it again."
        raise UserError(f"the compressed file is damaged or cut off: {error}", where=ask.shown, hint=hint) from None
    if not target.stat().st_size:
        raise UserError("the compressed file holds nothing", where=ask.shown, hint="Give a file with at least one row.")
    return Located(path=target, shown=ask.shown, part=ask.part)
