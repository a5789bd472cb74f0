"""The copy that is looked at: made once, from the very files that were opened, so that what was looked at is what is kept."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rung.admission.faults import Fault
from rung.admission.limits import Limits, size

BLOCK = 1 << 20
_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISLNK, "a link"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)
_LINKED = "Bring the files themselves: cp -rL copies what links lead to."


@dataclass(kw_only=True)
class Listed:
    """What lies in a folder, by the names within it: files, in order, and what is no file."""

    files: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def list_folder(root: Path, limits: Limits, left: Callable[[str], bool]) -> Listed:
    """Every file below `root`, without following a link. `left` says of a folder's name that nobody looks into it."""
    found = Listed()
    for name, entry in _walk(root, "", left):
        if isinstance(entry, OSError):
            found.faults.append(Fault(file=name, said=f"cannot be looked into: {entry.strerror or entry}"))
            continue
        if len(found.files) + len(found.faults) >= limits.files:
            found.faults.append(Fault(file="", said=f"more than {limits.files:,} files"))
            return found
        if said := kind_of(entry.stat(follow_symlinks=False).st_mode):
            found.faults.append(Fault(file=name, said=said, hint=_LINKED if said == "a link" else ""))
        else:
            found.files.append(name)
    return found


def kind_of(mode: int) -> str:
    """What is no file, in words; "" for a file."""
    return next((said for is_one, said in _KINDS if is_one(mode)), "" if stat.S_ISREG(mode) else "no file")


def copy_file(source: Path, target: Path, name: str, limit: int) -> Fault | None:
    """Copies the bytes of a regular file, and no more than `limit`; returns what is wrong with it, and then keeps nothing of it.

    Opened without following a link and without waiting (a pipe would keep us waiting for ever); what was opened is what is asked
    what it is. A file that grows, shrinks or is written to meanwhile is refused: nobody knows which of the two was read.
    """
    try:
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return Fault(file=name, said=f"cannot be read: {error.strerror or error}", hint=_LINKED if source.is_symlink() else "")
    with os.fdopen(handle, "rb"):
        before = os.fstat(handle)
        if said := kind_of(before.st_mode):
            return Fault(file=name, said=said, hint="")
        if before.st_size > limit:
            return Fault(file=name, said=f"too large: {size(before.st_size)}, at most {size(limit)}")
        if before.st_size == 0:
            return Fault(file=name, said="empty", hint="Copy or save it again.")
        copied = _copied(handle, target, before.st_size)
        after = os.fstat(handle)
    if copied != before.st_size or _state(before) != _state(after):
        target.unlink(missing_ok=True)
        return Fault(file=name, said="changed while it was read", hint="Wait until nothing writes to it, then import it again.")
    return None


def _copied(handle: int, target: Path, expected: int) -> int:
    """How many bytes; one block beyond what is expected is enough to know, of a file that grows as fast as it is read."""
    target.parent.mkdir(parents=True, exist_ok=True)
    copied = 0
    with target.open("wb") as file:
        while copied <= expected and (block := os.read(handle, BLOCK)):
            file.write(block)
            copied += len(block)
    return copied


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev


def _walk(root: Path, prefix: str, left: Callable[[str], bool]) -> Iterator[tuple[str, os.DirEntry[str] | OSError]]:
    try:
        with os.scandir(root) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        yield prefix.rstrip("/"), error
        return
    for entry in listed:
        name = f"{prefix}{entry.name}"
        if not entry.is_dir(follow_symlinks=False):
            yield name, entry
        elif not left(name):
            yield from _walk(root / entry.name, f"{name}/", left)
