"""Files within a folder or an archive: their names first, then the bytes of those that are wanted. No link is followed."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Protocol, cast

from rung.data import archives
from rung.data.read.containers.located import made_folder
from rung.disk import explained
from rung.errors import UserError

AT_ONCE_BYTES = 64 << 20
UNPACKERS: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


class Members(Protocol):
    """What has files in it."""

    @property
    def noun(self) -> str:
        """What it is."""
        ...

    def names(self) -> list[str]:
        """Of all files but hidden ones, sorted. Raises UserError for names that lead out, and for too many of them."""
        ...

    def each(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        """The wanted ones, in whichever order they come."""
        ...


@dataclass(frozen=True, kw_only=True)
class FolderMembers:
    """Of a folder."""

    folder: Path
    shown: str
    noun: str = "folder"

    def names(self) -> list[str]:
        found: list[str] = []
        for parent, folders, files in os.walk(self.folder):
            folders[:] = [name for name in folders if _is_seen(name)]
            paths = [Path(parent) / name for name in files if _is_seen(name)]
            found += [path.relative_to(self.folder).as_posix() for path in paths if stat.S_ISREG(path.lstat().st_mode)]
            _check_count(len(found), self.shown)
        return sorted(found)

    def each(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        for name in sorted(wanted):
            with (self.folder / name).open("rb") as file:
                yield name, file


@dataclass(frozen=True, kw_only=True)
class ZipMembers:
    """Of a zip archive."""

    path: Path
    shown: str
    noun: str = "zip archive"

    def names(self) -> list[str]:
        with _faults(self.shown, self.noun), zipfile.ZipFile(self.path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir() and _is_seen(info.filename)]
        found = [info.filename for info in infos]
        _check_count(len(found), self.shown)
        _check_names(found, self.shown)
        if locked := [info.filename for info in infos if info.flag_bits & 1]:
            hint = "Unpack it with its password, and give the file that was inside."
            raise UserError(f"the zip archive is encrypted ({locked[0]})", where=self.shown, hint=hint)
        return sorted(found)

    def each(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        with _faults(self.shown, self.noun), zipfile.ZipFile(self.path) as archive:
            for name in sorted(wanted):
                with archive.open(name) as file:
                    yield name, file


@dataclass(frozen=True, kw_only=True)
class TarMembers:
    """Of a tar archive, compressed or not."""

    path: Path
    shown: str
    noun: str = "tar archive"

    def names(self) -> list[str]:
        found = [_plain(member.name) for _, member in self._members()]
        _check_names(found, self.shown)
        return sorted(found)

    def each(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        for archive, member in self._members():
            if _plain(member.name) in wanted and (file := archive.extractfile(member)):
                yield _plain(member.name), file

    def _members(self) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
        with self.path.open("rb") as file:
            unpack = UNPACKERS.get(file.read(2), open)
        with _faults(self.shown, self.noun), unpack(self.path, "rb") as stream:
            bounded = cast(Any, archives.Bounded(stream, AT_ONCE_BYTES))
            with tarfile.open(fileobj=bounded, mode="r:") as archive:
                kept: list[tarfile.TarInfo] = archive.members  # type: ignore[attr-defined]
                count = 0
                while member := archive.next():
                    # What tarfile keeps of each member is not needed again, and may be large.
                    kept.clear()
                    count += 1
                    _check_count(count, self.shown)
                    if member.isreg() and _is_seen(member.name):
                        yield archive, member


@dataclass(frozen=True, kw_only=True)
class Under:
    """Of a folder within."""

    whole: Members
    prefix: str
    noun: str = "folder"

    def names(self) -> list[str]:
        return [name.removeprefix(self.prefix) for name in self.whole.names() if name.startswith(self.prefix)]

    def each(self, wanted: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
        for name, file in self.whole.each({self.prefix + name for name in wanted}):
            yield name.removeprefix(self.prefix), file


def unpacked(members: Members, name: str) -> Path:
    """Where a member lies as a file: a folder's own, or a copy for as long as this process lives."""
    if isinstance(members, FolderMembers):
        return members.folder / name
    if isinstance(members, Under):
        return unpacked(members.whole, members.prefix + name)
    target = made_folder() / PurePosixPath(name).name
    for _, file in members.each({name}):
        copied(file, target)
    return target


def copied(file: IO[bytes], target: Path) -> None:
    """Writes what a stream holds. Raises UserError for more than MAX_ARCHIVE_BYTES."""
    size = 0
    with explained(target.parent), target.open("wb") as out:
        while block := file.read(1 << 20):
            size += len(block)
            if size > archives.MAX_ARCHIVE_BYTES:
                shutil.rmtree(target.parent, ignore_errors=True)
                raise archives.bomb()
            out.write(block)


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _is_seen(name: str) -> bool:
    return not any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _check_count(count: int, shown: str) -> None:
    if count > archives.MAX_FILES:
        raise UserError(f"more than {archives.MAX_FILES:,} files", where=shown, hint="Give a folder or a file inside.")


def _check_names(names: list[str], shown: str) -> None:
    if bad := next((name for name in names if archives.leads_out(name)), None):
        raise UserError(f"the archive has a name that leads out of it: {bad!r}", where=shown, hint="Do not use this archive.")
    if len(set(names)) < len(names):
        twice = next(name for at, name in enumerate(sorted(names)) if sorted(names)[at + 1 : at + 2] == [name])
        raise UserError(f"the archive has '{twice}' twice", where=shown, hint="Unpack it, and give the file that is meant.")


@contextmanager
def _faults(shown: str, noun: str) -> Iterator[None]:
    try:
        yield
    except archives.BROKEN as error:
        raise UserError(f"the {noun} is damaged or cut off: {error}", where=shown, hint="Fetch or pack it again.") from None
    except RuntimeError as error:
        raise UserError(f"the {noun} cannot be unpacked: {error}", where=shown, hint="Unpack it yourself.") from None
