"""What is believed of an archive: no size in its headers, no name that leads out of it, and only so many bytes and files."""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import IO

from rung.errors import UserError

MAX_ARCHIVE_BYTES = 2 << 30
MAX_FILES = 500_000
# Every way in which zipfile, tarfile and the decompressors say that bytes are not theirs; hostile bytes find them all.
BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    IndexError,
    NotImplementedError,
)


def leads_out(name: str) -> bool:
    """Whether a member's name would lead out of the folder that it is unpacked into."""
    path = PurePosixPath(name)
    return path.is_absolute() or ".." in path.parts or "\\" in name or "\x00" in name or bool(re.match(r"^[A-Za-z]:", name))


def bomb() -> UserError:
    """The error for an archive that is larger than anything that is read."""
    return UserError(
        f"the archive unpacks to more than {MAX_ARCHIVE_BYTES >> 20:,} MiB", hint="Unpack what is needed into a folder."
    )


class Bounded:
    """An unpacked stream that gives no more than MAX_ARCHIVE_BYTES, and no more than `at_once` of them at once.

    tarfile reads a header's own contents (a long name, a pax record) whole, whatever size the header gives.
    """

    def __init__(self, stream: IO[bytes], at_once: int) -> None:
        self.stream, self.at_once = stream, at_once

    def read(self, size: int) -> bytes:
        if size > self.at_once + tarfile.BLOCKSIZE or self.stream.tell() + size > MAX_ARCHIVE_BYTES:
            raise bomb()
        return self.stream.read(size)

    def seek(self, place: int) -> int:
        if place > MAX_ARCHIVE_BYTES:
            raise bomb()
        return self.stream.seek(place)

    def tell(self) -> int:
        return self.stream.tell()
