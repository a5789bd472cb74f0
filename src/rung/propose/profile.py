"""A first look at a user's own file: what its rows are, how their answers can be scored, and what a first task would be."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from rung import plugins
from rung.choices import labels_in
from rung.data.audit import audit
from rung.data.inferred import Inference
from rung.data.load import load_examples
from rung.data.read import files
from rung.data.read.source import Source, read_rows
from rung.data.shapes.columns import Columns
from rung.data.shapes.recognise import shape_fields, shape_of
from rung.data.split import deduplicate
from rung.propose.columns.column import columns_of
from rung.propose.columns.guess import NOTHING_WANTED, Guess, guess_columns, guess_extra, guess_group
from rung.propose.columns.wanted import Wanted
from rung.propose.instruction import instruction_for
from rung.propose.lists import lists_in
from rung.propose.scorer import Kind, bar_for, kind_of, remarks_on, scorer_for
from rung.types import Example, Finding

MOST_ROWS = 100_000
FRACTIONS = {"train": 0.5, "dev": 0.2, "test": 0.3}
COUNTS = {"train": 1200, "dev": 200, "test": 1000}
COUNTS_ABOVE = 4000


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a file is, and the task that it suggests.

    rows      rows read from the file; `usable` of those looked at (at most 100,000, a seeded sample) are left without duplicates
    shape     `columns`, or the name of a shape whose rows say themselves what is what
    columns   for the task file; of input and target none is named where rows say so
    classes   of a closed set: value -> rows, the most frequent first
    at_least  a bar to begin with; what it should be is the user's to say
    leave_out id -> why, of the few rows that no answer could ever match; found by who knows the scorers
    inferences what nobody said and was taken to be so, each with its reason
    """

    path: Path
    format: str
    shape: str
    rows: int
    usable: int
    columns: Columns
    group: str | None
    encoding: str | None
    where: Mapping[str, Any]
    kind: Kind
    classes: Mapping[str, int]
    scorer: str
    config: Mapping[str, Any]
    at_least: float
    split: Mapping[str, float]
    instruction: str
    findings: tuple[Finding, ...]
    remarks: tuple[str, ...]
    examples: tuple[Example, ...] = field(repr=False, default=())
    leave_out: Mapping[str, str] = field(default_factory=dict)
    inferences: tuple[Inference, ...] = ()


def look_at(path: Path, wanted: Wanted = NOTHING_WANTED) -> Profile:
    """Looks at a data file. Raises UserError where it cannot be read, has bad rows, or no column can be question or answer."""
    source = Source(reference=path.name, base_folder=path.parent, downloads=path.parent, limit=MOST_ROWS, encoding=_encoding(path))
    read = read_rows(source)
    read.problems.raise_if_any()
    rows = [row for _, row in read.rows]
    guess = _self_described(rows) if any(map(shape_of, rows)) else guess_columns(rows, path.name, wanted)
    loaded = load_examples(replace(source, columns=guess.columns, group=guess.group, where=guess.where or None))
    unique = deduplicate(loaded.examples)
    column = guess.columns.target or ""
    kind, classes = kind_of(unique.examples, column)
    lists = lists_in([example.target for example in unique.examples], column)
    scorer, config = scorer_for(kind, unique.examples)
    usable = len(unique.examples)
    return Profile(
        path=path,
        format=loaded.format,
        shape=loaded.shape,
        rows=read.rows_read,
        usable=usable,
        columns=guess.columns,
        group=guess.group,
        encoding=source.encoding,
        where=guess.where,
        kind=kind,
        classes=classes,
        scorer=scorer,
        config=config,
        at_least=bar_for(kind, classes),
        split=COUNTS if usable > COUNTS_ABOVE else FRACTIONS,
        instruction=instruction_for(kind, classes, unique.examples, column),
        findings=audit(loaded.examples, "raw"),
        remarks=(
            *_spellings(classes),
            *((lists.remark,) if lists and lists.kind == kind else ()),
            *remarks_on(kind, unique.examples),
            *_remarks(read.rows_read, loaded.examples, guess, source.encoding, scorer),
        ),
        examples=unique.examples,
    )


def _encoding(path: Path) -> str | None:
    """The encoding to name in the task file, None for UTF-8 and for Parquet."""
    first = files.head(path, path.name)
    if first.startswith(files.PARQUET_MAGIC):
        return None
    files.check_text(first, path.name, None)
    found = files.guess_encoding(path)
    return None if found in ("utf-8", "utf-16") else found


def _self_described(rows: Sequence[Mapping[str, Any]]) -> Guess:
    """For rows that say what is what: the group and the split that they may name besides."""
    columns = {name: column for name, column in columns_of(rows).items() if name not in shape_fields()}
    return Guess(columns=Columns(split=guess_extra(columns, ()).split), group=guess_group(columns, ()))


def _spellings(classes: Mapping[str, int]) -> list[str]:
    """Classes that differ only in case or blanks: often one label in several spellings. Says what they are taken for."""
    counts: Counter[str] = Counter()
    found: dict[str, list[str]] = {}
    for name, count in classes.items():
        counts[name.strip()] += count
        found.setdefault(" ".join(name.casefold().split()), []).append(name)
    labels = labels_in(counts, str.casefold)
    told: dict[bool, list[str]] = {}
    for names in found.values():
        if len(names) > 1:
            apart = {name.strip() for name in names} <= set(labels) and len({name.strip() for name in names}) > 1
            told.setdefault(apart, []).append(" and ".join(f"'{name}' ({classes[name]:,})" for name in names))
    taken = {True: "Each is taken for a class of its own: mend", False: "Taken for one: mend"}
    return [
        f"One class in several spellings? {'; '.join(told[apart])}. {taken[apart]} the file, or keep one by data.where."
        for apart in sorted(told)
    ]


def _in_braces(target: Any) -> bool:
    return isinstance(target, str) and target.startswith("{") and target.endswith("}")


def _remarks(rows: int, examples: Sequence[Example], guess: Guess, encoding: str | None, scorer: str) -> list[str]:
    remarks = []
    if rows > MOST_ROWS:
        remarks.append(f"{rows:,} rows; a random {MOST_ROWS:,} of them were looked at.")
    if guess.where:
        # All rows were looked at, or a sample: then the number is of the sample.
        remarks.append(f"{min(rows, MOST_ROWS) - len(examples):,} rows without an answer are left out.")
    if guess.unused:
        remarks.append(f"Columns that take no part: {', '.join(guess.unused)}.")
    if guess.group:
        remarks.append(f"Rows that share '{guess.group}' stay in one split.")
    if encoding:
        remarks.append(f"The text is not UTF-8; read as {encoding}, which is a guess.")
    as_objects = sum(isinstance(example.target, dict) or _in_braces(example.target) for example in examples)
    if 0.5 * len(examples) < as_objects < len(examples):
        remarks.append(f"{len(examples) - as_objects:,} answers are no JSON object, where the others are.")
    package, install = getattr(plugins.load("scorers", scorer), "NEEDS", ("", ""))
    if package and importlib.util.find_spec(package) is None:
        remarks.append(f"Scoring by {scorer} needs: {install}.")
    return remarks
