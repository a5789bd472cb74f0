"""A folder: of one data file, of files that are alike, or of texts in a folder for each class."""

from __future__ import annotations

from pathlib import Path

from rung.data.read.containers.inside import open_members
from rung.data.read.containers.located import Ask, Located
from rung.data.read.containers.members import FolderMembers

ORDER = 0


def holds(path: Path, first: bytes) -> bool:
    """Whether it is one."""
    return path.is_dir()


def unpack(path: Path, ask: Ask) -> Located:
    """The file of rows within. Raises UserError."""
    return open_members(FolderMembers(folder=path, shown=ask.shown), ask)
