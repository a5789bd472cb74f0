"""A reference to the file whose rows it names: fetched where it must be, taken out of what contains it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from rung import plugins
from rung.data.read import files, pairs, tokens
from rung.data.read.containers.located import Ask, Located
from rung.data.read.database import open_address, without_secrets
from rung.data.read.fetch import fetch
from rung.data.read.formats import open_table
from rung.data.read.layout import PLAIN, Layout
from rung.data.read.nested import nested_table
from rung.data.read.reference import DataReference
from rung.data.read.rows import Table
from rung.errors import UserError

MOST_NESTED = 3
HEAD_BYTES = 512
LFS_POINTER = b"version https://git-lfs."


def locate(reference: str, base_folder: Path, downloads: Path, encoding: str | None = None) -> Located:
    """The file of rows. Raises UserError where there is none, where it has several of them, or where it cannot be opened."""
    found = DataReference.read(reference, base_folder)
    if found.kind == "address":
        ask = Ask(shown=without_secrets(found.text), part=found.part, encoding=encoding, open=_table)
        return open_address(found.text, ask)
    path = fetch(found.text, downloads)
    path = path if path.is_absolute() else base_folder / path
    shown = found.text if found.kind == "fetched" else _shown(path, base_folder)
    ask = Ask(shown=shown, part=found.part, encoding=encoding, open=_table)
    key = (path, shown, found.part, encoding, _stamp(path))
    if key not in _KNOWN:
        _KNOWN.clear()
        _KNOWN[key] = _opened(path, ask)
    return _KNOWN[key]


# The last one: a look reads the same rows several times, and what was unpacked once need not be unpacked again.
_KNOWN: dict[tuple[Any, ...], Located] = {}


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file does, or one within a folder."""
    paths = [path, *(sorted(path.rglob("*")) if path.is_dir() else [path.with_name(f"{path.name}-wal")])]
    facts = [entry.lstat() for entry in paths if entry.exists()]
    return (len(facts), sum(fact.st_size for fact in facts), max((fact.st_mtime_ns for fact in facts), default=0))


def open_located(found: Located, encoding: str | None = None, layout: Layout = PLAIN) -> Table:
    """The rows of what was found."""
    if not found.format and (layout.rows or layout.format == tokens.FORMAT or layout.answers):
        return _by_structure(found, encoding, layout)
    made = bool(found.format)
    table = open_table(found.path, found.shown, None if made else encoding, PLAIN if found.settled else layout)
    return replace(table, format=found.format or table.format, places=found.places)


def _by_structure(found: Located, encoding: str | None, layout: Layout) -> Table:
    files.check_encoding(encoding)
    if layout.answers:
        own = replace(layout, answers=None)
        return pairs.paired(
            found.path, found.shown, encoding, layout.answers, lambda path: open_located(_beside(path, found), encoding, own)
        )
    if layout.rows:
        return nested_table(found.path, found.shown, encoding, layout.rows)
    return tokens.token_table(found.path, found.shown, encoding)


def _beside(path: Path, found: Located) -> Located:
    return found if path == found.path else _opened(path, Ask(shown=path.name, open=_table))


def _table(path: Path, shown: str) -> Table:
    """A file inside a container as rows, by the plain rules."""
    return open_located(_opened(path, Ask(shown=shown, open=_table)))


def _shown(path: Path, base_folder: Path) -> str:
    """The path as its user knows it: within the task's folder, or as written."""
    return str(path.relative_to(base_folder)) if path.is_relative_to(base_folder) else str(path)


def _opened(path: Path, ask: Ask, depth: int = 0) -> Located:
    if not path.is_dir():
        files.check_present(path, ask.shown)
    container = _container(path, ask)
    if container is None:
        if ask.part:
            raise UserError(f"it has no parts, so none is called '{ask.part}'", where=ask.shown, hint="Leave out what follows #.")
        return Located(path=path, shown=ask.shown)
    if depth == MOST_NESTED:
        raise UserError("archives within archives within archives", where=ask.shown, hint="Unpack them, and give the file.")
    found: Located = container.unpack(path, ask)
    if found.format:
        return found
    return _opened(found.path, replace(ask, shown=found.shown, part=found.part), depth + 1)


def _container(path: Path, ask: Ask) -> ModuleType | None:
    first = b""
    if path.is_file():
        try:
            with path.open("rb") as file:
                first = file.read(HEAD_BYTES)
        except OSError as error:
            raise UserError(f"cannot be read: {error.strerror or error}", where=ask.shown) from None
    if first.startswith(LFS_POINTER):
        hint = "Fetch the data itself: `git lfs pull`, or the download button of the page."
        raise UserError("the file is a pointer of Git LFS, not the data", where=ask.shown, hint=hint)
    return next((container for container in _containers() if container.holds(path, first)), None)


@cache
def _containers() -> tuple[ModuleType, ...]:
    loaded = [plugins.load("containers", name) for name in plugins.names("containers")]
    return tuple(sorted(loaded, key=lambda container: int(container.ORDER)))
