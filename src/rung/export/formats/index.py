"""The retriever's index: passages as JSON lines, their vectors as safetensors, the lexical index as bm25s saves it."""

from __future__ import annotations

from pathlib import Path

from rung.engine.retrieval.index import Index
from rung.export.base import Agreement, version_in
from rung.export.forms.index_files import PASSAGES, read_again, searched_otherwise, write_files
from rung.export.subject import Subject
from rung.types import Candidate

EXTRA = ""
READER = ""
CARRIES = frozenset({"retrieval"})


def fits(candidate: Candidate) -> str:
    """It must look passages up."""
    return "" if candidate.retrieval else "it looks no passages up"


def write(subject: Subject, folder: Path) -> None:
    """`passages.jsonl`, `vectors.safetensors` where it has vectors, `lexical/`, and `retriever.json`: how it is searched."""
    retrieval = subject.candidate.retrieval
    assert retrieval
    stored = subject.blobs.local(retrieval.index)
    (folder / PASSAGES).write_bytes((stored / "chunks.jsonl").read_bytes())
    write_files(Index.read(stored), retrieval, folder)


def check(subject: Subject, folder: Path) -> Agreement:
    """Everything read again by bm25s and safetensors: each search must come to the same passages, with the same scores."""
    retrieval = subject.candidate.retrieval
    assert retrieval
    stored = Index.read(subject.blobs.local(retrieval.index))
    asked, other = searched_otherwise(subject, stored, read_again(folder))
    readers = ["bm25s", *(["safetensors"] if stored.vectors is not None else [])]
    return Agreement(
        reader=", ".join(map(version_in, readers)),
        measure="searches that come to other passages or scores",
        value=other,
        limit=0,
        rows=asked,
        about=f"{len(stored.chunks):,} passages",
    )


def notes(subject: Subject) -> list[str]:
    """What a reader has to bring."""
    retrieval = subject.candidate.retrieval
    assert retrieval
    found = [
        "What is a word is settled by rung.engine.retrieval.words, and near forms of a word are found by rung alone: bm25s by "
        "itself ranks by the words that a question shares with a passage."
    ]
    if retrieval.encoder:
        found.append(f"The encoder is not in it: questions are embedded by {retrieval.encoder}.")
    if retrieval.reranker:
        found.append(f"The reranker is not in it: {retrieval.reranker}.")
    if retrieval.abstain:
        found.append("That nothing is asked where no passage is sure enough is said in retriever.json, and done by rung.")
    return found
