"""A whole model with the adapter in its weights as one GGUF file, and a Modelfile: for llama.cpp and Ollama."""

from __future__ import annotations

from pathlib import Path

from rung.export.base import Agreement, version_in
from rung.export.ggufs.read import llama_says, package_of, reader_here
from rung.export.nats import agreement, judged_in_int8, stored_as
from rung.export.ollama.modelfile import NAME, modelfile_of
from rung.export.subject import Subject
from rung.export.weights import no_weights
from rung.types import Candidate

EXTRA = "llama"
READER = reader_here()
CARRIES = frozenset({"adapters"})
MODEL = "model.gguf"


def fits(candidate: Candidate) -> str:
    """Weights are needed; whether llama.cpp computes their architecture is seen when they are read."""
    return no_weights(candidate)


def write(subject: Subject, folder: Path) -> None:
    """The model, and the Modelfile where its template can be said. Raises UserError for what the format cannot hold."""
    from rung.export.ggufs.model import write_model

    write_model(subject, folder / MODEL)
    if text := modelfile_of(subject, f"./{MODEL}").text:
        (folder / NAME).write_text(text, "utf-8")


def check(subject: Subject, folder: Path) -> Agreement:
    """llama.cpp with the same tokens, which it cuts the same prompts into: nats a token."""
    said = llama_says(folder / MODEL, subject.registered.probes)
    return agreement(subject, said, version_in(package_of(READER)), stored_as(subject))


def carries(subject: Subject) -> frozenset[str]:
    """With its Modelfile."""
    return CARRIES | modelfile_of(subject, f"./{MODEL}").carries


def notes(subject: Subject) -> list[str]:
    """Of the Modelfile."""
    return [*judged_in_int8(subject), *modelfile_of(subject, f"./{MODEL}").notes]
