"""What a record says of a version, gathered once for whoever writes it down in another form. What nobody knows is None or empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rung.disk import file_digest
from rung.errors import RungError
from rung.registry import documents
from rung.registry.documents import CheaperForm, ClimbDocument, RungRecord
from rung.registry.receipts import Receipt
from rung.registry.tasks import TaskRecord
from rung.types import SPLITS, Bar, Candidate, Verdict

if TYPE_CHECKING:
    from rung.export.subject import Subject

CLAIMED, JUDGED = "CLAIMED", "JUDGED"


@dataclass(frozen=True, kw_only=True)
class Split:
    """The Merkle root of a split's rows, and how many there are."""

    name: str
    digest: str
    rows: int | None


@dataclass(frozen=True, kw_only=True)
class Part:
    """A file that a Candidate names, in a blob: its `role` (adapter, model, ...), name within the blob, SHA-256 and bytes."""

    role: str
    blob: str
    name: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Told:
    """A version by its record.

    receipt   the newest that holds and covers it; `signed_by` its signer's fingerprint and name, `receipt_digest` its own digest
    document  of the climb that registered it; `note` says why there is none
    winner    what the rung showed and took that built it
    cheaper   the form of what that rung built that is registered in its place: the winner's figures are of the form before it
    parts     every file of the Candidate's own
    """

    ref: str
    name: str
    version: int
    registered: str
    candidate: Candidate
    claimed: str
    lock: str
    climb: str
    task: TaskRecord | None
    splits: tuple[Split, ...]
    receipt: Receipt | None
    receipt_digest: str
    signed_by: tuple[str, str]
    document: ClimbDocument | None
    note: str
    winner: RungRecord | None
    cheaper: CheaperForm | None
    parts: tuple[Part, ...]

    @property
    def status(self) -> str:
        """JUDGED where a receipt that holds covers it, else CLAIMED."""
        return JUDGED if self.receipt else CLAIMED

    @property
    def judged(self) -> tuple[tuple[Bar | None, Verdict], ...]:
        """Each verdict that was signed, with its bar, quality first; a limit has none."""
        if self.receipt is None:
            return ()
        bars = {bar.name: bar for bar in self.receipt.bars}
        return tuple((bars.get(one.name), one) for one in (self.receipt.verdict, *self.receipt.guards))

    @property
    def sentence(self) -> str:
        """The verdict in words, of what is judged."""
        if self.receipt is None:
            claim = f" It says of itself: {self.claimed}." if self.claimed else ""
            return f"{CLAIMED}: no gate has judged this version.{claim}"
        if self.document is None:
            return f"{self.receipt.status} on every bar of its task."
        if self.cheaper is None:
            return self.document.verdict.sentence
        return (
            f"{self.document.verdict.sentence} These figures are of what the rung built; registered is a cheaper form of it "
            f"({self.cheaper.name}), judged by itself on {self.receipt.verdict.n:,} rows: {self.receipt.status}."
        )

    @property
    def settings(self) -> Mapping[str, Any] | None:
        """What the task said of the rung that built it; None where no climb's document is at hand."""
        return dict(self.winner.settings) if self.winner else None

    @property
    def packages(self) -> Mapping[str, str]:
        """The versions of the packages that judged it, of those that were installed."""
        found = self.document.lock.packages if self.document else {}
        return {name: str(version) for name, version in sorted(found.items()) if version}

    @property
    def kind(self) -> str:
        """What it does, in the words of model hubs: text-classification where answers are one of a closed set."""
        constraint = self.candidate.constraint
        closed = self.candidate.base_reference.is_linear or (constraint is not None and constraint.kind == "choice")
        return "text-classification" if closed else "text-generation"


def told(subject: Subject) -> Told:
    """What the home knows of a version."""
    home, version, candidate = subject.home, subject.version, subject.candidate
    evidence = version.evidence
    document, note = _document(subject)
    signed = next((one for one in reversed(subject.receipts) if one.document is subject.receipt), None)
    data = dict(evidence.data) or (dict(subject.receipt.data) if subject.receipt else {})
    rows = document.task.rows if document else {}
    return Told(
        ref=version.ref,
        name=version.name,
        version=version.version,
        registered=version.created,
        candidate=candidate,
        claimed=evidence.claimed,
        lock=evidence.task,
        climb=evidence.climb,
        task=_task(subject),
        splits=tuple(Split(name=name, digest=data[name], rows=rows.get(name)) for name in SPLITS if name in data),
        receipt=subject.receipt,
        receipt_digest=signed.digest if signed else "",
        signed_by=(signed.signer, home.keys.called(signed.signer)) if signed else ("", ""),
        document=document,
        note=note,
        winner=_winner(document, evidence.rung),
        cheaper=next((one for one in document.cheaper if one.id == candidate.id), None) if document else None,
        parts=tuple(_parts(subject)),
    )


def _winner(document: ClimbDocument | None, rung: str) -> RungRecord | None:
    return next((one for one in document.rungs if one.rung == rung), None) if document else None


def _document(subject: Subject) -> tuple[ClimbDocument | None, str]:
    """The document of the climb that registered it, and why there is none."""
    climb = subject.version.evidence.climb
    if not climb:
        return None, "no climb registered it"
    stored = subject.home.climbs.fact(climb, "document")
    if stored is None:
        return None, "the climb that registered it left no document"
    try:
        return documents.from_json(stored), ""
    except RungError as error:
        return None, error.problem


def _task(subject: Subject) -> TaskRecord | None:
    try:
        return subject.home.tasks.get(subject.version.evidence.task)
    except RungError:
        return None


def _parts(subject: Subject) -> Iterator[Part]:
    """Every file of the blobs that the Candidate names, in the order in which it names them."""
    for role, blob in roles(subject.candidate):
        stored = subject.blobs.local(blob)
        files = sorted(path for path in stored.rglob("*") if path.is_file()) if stored.is_dir() else [stored]
        for file in files:
            name = file.relative_to(stored).as_posix() if stored.is_dir() else f"{role}.jsonl"
            yield Part(role=role, blob=blob, name=name, digest=file_digest(file), size_bytes=file.stat().st_size)


def roles(candidate: Candidate) -> tuple[tuple[str, str], ...]:
    """(what it is, digest) of each blob that a Candidate names."""
    shown, found, tools = candidate.demonstrations, candidate.retrieval, candidate.tools
    named = (
        ("model", candidate.base_reference.stored),
        ("demonstrations", shown.pool if shown else None),
        ("index", found.index if found else None),
        ("tools", tools.files if tools else None),
        *(("adapter", digest) for digest in candidate.adapters),
    )
    return tuple((role, digest) for role, digest in named if digest)


def file_bytes(text: str) -> bytes:
    """A text as it stands in a file: lone surrogates, which JSON allows, are kept."""
    return text.encode("utf-8", "surrogatepass")
