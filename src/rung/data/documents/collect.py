"""A source of documents to chunks: each bad document told with its reason, the others go on."""

from __future__ import annotations

from dataclasses import dataclass

from rung.data.documents.chunk import Chunk, chunk, short_ids
from rung.data.documents.contain import DOCUMENT_S, Contained
from rung.data.documents.files import DocumentSource, read_files
from rung.data.documents.instructions import instruction_in
from rung.data.documents.parsed import BadDocument, Parsed
from rung.errors import UserError
from rung.json_form import digest
from rung.types import Finding, Progress

SHOWN = 10


@dataclass(frozen=True, kw_only=True)
class Document:
    """A document that was read."""

    name: str
    parsed: Parsed


@dataclass(frozen=True, kw_only=True)
class Library:
    """What was read of a source, what not and why (name -> reason), and the source's digest as it was while it was read."""

    documents: tuple[Document, ...]
    problems: dict[str, str]
    digest: str

    def chunks(self, chunk_chars: int) -> list[Chunk]:
        """All documents' chunks, in the documents' order."""
        return short_ids([piece for document in self.documents for piece in chunk(document.name, document.parsed, chunk_chars)])

    def findings(self) -> list[Finding]:
        """Documents that could not be read, and documents that carry instructions."""
        said = {document.name: words for document in self.documents if (words := instruction_in(document.parsed.text))}
        partly = {document.name: "; ".join(document.parsed.remarks) for document in self.documents if document.parsed.remarks}
        return [
            *_finding("documents", "could not be read", self.problems),
            *_finding("documents", "are read with a remark" if len(partly) > 1 else "is read with a remark", partly),
            *_finding("instructions", "carry words meant for a model; they stay searchable, as data", said),
        ]


def collect(source: DocumentSource, progress: Progress, *, expected: str | None = None, document_s: float = DOCUMENT_S) -> Library:
    """Reads all documents.

    expected  the digest that the source must still have

    Raises UserError where no document is readable, or the source is not (or no longer) what `expected` says.
    """
    documents: list[Document] = []
    problems: dict[str, str] = {}
    rows = []
    where = ", ".join(source.references)
    with Contained(document_s) as reader, progress.stage("reading documents") as stage:
        for raw in read_files(source):
            rows.append([raw.name, raw.digest])
            try:
                if raw.problem:
                    raise BadDocument(raw.problem)
                documents.append(Document(name=raw.name, parsed=reader.parse(raw.kind, raw.data)))
            except BadDocument as error:
                problems[raw.name] = str(error)
            stage.advance(1)
    found = digest(sorted(rows))
    if expected is not None and found != expected:
        raise UserError(
            "the documents changed after the task was locked", where=where, hint="Run again: the new ones are locked then."
        )
    if not documents:
        first = "; ".join(f"{name}: {reason}" for name, reason in list(problems.items())[:SHOWN])
        raise UserError("there is no readable document", where=where, hint=first)
    return Library(documents=tuple(documents), problems=problems, digest=found)


def _finding(check: str, what: str, told: dict[str, str]) -> list[Finding]:
    if not told:
        return []
    shown = [f"{name} ({reason})" for name, reason in list(told.items())[:SHOWN]]
    more = [f"and {len(told) - SHOWN} more"] if len(told) > SHOWN else []
    noun = "document" if len(told) == 1 else "documents"
    message = f"{len(told)} {noun} {what}: {', '.join([*shown, *more])}"
    return [Finding(check=check, severity="warning", message=message, places=tuple(told)[:SHOWN], count=len(told))]
