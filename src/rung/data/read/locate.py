"""A reference to the file whose rows it names: fetched where it must be, taken out of what contains it."""

from __future__ import annotations

from pathlib import Path

from rung.data.read import files
from rung.data.read.containers.located import Ask, Located
from rung.data.read.fetch import fetch
from rung.data.read.reference import DataReference

MOST_NESTED = 3


def locate(reference: str, base_folder: Path, downloads: Path, encoding: str | None = None) -> Located:
    """The file of rows. Raises UserError where there is none, where it has several of them, or where it cannot be opened."""
    found = DataReference.read(reference, base_folder)
    path = fetch(found.text, downloads)
    path = path if path.is_absolute() else base_folder / path
    shown = found.text if found.kind == "fetched" else _shown(path, base_folder)
    return _opened(path, Ask(shown=shown, part=found.part, encoding=encoding))


def _shown(path: Path, base_folder: Path) -> str:
    """The path as its user knows it: within the task's folder, or as written."""
    return str(path.relative_to(base_folder)) if path.is_relative_to(base_folder) else str(path)


def _opened(path: Path, ask: Ask) -> Located:
    files.check_present(path, ask.shown)
    return Located(path=path, shown=ask.shown)
