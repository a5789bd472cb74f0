"""What `rung demo serve` serves: the demo's winner, a second adapter that its climb made, a prompt with documents; one base."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import UserError

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version
    from rung.types import Candidate, Progress

WINNER, SECOND, DOCUMENTS = "tone", "tone-wide", "handbook"
CLAIM = "put together by `rung demo serve`: no task has judged it under this name"
CHUNK_CHARS = 800


def prepare(home: Home, handbook: Path, progress: Progress) -> tuple[str, ...]:
    """The names to serve; what is not registered yet is. `handbook` is the worked task's file.

    Raises UserError where the demo was not climbed yet.
    """
    winner = home.names.find(WINNER)
    if winner is None:
        raise UserError(f"nothing is registered as '{WINNER}' yet", hint="Climb the demo first: `rung demo`, or `make demo`.")
    names = [WINNER]
    if (second := _second(home, winner)) is not None:
        _register(home, SECOND, second)
        names.append(SECOND)
    base = _of_language_model(home, winner)
    if base is not None and home.names.find(DOCUMENTS) is None:
        _register(home, DOCUMENTS, _with_documents(home, base, handbook, progress))
    return (*names, *([DOCUMENTS] if home.names.find(DOCUMENTS) else []))


def _register(home: Home, name: str, candidate: Candidate) -> None:
    from rung.registry.names import Evidence

    known = home.names.find(name)
    if known is None or known.candidate != candidate.id:
        home.candidates.add(candidate, "")
        home.names.register(name, candidate.id, Evidence(claimed=CLAIM))


def _second(home: Home, winner: Version) -> Candidate | None:
    """Another adapter of the winner's climb: the one of full rank, where half of it passed too."""
    made = [one for one in _made(home, winner) if one.adapters and one.id != winner.candidate]
    own = home.candidates.get(winner.candidate).adapters
    return next((one for one in made if one.adapters != own), None)


def _of_language_model(home: Home, winner: Version) -> Candidate | None:
    """A Candidate of the climb that is asked of a language model; None where it has only its linear model."""
    chosen = home.candidates.get(winner.candidate)
    return next((one for one in (chosen, *_made(home, winner)) if not one.base_reference.stored), None)


def _made(home: Home, winner: Version) -> list[Candidate]:
    """What the rungs of the winner's climb built."""
    from rung.registry.ended import stored_document

    document = stored_document(home, winner.evidence.climb) if winner.evidence.climb else None
    ids = [one.candidate for one in document.rungs if one.candidate] if document else []
    return [home.candidates.get(id) for id in ids]


def _with_documents(home: Home, like: Candidate, handbook: Path, progress: Progress) -> Candidate:
    """The worked handbook's question, asked with the page that fits it best."""
    from rung.data.documents.collect import collect
    from rung.data.documents.files import DocumentSource
    from rung.engine.retrieval.index import store_index
    from rung.parts import Retrieval
    from rung.types import Candidate

    said = _written(handbook)
    knowledge = said["knowledge"]
    source = DocumentSource(
        references=(knowledge["source"],),
        base_folder=handbook.parent,
        downloads=home.downloads,
        include=tuple(knowledge["include"]),
    )
    library = collect(source, progress)
    index = store_index([piece.as_json() for piece in library.chunks(CHUNK_CHARS)], None, home.blobs, progress)
    plain = Candidate(rung="demo", base=like.base, template=like.template, prompt=said["instruction"], max_tokens=16)
    return replace(plain, retrieval=Retrieval(index=index, mode="lexical", k=1, form="question_twice"))


def _written(file: Path) -> dict[str, Any]:
    import yaml

    said: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return said
