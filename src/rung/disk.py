"""The disk: what is made there is whole or absent, and what it says when it refuses becomes words with a remedy."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rung.errors import BrokenEnvironment, UserError
from rung.json_form import digest

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EROFS, errno.EACCES, errno.EPERM)
MAKING = ".making-"
OLD_S = 7 * 86_400.0


def full(path: Path | str) -> BrokenEnvironment:
    """The error for a disk without room."""
    return BrokenEnvironment(
        "no space left", where=str(path), hint="Nothing was half-written. Free some space, then run the same command again."
    )


def forbidden(path: Path | str) -> BrokenEnvironment:
    """The error for a place that may not be written."""
    return BrokenEnvironment(
        "cannot be written", where=str(path), hint="Make the folder writable, or set RUNG_HOME to one that is."
    )


def explain(error: OSError, path: Path | str) -> BrokenEnvironment:
    """The BrokenEnvironment that says what an OSError means for whoever uses the folder `path`."""
    if error.errno in FULL:
        return full(path)
    if error.errno in FORBIDDEN:
        return forbidden(path)
    return BrokenEnvironment(f"the file system refused: {error.strerror or error}", where=str(error.filename or path))


@contextlib.contextmanager
def explained(path: Path | str) -> Iterator[None]:
    """Raises BrokenEnvironment for what the file system refuses inside the block; lets everything else through.

    An OSError without a number is no word of the file system's: libraries raise it for files that they cannot make sense of.
    """
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise explain(error, path) from error


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A new folder inside `folder` to make something in; what is not moved out by the end of the block is removed.

    Removes as well what processes that are gone left there half made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder)
    made = Path(tempfile.mkdtemp(prefix=f"{MAKING}{os.getpid()}-", dir=folder))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def place(made: Path, target: Path) -> Path:
    """Renames what is finished into its place, once it is on the disk, and returns that place.

    A file takes the place of another. A folder that stands there already stays: another process made the same, faster.
    """
    _settle(made)
    return _move(made, target)


def once(target: Path, make: Callable[[Path], object]) -> Path:
    """The folder `target`, which `make` fills where it is not there yet."""
    if target.is_dir():
        return target
    with scratch(target.parent) as made:
        make(made)
        return place(made, target)


@contextlib.contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """A path to write a file or a folder to; at the end of the block it takes the place of the one that stood at `target`.

    Raises OSError where the disk refuses, or where the other of the two stands there; what stood there then stays.
    """
    with scratch(target.parent) as made:
        draft = made / target.name
        yield draft
        _settle(draft)
        old = made / f"{target.name}.old"
        if draft.is_dir() and target.is_dir():
            os.rename(target, old)
        try:
            _move(draft, target)
        finally:
            if old.is_dir() and not target.exists():
                os.rename(old, target)


@contextlib.contextmanager
def whole(target: Path) -> Iterator[Path]:
    """As `replacing`, but raises BrokenEnvironment where the disk refuses."""
    with explained(target), replacing(target) as draft:
        yield draft


def write_whole(path: Path, text: str) -> None:
    """Writes a file that is never seen half written. Raises BrokenEnvironment where the disk refuses."""
    with whole(path) as draft:
        draft.write_text(text, "utf-8")


def sync(path: Path) -> None:
    """Waits until a file, or a folder's list of files, is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def content_digest(path: Path) -> str:
    """The digest that a file or a folder is stored under."""
    return tree_digest(path) if path.is_dir() else file_digest(path)


def tree_digest(folder: Path) -> str:
    """SHA-256 over the sorted (relative name, SHA-256) pairs of a folder's files; empty sub-folders do not count."""
    files = files_in(folder)
    if not files:
        raise UserError("there is no file in this folder to store", where=str(folder))
    return digest([[file.relative_to(folder).as_posix(), file_digest(file)] for file in files])


def files_in(folder: Path) -> list[Path]:
    """All files under a folder, sorted. Raises UserError for a link."""
    paths = sorted(folder.rglob("*"))
    links = [path for path in paths if path.is_symlink()]
    if links:
        raise UserError("a stored folder may not hold links", where=str(links[0]))
    return [path for path in paths if path.is_file()]


def _settle(made: Path) -> None:
    if made.is_dir():
        made.chmod(0o755)
    for path in [*made.rglob("*"), made] if made.is_dir() else [made]:
        sync(path)


def _move(made: Path, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(made, target)
    except OSError:
        if not (made.is_dir() and target.is_dir()):
            raise
    sync(target.parent)
    return target


def sweep(folder: Path) -> None:
    """Removes what processes that are gone left half made in `folder`, and what is too old to be still in the making."""
    for left in left_over(folder):
        shutil.rmtree(left, ignore_errors=True)


def left_over(folder: Path, pattern: str = f"{MAKING}*") -> list[Path]:
    """What processes that are gone left half made in `folder`, and what is too old to be still in the making."""
    return [left for left in sorted(folder.glob(pattern)) if not _is_being_made(left)]


def _is_being_made(left: Path) -> bool:
    try:
        os.kill(int(left.name.split("-")[1]), 0)
    except ProcessLookupError:
        return False
    except (ValueError, IndexError, PermissionError):
        pass  # another user's process, or none of our folders
    try:
        return time.time() - left.stat().st_mtime < OLD_S
    except OSError:
        return False
