"""What a reference leads to that nobody has described: where its rows lie, how they are laid out, in which encoding, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rung.data.inferred import Inference
from rung.data.read.containers.located import Located
from rung.data.read.containers.texts import NotUtf8
from rung.data.read.layout import Layout
from rung.data.read.locate import locate
from rung.data.read.recognise.recognise import Recognised, encoding_of, recognise
from rung.data.read.structure import structure_of


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What was found; `found.layout` is the one that was wanted, where one was."""

    located: Located
    found: Recognised


def look(reference: str, base_folder: Path, downloads: Path, wanted: Layout | None = None) -> Looked:
    """Raises UserError where there are no rows, where there are several files of them, and for a form that Rung does not read."""
    encoding, said = None, list[Inference]()
    try:
        located = locate(reference, base_folder, downloads)
    except NotUtf8 as error:
        encoding = error.guess
        said += _about(encoding)
        located = locate(reference, base_folder, downloads, encoding)
    said += located.inferences
    if located.settled:
        found = Recognised(encoding=encoding)
    elif wanted is not None and _by_structure(wanted):
        found = Recognised(layout=wanted)
    elif wanted is None and (structure := structure_of(located, guessed := encoding_of(located.path))):
        found = Recognised(layout=structure[0], encoding=guessed, inferences=(*_about(guessed), structure[1]))
    else:
        found = recognise(located.path, located.shown, wanted)
    if located.format and not located.settled:
        found = replace(found, encoding=None)
    return Looked(located=located, found=replace(found, inferences=(*said, *found.inferences)))


def _about(encoding: str | None) -> list[Inference]:
    if encoding is None:
        return []
    return [Inference(about="encoding", taken=f"{encoding}, a guess", because="texts are not UTF-8", change="data.encoding")]


def _by_structure(layout: Layout) -> bool:
    return bool(layout.rows or layout.answers or layout.format == "iob")
