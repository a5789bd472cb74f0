"""What is known of batches that are under way, kept before each step: a process that was killed finds its batch, and pays once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rung.disk import write_whole
from rung.json_form import as_json, from_json


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One batch.

    key        its own name, which the server is told as well: by it a batch is found that was made and not yet written down
    address    of the server; `model` as it was asked
    names      the custom ids of its questions
    file       the file that was uploaded, `batch` what was made of it; "" for not yet
    """

    key: str
    address: str
    model: str
    names: tuple[str, ...]
    file: str = ""
    batch: str = ""


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A folder of them."""

    folder: Path

    def put(self, kept: Kept) -> None:
        """Raises BrokenEnvironment where the disk refuses."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._place(kept.key), json.dumps(as_json(kept)))

    def drop(self, kept: Kept) -> None:
        """All that came of it is kept elsewhere."""
        self._place(kept.key).unlink(missing_ok=True)

    def has(self, key: str) -> bool:
        """Whether a batch of that key was put and not dropped."""
        return self._place(key).is_file()

    def of(self, address: str, model: str) -> Iterator[Kept]:
        """Those of one model that were not dropped."""
        for path in sorted(self.folder.glob("*.json")) if self.folder.is_dir() else ():
            try:
                kept = from_json(Kept, json.loads(path.read_text("utf-8")))
            except (OSError, ValueError, KeyError, TypeError):
                continue
            if (kept.address, kept.model) == (address, model):
                yield kept

    def _place(self, key: str) -> Path:
        return self.folder / f"{key}.json"
