"""A first look at a user's own file: what its rows are, how their answers can be scored, and what a first task would be."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rung import plugins
from rung.data.audit import by_gravity
from rung.data.inferred import Inference
from rung.data.load import Loaded, load_examples
from rung.data.read.layout import Layout
from rung.data.read.look import look
from rung.data.read.reference import DataReference
from rung.data.read.source import Source, read_rows
from rung.data.shapes.columns import Columns
from rung.data.shapes.recognise import shape_fields
from rung.data.shapes.understand import titles_of
from rung.data.split import Deduplicated, deduplicate
from rung.garbage import uncollected
from rung.propose.class_names import name_classes
from rung.propose.code import TestsFound, proven, tests_beside
from rung.propose.columns.beside import guess_extra, guess_group
from rung.propose.columns.column import columns_of
from rung.propose.columns.guess import Guess, guess_columns
from rung.propose.columns.unread import unread
from rung.propose.columns.wanted import NOTHING_WANTED, Wanted
from rung.propose.proposed import propose_for
from rung.propose.scorer import Kind, chosen_scorer, counted, kind_of, scorer_for
from rung.types import Example, Finding

MOST_ROWS = 100_000


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a file is, and the task that it suggests.

    reference what was looked at, as seen from where the process runs
    rows      rows read from the file; `usable` of those looked at (at most 100,000, a seeded sample) are left without duplicates
    shape     `columns`, or the name of a shape whose rows say themselves what is what
    columns   for the task file; of input and target none is named where rows say so
    classes   of a closed set: value -> rows, the most frequent first
    layout    how the file's text becomes rows, for the task file
    at_least  a bar to begin with; what it should be is the user's to say
    split     rows of each split, fractions where the file is small; `shares` say the same as `data.split` does
    limit     of the rows that take part, where there are more than are looked at
    leave_out id -> why, of the few rows that no answer could ever match; found by who knows the scorers
    names     the words for the targets' values, for the task file
    inferences what nobody said and was taken to be so, each with its reason
    """

    reference: DataReference
    format: str
    shape: str
    rows: int
    usable: int
    columns: Columns
    group: str | None
    encoding: str | None
    layout: Layout
    where: Mapping[str, Any]
    names: Mapping[str, str] | str
    kind: Kind
    classes: Mapping[str, int]
    scorer: str
    config: Mapping[str, Any]
    at_least: float
    split: Mapping[str, float]
    shares: Mapping[str, float | str]
    limit: int | None
    instruction: str
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]
    examples: tuple[Example, ...] = field(repr=False, default=())
    leave_out: Mapping[str, str] = field(default_factory=dict)
    inferences: tuple[Inference, ...] = ()

    @property
    def header(self) -> bool:
        """Whether names stand in the file, above its rows or in each of them."""
        return self.layout.header and self.layout.format not in ("iob", "text") and self.format not in ("folder", "text")

    @property
    def folder(self) -> Path:
        """Where the data lies."""
        return self.reference.path.parent if self.reference.kind == "path" else Path()


@uncollected()
def look_at(what: Path | str, wanted: Wanted = NOTHING_WANTED, downloads: Path | None = None) -> Profile:
    """Looks at a data file, or at what another reference names; what must be fetched is kept in `downloads`.

    Raises UserError where it cannot be read, has bad rows, or no column can be question or answer.
    """
    reference = DataReference.read(str(what), Path())
    source = _source(reference, downloads)
    looked = look(source.reference, source.base_folder, source.downloads, wanted.layout)
    found = looked.found
    source = replace(source, encoding=found.encoding, layout=found.layout)
    read = read_rows(source)
    read.problems.left_out(source.bad_rows)
    rows = [row for _, row in read.rows]
    titles = () if wanted.input or wanted.target else titles_of(rows)
    guess = _self_described(rows, titles) if titles else guess_columns(rows, looked.located.shown, wanted)
    column = guess.columns.target if isinstance(guess.columns.target, str) else ""
    loaded, unique, tests = _loaded(source, guess, rows)
    guess = guess.using(tests.columns)
    kind, classes = ("code", {}) if tests.settings else kind_of(unique.examples, column)
    named = name_classes(unique.examples, classes, column, looked.located.path)
    examples = named.examples
    kind, scorer, config = _scored(wanted, kind, examples, tests)
    classes = counted(examples) if kind == "closed set" else {}
    proposed = propose_for(examples, guess.columns, kind=kind, classes=classes, scorer=(scorer, config))
    return Profile(
        reference=reference,
        format=loaded.format,
        shape=loaded.shape,
        rows=read.rows_read,
        usable=len(unique.examples),
        columns=guess.columns,
        group=guess.group,
        encoding=source.encoding,
        layout=source.layout,
        where=guess.where,
        names=guess.names or named.names,
        kind=kind,
        classes=classes,
        scorer=scorer,
        config=config,
        at_least=proposed.at_least,
        split=proposed.sizes.told,
        shares=proposed.sizes.shares,
        limit=MOST_ROWS if loaded.rows_read - sum(loaded.skipped.values()) > MOST_ROWS else None,
        instruction=proposed.instruction,
        findings=by_gravity(loaded.findings),
        remarks=(*proposed.remarks, *_remarks(loaded, guess, scorer)),
        examples=examples,
        inferences=(
            *(*found.inferences, *_said_of(guess, source.layout)),
            *(*named.inferences, *loaded.inferences, *tests.inferences, *proposed.inferences),
        ),
    )


def _scored(wanted: Wanted, kind: Kind, examples: Sequence[Example], tests: TestsFound) -> tuple[Kind, str, Mapping[str, Any]]:
    """The kind of answers, their scorer and its settings: those that were asked for, else those that fit."""
    if wanted.scorer:
        return chosen_scorer(wanted.scorer, kind, examples, tests.settings)
    return (kind, *scorer_for(kind, examples, tests.settings))


def _source(reference: DataReference, downloads: Path | None) -> Source:
    folder = reference.path.parent if reference.kind == "path" else Path()
    return Source(reference=str(reference.within(folder)), base_folder=folder, downloads=downloads or folder, limit=MOST_ROWS)


def _loaded(source: Source, guess: Guess, rows: Sequence[Mapping[str, Any]]) -> tuple[Loaded, Deduplicated, TestsFound]:
    """The rows as the guess has them, each question once, and the tests beside their code where those can be used."""
    target = guess.columns.target if isinstance(guess.columns.target, str) else ""
    tests = tests_beside(rows, guess.columns.inputs(), target)
    named = replace(source, columns=guess.columns, group=guess.group, where=guess.where or None, names=guess.names)
    loaded = load_examples(replace(named, judged_by=tests.columns))
    unique = deduplicate(loaded.examples)
    return loaded, unique, proven(tests, unique.examples)


def _self_described(rows: Sequence[Mapping[str, Any]], titles: tuple[str, ...]) -> Guess:
    """For rows that say what is what: the group and the split that they may name besides."""
    columns = {name: column for name, column in columns_of(rows).items() if name not in shape_fields(titles)}
    group = guess_group(columns, rows)
    named = Columns(split=guess_extra(columns, ()).split)
    return Guess(columns=named, group=group.name if group else None, inferences=unread(columns, titles))


def _in_braces(target: Any) -> bool:
    return isinstance(target, str) and target.startswith("{") and target.endswith("}")


def _remarks(loaded: Loaded, guess: Guess, scorer: str) -> list[str]:
    remarks, rows, examples = list[str](), loaded.rows_read, loaded.examples
    if rows > MOST_ROWS:
        left = f"{rows - MOST_ROWS:,} are left out. Raise data.limit where there is memory for more, about 3 KB a row"
        remarks.append(f"{rows:,} rows; a random {MOST_ROWS:,} of them take part, {left}.")
    if guess.where:
        remarks.append(f"{sum(loaded.skipped.values()):,} rows without an answer are left out.")
    if guess.unused:
        remarks.append(f"Columns that take no part: {', '.join(guess.unused)}.")
    if guess.group:
        remarks.append(f"Rows that share '{guess.group}' stay in one split.")
    as_objects = sum(isinstance(example.target, dict) or _in_braces(example.target) for example in examples)
    if 0.5 * len(examples) < as_objects < len(examples):
        remarks.append(f"{len(examples) - as_objects:,} answers are no JSON object, where the others are.")
    package, install = getattr(plugins.load("scorers", scorer), "NEEDS", ("", ""))
    if package and importlib.util.find_spec(package) is None:
        remarks.append(f"Scoring by {scorer} needs: {install}.")
    return remarks


def _said_of(guess: Guess, layout: Layout) -> tuple[Inference, ...]:
    """What was inferred of the columns; which are question and answer is said aloud where no names help to tell."""
    if layout.header or layout.label is not None:
        return guess.inferences
    return tuple(replace(told, aloud=told.aloud or told.about in ("input", "target")) for told in guess.inferences)
