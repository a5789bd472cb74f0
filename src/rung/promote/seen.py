"""Which versions have seen a row, a text or a source: as what they learnt from, were chosen or judged by, show, or look up.

A row is found by its digest, or by what is the same of it but for case, width and blanks; and where a version's weights rest on
those of another, what that one learnt is in them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rung.errors import RungError
from rung.registry.locks import KeptLock
from rung.sources.base import BaseReference
from rung.types import Candidate

if TYPE_CHECKING:
    from rung.registry.home import Home
    from rung.registry.names import Version

Match = Literal["row", "place", "text", "source"]
SHOWN = 3
_AFTER_A_NAME = "/=@#"  # data/rows.csv, pip:some-data==1.0#rows.csv, hf:some/data@main
USES = {
    "train": "learnt from it",
    "left out": "had it in train, and did not learn from it",
    "at hand": "had it in train, and has no weights of its own",
    "dev": "was chosen by it",
    "test": "was judged by it",
    "demonstration": "shows it in its prompt",
    "document": "looks it up",
    "beneath": "rests on weights that learnt from it",
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is looked for.

    rows       digests of the row, as the tasks that are at hand read it; `questions` of what it asks alone
    keys       of its texts (`rung.data.digest.text_key`)
    place      `file:line` where it stands; `source` a file, a folder or a package whose rows are meant
    holds      whether a text that a prompt shows, or a document, holds what is looked for
    """

    rows: frozenset[str] = frozenset()
    questions: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()
    place: str = ""
    source: str = ""
    holds: Callable[[str], bool] = field(default=lambda _: False)


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One use that a version made of what is looked for: how it was found, in `n` rows or texts, the first of their places, and
    the digests of the rows. `through` is the version that learnt from it, where this one rests on its weights."""

    version: str
    use: str
    match: Match
    n: int
    places: tuple[str, ...]
    rows: tuple[str, ...] = ()
    through: str = ""


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A version of which the home cannot say whether it saw it, why, and what would make it known."""

    version: str
    said: str
    mend: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was found; `without` are the versions of which all that is kept was looked through, and that did not see it."""

    sightings: tuple[Sighting, ...]
    without: tuple[str, ...]
    unknown: tuple[Unknown, ...]


@dataclass(frozen=True, kw_only=True)
class _Held:
    """A version with its Candidate and its lock, as the home kept it; None and why where it did not."""

    version: Version
    candidate: Candidate
    kept: KeptLock | None
    why: str = ""

    @property
    def weights(self) -> set[str]:
        """All that it has in the blob store of a model."""
        return {*self.candidate.adapters, self.candidate.base_reference.stored} - {""}

    @property
    def made(self) -> set[str]:
        """Those that came of its own climb."""
        if self.kept is None:
            return set()
        settings = self.kept.settings
        return self.weights - {*settings["base_adapters"], BaseReference.read(settings["base"]).stored}


def look_for(home: Home, wanted: Wanted) -> Seen:
    """Looks through all that the home keeps of every version."""
    read = _Reading(home)
    held = [read.held(version) for version in home.names.all()]
    found: list[Sighting] = []
    for one in held:
        found += [*_of_rows(one, wanted), *_of_texts(home, one, wanted)]
    found += _beneath(held, found)
    saw = {sighting.version for sighting in found}
    unknown = [Unknown(version=one.version.ref, said=one.why, mend=_mend(home, one)) for one in held if one.kept is None]
    without = [one.version.ref for one in held if one.kept is not None and one.version.ref not in saw]
    return Seen(sightings=tuple(found), without=tuple(without), unknown=tuple(unknown))


class _Reading:
    """Locks read once each, for all their versions."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._records = {record.task: record for record in home.locks.all()}
        self._known: dict[str, tuple[KeptLock | None, str]] = {}

    def held(self, version: Version) -> _Held:
        task = version.evidence.task
        if task not in self._known:
            self._known[task] = self._read(task)
        kept, why = self._known[task]
        return _Held(version=version, candidate=self._home.candidates.get(version.candidate), kept=kept, why=why)

    def _read(self, task: str) -> tuple[KeptLock | None, str]:
        if not task:
            return None, "it was made elsewhere: nothing says from which rows"
        if task not in self._records:
            return None, "it is of before rows were kept by digest"
        try:
            return self._home.locks.get(self._records[task]), ""
        except RungError as error:
            return None, error.problem


def _mend(home: Home, one: _Held) -> str:
    if not one.version.evidence.task:
        return "Whoever made it may know."
    try:
        path = home.tasks.get(one.version.evidence.task).path
    except RungError:
        return "The home that climbed it may know."
    return f"Bring {path} and its rows back as they were: then this command keeps their digests."


def _of_rows(one: _Held, wanted: Wanted) -> Iterator[Sighting]:
    """Of the rows of a version's lock: its own climb had all of them, an evaluation those of test."""
    if one.kept is None:
        return
    hits: dict[tuple[str, Match], list[int]] = {}
    for number, match in _matches(one.kept, wanted):
        hits.setdefault((_use(one, number), match), []).append(number)
    for (use, match), numbers in hits.items():
        if use == "test" or one.version.evidence.climb:
            yield Sighting(
                version=one.version.ref,
                use=use,
                match=match,
                n=len(numbers),
                places=tuple(one.kept.places[number] for number in numbers[:SHOWN]),
                rows=tuple(one.kept.digests[number] for number in numbers),
            )


def _use(one: _Held, number: int) -> str:
    assert one.kept is not None
    split, learnt = one.kept.splits[number], one.kept.learnt.get(one.version.evidence.rung)
    if split != "train":
        return split
    return "at hand" if not one.made else "left out" if learnt is not None and number not in learnt else "train"


def _matches(kept: KeptLock, wanted: Wanted) -> Iterator[tuple[int, Match]]:
    """The numbers of the rows that are looked for, and by what each is found: its digest before its place before its words."""
    asked, _, line = wanted.place.rpartition(":")
    of_place, of_source = _Files(asked, kept.folder), _Files(wanted.source, kept.folder)
    for number, digest in enumerate(kept.digests):
        file, _, at = kept.places[number].rpartition(":")
        if digest in wanted.rows:
            yield number, "row"
        elif line and line == at and of_place.has(file):
            yield number, "place"
        elif wanted.keys and not wanted.keys.isdisjoint(kept.keys[number]):
            yield number, "text"
        elif of_source.has(file):
            yield number, "source"


class _Files:
    """Which of the files that a task's rows are from are meant, each looked at once."""

    def __init__(self, source: str, folder: str) -> None:
        self._source, self._folder = source, folder
        self._known: dict[str, bool] = {}

    def has(self, file: str) -> bool:
        if file not in self._known:
            self._known[file] = bool(self._source) and is_from(file, self._source, self._folder)
        return self._known[file]


def same_place(known: str, asked: str, folder: str = "") -> bool:
    """Whether two `file:line` are one place; `folder` as in `is_from`."""
    (file, _, line), (other, _, at) = known.rpartition(":"), asked.rpartition(":")
    return line == at and is_from(file, other, folder)


def is_from(file: str, source: str, folder: str = "") -> bool:
    """Whether a row's file, as its task in `folder` calls it, is this one, or lies in this folder or package.

    What is there on this machine is meant itself, and not another file of the same name; else the end of a path will do.
    """
    named = source.rstrip("/")
    if Path(named).expanduser().exists():
        asked, path = Path(named).expanduser().resolve(), Path(folder, file).expanduser().resolve()
        return path == asked or asked in path.parents
    if file == named or (file.startswith(named) and file[len(named)] in _AFTER_A_NAME):
        return True
    whole = str(Path(folder, file)) if folder else file
    return whole == named or whole.endswith(f"/{named}") or whole.startswith(f"{named}/")


def _of_texts(home: Home, one: _Held, wanted: Wanted) -> Iterator[Sighting]:
    """Of what a version shows and looks up, which the home has word for word."""
    shown, found = one.candidate.demonstrations, one.candidate.retrieval
    if shown:
        from rung.engine.demos import Pool

        demos = Pool.read(home.blobs.local(shown.pool)).demos
        exact = [number for number, demo in enumerate(demos) if demo.question_digest in wanted.questions]
        near = [
            number
            for number, demo in enumerate(demos)
            if number not in exact and any(map(wanted.holds, [*_texts(demo.messages), demo.answer]))
        ]
        for match, numbers in (("row", exact), ("text", near)):
            if numbers:
                places = tuple(f"demonstration {number + 1}" for number in numbers[:SHOWN])
                yield Sighting(version=one.version.ref, use="demonstration", match=match, n=len(numbers), places=places)  # type: ignore[arg-type]
    if found:
        from rung.engine.retrieval.index import Index

        chunks = Index.read(home.blobs.local(found.index)).chunks
        yield from _of_documents(one, chunks, wanted)


def _of_documents(one: _Held, chunks: Sequence[Mapping[str, object]], wanted: Wanted) -> Iterator[Sighting]:
    by_text = [chunk for chunk in chunks if wanted.holds(str(chunk["text"]))]
    by_source = [chunk for chunk in chunks if wanted.source and is_from(str(chunk["source"]), wanted.source)]
    for match, passages in (("text", by_text), ("source", by_source)):
        if passages:
            places = tuple(dict.fromkeys(str(chunk["source"]) for chunk in passages))[:SHOWN]
            yield Sighting(version=one.version.ref, use="document", match=match, n=len(passages), places=places)  # type: ignore[arg-type]


def _texts(messages: Sequence[Mapping[str, object]]) -> list[str]:
    return [content for turn in messages if isinstance(content := turn.get("content"), str)]


def _beneath(held: Sequence[_Held], found: Sequence[Sighting]) -> list[Sighting]:
    """Versions whose weights rest on those of one that learnt from it, and that did not learn from it themselves."""
    learnt = {sighting.version: sighting for sighting in found if sighting.use == "train"}
    made = [(one.version.ref, one.made) for one in held if one.version.ref in learnt and one.made]
    more = []
    for one in held:
        through = next((ref for ref, weights in made if ref != one.version.ref and weights & one.weights), "")
        if through and one.version.ref not in learnt:
            sighting = learnt[through]
            more.append(
                Sighting(
                    version=one.version.ref,
                    use="beneath",
                    match=sighting.match,
                    n=sighting.n,
                    places=sighting.places,
                    through=through,
                )
            )
    return more
