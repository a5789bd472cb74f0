"""`rung export`: a format's files are written beside their place, read again by who reads such files, compared, then put there.

A kill, a full disk or a comparison that does not hold leaves what stood there before. `export.json` beside the files says what they
are of, their digests, how they compared, and all of the Candidate that such files cannot carry.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

from rung import __version__, plugins
from rung.disk import explained, file_digest, whole
from rung.errors import RungError, UserError
from rung.export.parts import left_out, opening_messages
from rung.export.subject import Subject, refuse_changed
from rung.json_form import as_json, digest
from rung.types import Candidate

SLOT = "formats"
MANIFEST = "export.json"
AUDITED = "export"  # the kind of an export's line in the audit


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How what was written compares with what was registered, once its real reader has read it.

    reader   with its version: "peft 0.21.2"
    measure  what `value` is: "largest difference of logits", "rows with the same likeliest token", "violations of the schema"
    limit    the most that `value` may be; the least, where `more` is better
    rows     questions, records or rows that were compared
    about    further figures, in words
    hint     what to do where it does not hold
    """

    reader: str
    measure: str
    value: float
    limit: float
    rows: int
    more: bool = False
    about: str = ""
    hint: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is near enough. A value that is no number never is, and neither is a comparison of nothing."""
        return self.rows > 0 and (self.value >= self.limit if self.more else self.value <= self.limit)

    @property
    def said(self) -> str:
        """On one line."""
        bound = "at least" if self.more else "at most"
        about = f"; {self.about}" if self.about else ""
        return f"{self.reader}: {self.measure} {self.value:.4g} ({bound} {self.limit:.4g}) on {self.rows:,}{about}"


class Format(Protocol):
    """A module of `formats/`.

    EXTRA    what is to be installed for it, as `pip install 'rung[EXTRA]'`; "" where nothing more is
    READER   the package that `check` reads with, as it is imported; "" where nothing more is needed
    CARRIES  of `parts.PARTS`, what of a Candidate the files say or do by themselves; the rest is told of, and stands in export.json
    fits()   "" or why a Candidate cannot be written so, and what can
    write()  fills an empty folder, without the network, with the same bytes for the same subject: no clock, no random
    check()  loads the folder by its real reader, compares, and leaves it as it is; raises UserError for what its reader refuses

    One that has more to tell of its files has also `notes(subject) -> Sequence[str]`; one whose files carry more than CARRIES of
    some has `carries(subject) -> frozenset[str]`.
    """

    EXTRA: str
    READER: str
    CARRIES: frozenset[str]

    def fits(self, candidate: Candidate) -> str: ...

    def write(self, subject: Subject, folder: Path) -> None: ...

    def check(self, subject: Subject, folder: Path) -> Agreement: ...


@dataclass(frozen=True, kw_only=True)
class File:
    """One that was written: its name within the folder, SHA-256 and size."""

    name: str
    digest: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Exported:
    """What stands in a folder now.

    agreement  None where nothing was compared
    left_out   what of the Candidate the files do not say or do, in words
    notes      what else whoever uses them must know
    standing   it stood there already, whole and compared
    """

    ref: str
    format: str
    folder: Path
    files: tuple[File, ...]
    agreement: Agreement | None
    left_out: tuple[str, ...]
    notes: tuple[str, ...] = ()
    standing: bool = False


def format_of(name: str) -> Format:
    """The format of this name. Raises UserError, with the nearest, where there is none."""
    return cast(Format, plugins.load(SLOT, name))


def refuse_unfit(subject: Subject, formats: Sequence[str], *, check: bool = True) -> None:
    """Raises UserError for all that can be known before anything is written: formats that a Candidate does not fit, or that are
    not known; readers that are not installed; files that were changed."""
    known = {name: format_of(name) for name in dict.fromkeys(formats)}
    if problems := [f"{name}: {why}" for name, one in known.items() if (why := one.fits(subject.candidate))]:
        raise UserError("\n  ".join(problems), where=subject.ref, hint=_that_fit(subject.candidate))
    lacking = {name: one for name, one in known.items() if check and one.READER and find_spec(one.READER) is None}
    for name, one in lacking.items():
        problem = f"{name} is read again by {one.READER}, which is not installed"
        install = f"pip install 'rung[{one.EXTRA}]'" if one.EXTRA else f"pip install {one.READER}"
        raise UserError(problem, where=subject.ref, hint=f"{install}; or --no-check, to write it without comparing it.")
    refuse_changed(subject)


def export(subject: Subject, format_name: str, folder: Path, *, check: bool = True) -> Exported:
    """Writes a subject in a format to the folder `folder/<format>`, reads it again, and tells the audit.

    What stands there already is kept where it is this very export; an export of another version takes the place of one that nobody
    has changed. Raises UserError where something else stands there, where the subject does not fit the format, or where what is
    read again does not agree; BrokenEnvironment where the disk refuses. Nothing is half done then.
    """
    refuse_unfit(subject, [format_name], check=check)
    chosen, target = format_of(format_name), folder / format_name
    if standing := _standing(subject, format_name, target, checked=check):
        return standing
    told = cast(Any, chosen)
    out = left_out(subject.candidate, told.carries(subject) if hasattr(told, "carries") else chosen.CARRIES)
    notes = tuple(told.notes(subject)) if hasattr(told, "notes") else ()
    with whole(target) as draft:
        draft.mkdir()
        with subject.progress.stage(f"{format_name}: writing"):
            chosen.write(subject, draft)
        agreement = _compared(subject, format_name, draft) if check else None
        files = _files(draft)
        made = Exported(
            ref=subject.ref,
            format=format_name,
            folder=target,
            files=files,
            agreement=agreement,
            left_out=out,
            notes=notes,
        )
        manifest = _manifest(subject, made)
        (draft / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n", "utf-8")
        # Before it can be seen: what has left the home stands in its audit.
        with subject.home.together():
            line: dict[str, Any] = {
                "format": format_name,
                "candidate": subject.candidate.id,
                "files": {one.name: one.digest for one in files},
            }
            line |= {"agreement": asdict(agreement) if agreement else None, "left_out": list(out)}
            subject.home.audit.append(AUDITED, subject.ref, line)
    return made


def _compared(subject: Subject, name: str, draft: Path) -> Agreement:
    with subject.progress.stage(f"{name}: reading it again"):
        try:
            agreement = format_of(name).check(subject, draft)
        except (RungError, MemoryError, KeyboardInterrupt):
            raise
        except Exception as error:  # a reader is a program of others, and may refuse in any way
            said = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            hint = "Nothing was exported. This is a fault in rung or in that reader: please report it."
            raise UserError(f"what was written as {name} could not be read again: {said}", hint=hint) from error
    if not agreement.holds:
        raise UserError(
            f"nothing was exported: what was written as {name} does not agree with {subject.ref}: {agreement.said}",
            hint=agreement.hint or "`--no-check` writes it all the same, and export.json says that nothing was compared.",
        )
    return agreement


def version_in(package: str) -> str:
    """`peft 0.21.2`, of an installed package."""
    return f"{package} {metadata.version(package)}"


def _that_fit(candidate: Candidate) -> str:
    """The formats that a Candidate can be written in."""
    fitting = [name for name in plugins.names(SLOT) if not format_of(name).fits(candidate)]
    return f"It can be written as {', '.join(fitting)}." if fitting else "It can be written in no format."


def _files(folder: Path) -> tuple[File, ...]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    return tuple(
        File(name=path.relative_to(folder).as_posix(), digest=file_digest(path), size_bytes=path.stat().st_size) for path in found
    )


def _manifest(subject: Subject, made: Exported) -> dict[str, Any]:
    """All that the files cannot say of themselves."""
    return {
        "format": made.format,
        "version": subject.ref,
        "rung": __version__,
        "candidate": {"id": subject.candidate.id, "fields": as_json(subject.candidate)},
        "asked": _asked(subject),
        "messages": opening_messages(subject.candidate, subject.blobs),
        "left_out": list(made.left_out),
        "notes": list(made.notes),
        "files": {one.name: {"sha256": one.digest, "bytes": one.size_bytes} for one in made.files},
        "checked": asdict(made.agreement) if made.agreement else None,
    }


def _asked(subject: Subject) -> str:
    """The digest of what was asked for: another option makes another export."""
    return digest(as_json(subject.options))


def _standing(subject: Subject, name: str, target: Path, *, checked: bool) -> Exported | None:
    """This very export, where it stands there whole. Raises UserError where what stands there is not one of ours, unchanged."""
    if not target.exists() and not target.is_symlink():
        return None
    with explained(target):
        said = _read_manifest(target)
        files = _files(target) if said else ()
    if said is None or {one.name: one.digest for one in files} != {key: one["sha256"] for key, one in said["files"].items()}:
        what = "an export that was changed since" if said else "something that rung did not export"
        raise UserError(f"{what} stands there already", where=str(target), hint="Name another folder with --to, or move it away.")
    same = (said["version"], said["candidate"]["id"], said["format"]) == (subject.ref, subject.candidate.id, name)
    if not same or said.get("asked") != _asked(subject) or said["rung"] != __version__ or (checked and not said["checked"]):
        return None
    agreement = Agreement(**said["checked"]) if said["checked"] else None
    out, notes = tuple(said["left_out"]), tuple(said["notes"])
    return Exported(
        ref=subject.ref,
        format=name,
        folder=target,
        files=files,
        agreement=agreement,
        left_out=out,
        notes=notes,
        standing=True,
    )


def _read_manifest(target: Path) -> dict[str, Any] | None:
    """None where there is none that rung wrote."""
    file = target / MANIFEST
    if target.is_symlink() or not file.is_file():
        return None
    try:
        said = json.loads(file.read_text("utf-8"))
        digests = {name: entry["sha256"] for name, entry in said["files"].items()}
        known = all(isinstance(one, str) for one in (*digests.values(), said["version"], said["candidate"]["id"], said["rung"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return said if known and {"format", "left_out", "notes", "checked"} <= set(said) else None
