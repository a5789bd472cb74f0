"""What `data.examples` names: a path, perhaps with a part inside (`a.zip#b.csv`), something fetched, or a table in a database."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from rung.data.read.fetch import is_fetched

_ADDRESS = re.compile(r"[a-z][a-z0-9+.]*://", re.IGNORECASE)
_FILE_ADDRESS = re.compile(r"sqlite(?:\+\w+)?:(?:///|//|)([^?#]*)(?:\?[^#]*)?", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class DataReference:
    """A reference, taken apart.

    text  of a path what stands before `#`; of anything else the whole, but for a part inside of what is fetched
    part  what stands after `#`: a file, a sheet, a table inside; "" where nothing does
    kind  `path`, `fetched` (pip:, hf:, npm:), `address` (of a database) or `python`
    """

    text: str
    part: str
    kind: str

    @classmethod
    def read(cls, text: str, base_folder: Path) -> DataReference:
        """A path that is there as written has no part, whatever its name; the address of an SQLite file is that file's path."""
        if text.startswith("python:"):
            return cls(text=text, part="", kind="python")
        if is_fetched(text):
            whole, mark, member = text.partition("#")
            member, _, part = member.partition("#")
            return cls(text=f"{whole}{mark}{member}", part=part, kind="fetched")
        if found := _FILE_ADDRESS.match(text):
            text = found[1] + text[found.end() :]
        if _ADDRESS.match(text):
            address, mark, part = text.rpartition("#")
            return cls(text=address if mark else part, part=part if mark else "", kind="address")
        places = [at for at, char in enumerate(text) if char == "#"]
        for at in [len(text), *places]:
            if (base_folder / Path(text[:at]).expanduser()).exists() and text[:at]:
                return cls(text=text[:at], part=text[at + 1 :], kind="path")
        path, _, part = text.partition("#")
        return cls(text=path, part=part, kind="path")

    def __str__(self) -> str:
        return f"{self.text}#{self.part}" if self.part else self.text

    @property
    def path(self) -> Path:
        """The path, where it is one."""
        return Path(self.text).expanduser()

    @property
    def name(self) -> str:
        """What it is called, without where it stands and without what an address says of host and user."""
        if self.kind == "path":
            return self.path.resolve().name if self.path.name in ("", "..") else self.path.name
        last = re.split(r"[/#?@=:]", f"{self.text.partition('?')[0]}#{self.part}".rstrip("#/"))
        return next((word for word in reversed(last) if word), self.kind)

    @property
    def shown(self) -> str:
        """A path by its file's name, anything else whole."""
        return f"{self.name}#{self.part}" if self.kind == "path" and self.part else self.name if self.kind == "path" else str(self)

    def within(self, folder: Path) -> DataReference:
        """A path as seen from `folder`; anything else as it is."""
        if self.kind != "path":
            return self
        return DataReference(text=os.path.relpath(self.path, folder), part=self.part, kind=self.kind)
