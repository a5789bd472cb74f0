"""Where documents come from: folders, archives, single files, package wheels. What cannot be read is told with its reason.

Nothing of an archive is written to the disk, and no link is followed. A name that begins with a dot is not looked at.
"""

from __future__ import annotations

import bz2
import fnmatch
import gzip
import hashlib
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, cast

from rung.data import archives
from rung.data.read.fetch import fetch
from rung.errors import UserError
from rung.json_form import digest

KINDS = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".pdf": "pdf",
    ".docx": "docx",
    ".pptx": "pptx",
    ".xlsx": "workbook",
    ".xlsm": "workbook",
    ".xlsb": "workbook",
    ".xls": "workbook",
    ".ods": "workbook",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
ARCHIVES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
MAX_DOCUMENT_BYTES = 64 << 20
_UNPACKERS = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}


@dataclass(frozen=True, kw_only=True)
class DocumentSource:
    """Where documents are.

    references  paths beside the task file, or pip: references; each a folder, an archive or a single file
    include     patterns (fnmatch, on the name within its folder or archive); a document fits one of them, or there are none
    """

    references: tuple[str, ...]
    base_folder: Path
    downloads: Path
    include: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RawDocument:
    """One document's bytes, or the `problem` that keeps them from being read. `kind` is a value of KINDS."""

    name: str
    kind: str = ""
    data: bytes = b""
    problem: str = ""

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes; of the problem's words where there are none."""
        return hashlib.sha256(self.data or self.problem.encode()).hexdigest()


def read_files(source: DocumentSource) -> Iterator[RawDocument]:
    """Every document of the source, one in memory at a time, in an order that depends on the names alone.

    Raises UserError where a reference names nothing, an archive cannot be opened or is a bomb, or there are too many files.
    """
    count, several = 0, len(source.references) > 1
    for reference in source.references:
        path = fetch(reference, source.downloads)
        path = path if path.is_absolute() else source.base_folder / path
        for document in _read(path, reference, source.include):
            count += 1
            if count > archives.MAX_FILES:
                hint = "Narrow it with knowledge.include."
                raise UserError(f"more than {archives.MAX_FILES:,} files", where=reference, hint=hint)
            name = f"{Path(reference).name}/{document.name}" if several and path.is_dir() else document.name
            yield RawDocument(name=name, kind=document.kind, data=document.data, problem=document.problem)


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What a source holds, without understanding it: the digest over (name, SHA-256), documents, and their bytes."""

    digest: str
    documents: int
    size_bytes: int


def fingerprint(source: DocumentSource) -> Fingerprint:
    """Raises UserError as `read_files`, and where there is no document at all."""
    rows, size_bytes, documents, last = [], 0, 0, ""
    for document in read_files(source):
        rows.append([document.name, document.digest])
        size_bytes += len(document.data)
        documents += not document.problem
        last = f"{document.name}: {document.problem}" if document.problem else last
    if not documents:
        raise UserError("there is no readable document", where=", ".join(source.references), hint=last or _why_none(source))
    return Fingerprint(digest=digest(sorted(rows)), documents=documents, size_bytes=size_bytes)


def _why_none(source: DocumentSource) -> str:
    """Whether `include` left everything out, with a name that it could have fitted, or there is nothing."""
    first = next(read_files(replace(source, include=())), None) if source.include else None
    if first is None:
        return f"It is empty. Put documents there: {', '.join(KINDS)}."
    return f"No name fits knowledge.include, {', '.join(source.include)}; a name in there is, for example, {first.name}."


def _read(path: Path, reference: str, include: Sequence[str]) -> Iterator[RawDocument]:
    if path.is_dir():
        return _from_folder(path, include)
    if not path.exists():
        raise UserError("there are no documents of this name", where=reference, hint="The path is relative to the task file.")
    if not path.is_file():
        raise UserError("it is neither a folder nor a file", where=reference)
    if path.name.lower().endswith((".zip", ".whl")):
        return _opened(_from_zip(path, include), reference)
    if path.name.lower().endswith(ARCHIVES):
        return _opened(_from_tar(path, include), reference)
    return iter([_from_file(path, path.name)])


def _opened(documents: Iterator[RawDocument], reference: str) -> Iterator[RawDocument]:
    try:
        yield from documents
    except archives.BROKEN as error:
        raise UserError(f"the archive is broken: {error}", where=reference, hint="Pack it anew.") from None


def _wanted(name: str, include: Sequence[str]) -> bool:
    hidden = any(part.startswith(".") and part not in (".", "..") for part in PurePosixPath(name).parts)
    return not hidden and (not include or any(fnmatch.fnmatchcase(name, pattern) for pattern in include))


def _from_folder(folder: Path, include: Sequence[str]) -> Iterator[RawDocument]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        linked = [name for name in folders if (Path(parent) / name).is_symlink()]
        for name in sorted([*names, *linked]):
            path = Path(parent) / name
            shown = path.relative_to(folder).as_posix()
            if _wanted(shown, include):
                yield _from_file(path, shown)


def _from_file(path: Path, shown: str) -> RawDocument:
    try:
        facts = path.lstat()
        if not stat.S_ISREG(facts.st_mode):
            return RawDocument(name=shown, problem="it is a link or a device, which is not followed")
        problem = _problem(shown, facts.st_size)
        if problem:
            return RawDocument(name=shown, problem=problem)
        with path.open("rb") as file:
            data = file.read(MAX_DOCUMENT_BYTES + 1)
    except OSError as error:
        return RawDocument(name=shown, problem=f"it cannot be opened: {error.strerror}")
    return _document(shown, data)


def _document(name: str, data: bytes) -> RawDocument:
    problem = _problem(name, len(data)) or ("" if data.strip() else "it is empty")
    return RawDocument(name=name, problem=problem) if problem else RawDocument(name=name, kind=_kind(name), data=data)


def _kind(name: str) -> str:
    return KINDS.get(PurePosixPath(name).suffix.lower(), "")


def _problem(name: str, size_bytes: int) -> str:
    """Why a file is not read, as far as its name and size tell."""
    if name.lower().endswith(ARCHIVES):
        return "it is an archive within the source, which is not opened"
    if not _kind(name):
        suffix = PurePosixPath(name).suffix
        return f"a {suffix} is not a kind of document that is read" if suffix else "its name has no suffix that tells its kind"
    if size_bytes > MAX_DOCUMENT_BYTES:
        return f"it is larger than {MAX_DOCUMENT_BYTES >> 20} MiB"
    return ""


def _name_problem(name: str) -> str:
    """Why a member's name is refused."""
    return "its name leaves the archive" if archives.leads_out(name) else ""


def _from_zip(path: Path, include: Sequence[str]) -> Iterator[RawDocument]:
    with zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if not info.is_dir() and _wanted(info.filename, include)]
        seen: set[str] = set()
        total_bytes = 0
        for info in sorted(members, key=lambda info: info.filename):
            name, mode = info.filename, info.external_attr >> 16
            special = stat.S_IFMT(mode) not in (0, stat.S_IFREG)
            problem = _name_problem(name) or ("it is a link or a device" if special else "") or _problem(name, info.file_size)
            problem = problem or ("it is in the archive twice" if name in seen else "")
            seen.add(name)
            document = RawDocument(name=name, problem=problem) if problem else _unzipped(archive, info)
            total_bytes += len(document.data)
            if total_bytes > archives.MAX_ARCHIVE_BYTES:
                raise archives.bomb()
            yield document


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> RawDocument:
    """A member's bytes: what its header says of its size is not believed."""
    try:
        with archive.open(info) as file:
            return _document(info.filename, file.read(MAX_DOCUMENT_BYTES + 1))
    except (RuntimeError, NotImplementedError) as error:
        reason = "it is encrypted" if "password" in str(error) else f"it cannot be unpacked: {error}"
    except archives.BROKEN as error:
        reason = f"it is broken: {error}"
    return RawDocument(name=info.filename, problem=reason)


def _from_tar(path: Path, include: Sequence[str]) -> Iterator[RawDocument]:
    with path.open("rb") as file:
        unpack: Any = _UNPACKERS.get(file.read(2), open)
    with unpack(path, "rb") as stream:
        bounded = cast(Any, archives.Bounded(stream, MAX_DOCUMENT_BYTES))
        yield from _from_stream(bounded, include)


def _from_stream(stream: Any, include: Sequence[str]) -> Iterator[RawDocument]:
    seen: set[str] = set()
    count = 0
    with tarfile.open(fileobj=stream, mode="r:") as archive:
        kept: list[tarfile.TarInfo] = archive.members  # type: ignore[attr-defined]
        while member := archive.next():
            # What tarfile keeps of each member is not needed again, and may be large.
            kept.clear()
            count += 1
            if count > archives.MAX_FILES:
                raise UserError(f"more than {archives.MAX_FILES:,} members", hint="Unpack what is needed into a folder.")
            name = member.name.removeprefix("./")
            if member.isdir() or not _wanted(name, include):
                continue
            problem = _name_problem(member.name) or ("" if member.isreg() else "it is a link or a device")
            problem = problem or _problem(name, member.size) or ("it is in the archive twice" if name in seen else "")
            seen.add(name)
            data = None if problem else archive.extractfile(member)
            yield _document(name, data.read()) if data else RawDocument(name=name, problem=problem or "it is not a file")
