"""The adapter alone as a GGUF file, and a Modelfile: for llama.cpp and Ollama, which have the base already."""

from __future__ import annotations

import tempfile
from pathlib import Path

from rung.export.base import Agreement, version_in
from rung.export.ggufs.read import BOUND, llama_says, package_of
from rung.export.nats import agreement, judged_in_int8, stored_as
from rung.export.ollama.modelfile import NAME, Modelfile, modelfile_of
from rung.export.subject import Subject
from rung.export.weights import no_adapter
from rung.types import Candidate

EXTRA = "llama"
READER = BOUND
CARRIES = frozenset({"adapters"})
ADAPTER, BASE = "adapter.gguf", "base.gguf"


def fits(candidate: Candidate) -> str:
    """An adapter is needed; whether it is of low rank alone is seen when it is read."""
    return no_adapter(candidate)


def write(subject: Subject, folder: Path) -> None:
    """One adapter of all, its scale in its factors, and the Modelfile. Raises UserError for what is no low rank."""
    from rung.export.ggufs.model import write_adapter

    write_adapter(subject, folder / ADAPTER)
    if text := _modelfile(subject).text:
        (folder / NAME).write_text(text, "utf-8")


def check(subject: Subject, folder: Path) -> Agreement:
    """llama.cpp with the adapter on the base, which is written as GGUF beside for that and not kept: nats a token."""
    from rung.export.ggufs.model import write_model

    with tempfile.TemporaryDirectory() as beside:
        write_model(subject, Path(beside) / BASE, adapted=False)
        said = llama_says(Path(beside) / BASE, subject.registered.probes, folder / ADAPTER)
    return agreement(subject, said, version_in(package_of(READER)), stored_as(subject))


def carries(subject: Subject) -> frozenset[str]:
    """With its Modelfile."""
    return CARRIES | _modelfile(subject).carries


def notes(subject: Subject) -> list[str]:
    """Which base it is for."""
    base = subject.candidate.base_reference
    where = (
        f"The base is not here: put the GGUF of {base.bare} beside as {BASE}, or name your own copy of it in FROM. On another base "
        "or a coarser quantisation it answers otherwise than it was judged."
    )
    return [where, *judged_in_int8(subject), *_modelfile(subject).notes]


def _modelfile(subject: Subject) -> Modelfile:
    return modelfile_of(subject, f"./{BASE}", [f"ADAPTER ./{ADAPTER}"])
