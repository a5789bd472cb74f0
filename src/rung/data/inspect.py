"""A first look at a user's own file: what its rows are, how their answers can be scored, and what a first task would be."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from rung.data import files, shapes
from rung.data.calls import looks_like_calls
from rung.data.gate import Finding, inspect_examples, removal_findings
from rung.data.guess import Guess, columns_of, guess_columns, guess_extra, guess_group, is_closed_set
from rung.data.load import Source, load_examples, read_rows
from rung.data.split import deduplicate
from rung.data.where import as_text, number
from rung.types import Example

Kind = Literal["closed set", "number", "JSON object", "tool calls", "short text", "text"]
MOST_ROWS = 100_000
FRACTIONS = {"train": 0.5, "dev": 0.2, "gate": 0.3}
COUNTS = {"train": 1200, "dev": 200, "gate": 1000}
COUNTS_ABOVE = 4000
SHORT_CHARS = 40
DATE = re.compile(
    r"^\d{4}-\d{1,2}-\d{1,2}|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$|^\d{1,2} [A-Z][a-z]+ \d{4}$|^[A-Z][a-z]+ \d{1,2}, \d{4}$"
)
FUZZY_CHARS = 25
MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What a file is, and the task that it suggests.

    rows      rows read from the file; `usable` of those looked at (at most 100,000, a seeded sample) are left without duplicates
    shape     `columns`, or the name of a shape whose rows say themselves what is what
    columns   for the task file; None where rows say so
    classes   of a closed set: value -> rows, the most frequent first
    at_least  a bar to begin with; what it should be is the user's to say
    leave_out id -> why, of the few rows that no answer could ever match; found by who knows the scorers
    """

    path: Path
    format: str
    shape: str
    rows: int
    usable: int
    columns: Mapping[str, str] | None
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


def inspect_file(path: Path) -> Profile:
    """Looks at a data file. Raises UserError where it cannot be read, has bad rows, or no column can be question or answer."""
    source = Source(reference=path.name, base_folder=path.parent, downloads=path.parent, limit=MOST_ROWS, encoding=_encoding(path))
    read = read_rows(source)
    read.problems.raise_if_any()
    rows = [row for _, row in read.rows]
    guess = _self_described(rows) if any(map(shapes.shape_of, rows)) else guess_columns(rows, path.name)
    loaded = load_examples(replace(source, columns=guess.columns or None, group=guess.group, where=guess.where or None))
    unique = deduplicate(loaded.examples)
    kind, classes = _kind(unique.examples)
    scorer, config = _scorer(kind, unique.examples)
    usable = len(unique.examples)
    return Profile(
        path=path,
        format=loaded.format,
        shape=loaded.shape,
        rows=read.rows_read,
        usable=usable,
        columns=guess.columns or None,
        group=guess.group,
        encoding=source.encoding,
        where=guess.where,
        kind=kind,
        classes=classes,
        scorer=scorer,
        config=config,
        at_least=_bar(kind, classes),
        split=COUNTS if usable > COUNTS_ABOVE else FRACTIONS,
        instruction=_instruction(kind, classes, unique.examples, guess.columns.get("target", "")),
        findings=tuple([*removal_findings(unique), *inspect_examples(unique.examples)]),
        remarks=(*_spellings(classes), *_remarks(read.rows_read, loaded.examples, guess, source.encoding, scorer)),
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
    shape_fields = {"messages", "prompt", "completion", "instruction", "input", "output", "conversations", "question", "system"}
    columns = {name: c for name, c in columns_of(rows).items() if name not in shape_fields}
    extra = {key: name for key, name in guess_extra(columns, ()).items() if key == "split"}
    return Guess(columns=extra, group=guess_group(columns, ()))


def _kind(examples: Sequence[Example]) -> tuple[Kind, dict[str, int]]:
    targets = [example.target for example in examples]
    if any(example.tools for example in examples) and all(isinstance(t, (list, dict)) and looks_like_calls(t) for t in targets):
        return "tool calls", {}
    if any(isinstance(target, list) and target and looks_like_calls(target) for target in targets):
        return "tool calls", {}
    if all(isinstance(target, dict) for target in targets):
        return "JSON object", {}
    texts = Counter(as_text(target) for target in targets)
    if is_closed_set(texts):
        return "closed set", dict(texts.most_common())
    if all(number(target) is not None for target in targets):
        return "number", {}
    short = sum(len(as_text(target)) <= SHORT_CHARS for target in targets) >= 0.9 * len(targets)
    return ("short text" if short else "text"), {}


def _scorer(kind: Kind, examples: Sequence[Example]) -> tuple[str, dict[str, Any]]:
    if kind == "JSON object":
        return "json_fields", {"fields": _fields([example.target for example in examples])}
    settings: dict[Kind, tuple[str, dict[str, Any]]] = {
        "closed set": ("choice", {}),
        "number": ("numeric", {}),
        "tool calls": ("tool_call", {}),
        "short text": ("exact", {"ignore_case": True, "ignore_space": True}),
        "text": ("overlap", {"metric": "rougeL"}),
    }
    return settings[kind]


def _fields(targets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """How each field is compared: as a number, a date, text that may differ a little, or exactly."""
    names = dict.fromkeys(name for target in targets for name in target)
    return {name: _field([target[name] for target in targets if target.get(name) is not None]) for name in names}


def _field(values: Sequence[Any]) -> str:
    if not values or not all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in values):
        return "exact"
    texts = [as_text(value) for value in values]
    if all(number(text) is not None for text in texts):
        return "number"
    if all(DATE.match(text) for text in texts):
        return "date"
    closed = is_closed_set(Counter(texts))
    return "fuzzy" if not closed and sum(map(len, texts)) / len(texts) > FUZZY_CHARS else "exact"


def _bar(kind: Kind, classes: Mapping[str, int]) -> float:
    """For a closed set at least half of what always giving the commonest answer leaves to gain."""
    if kind == "closed set":
        share = max(classes.values()) / sum(classes.values())
        return min(0.99, round(max(0.8, share + (1 - share) / 2), 2))
    bars: dict[Kind, float] = {"number": 0.7, "JSON object": 0.8, "tool calls": 0.5, "short text": 0.5, "text": 0.3}
    return bars[kind]


def _instruction(kind: Kind, classes: Mapping[str, int], examples: Sequence[Example], column: str) -> str:
    """What to tell a model. A column's name often says what is asked: the tone, the number_of_items."""
    if kind != "tool calls" and all(example.messages[0]["role"] in ("system", "developer") for example in examples):
        return "Follow the instructions of the conversation."
    names = ", ".join(sorted(classes)) if len(classes) <= MOST_NAMED else ""
    fields = ", ".join(dict.fromkeys(name for e in examples if isinstance(e.target, dict) for name in e.target))
    asked = " ".join(re.findall(r"[^\W_]+", column))
    one_of = f", one of these: {names}" if names else ""
    instructions: dict[Kind, str] = {
        "closed set": f"Answer with the {asked or 'right category'}{one_of}. Say nothing else.",
        "number": f"Answer with the {asked or 'number'}, as a number. Say nothing else.",
        "JSON object": f"Reply with a JSON object with the fields {fields}.",
        "tool calls": "Reply with the function call as JSON.",
        "short text": "Answer in a few words. Say nothing else.",
        "text": "Answer the message.",
    }
    return instructions[kind]


def _spellings(classes: Mapping[str, int]) -> list[str]:
    """Classes that differ only in case or blanks: one label, very likely, spelled in several ways."""
    found: dict[str, list[str]] = {}
    for name in classes:
        found.setdefault(" ".join(name.casefold().split()), []).append(name)
    several = [" and ".join(f"'{name}' ({classes[name]:,})" for name in names) for names in found.values() if len(names) > 1]
    return [f"One class in several spellings? {'; '.join(several)}. Mend the file, or keep one by data.where."] if several else []


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
    texts = [example.target for example in examples if isinstance(example.target, str)]
    as_objects = sum(text.startswith("{") and text.endswith("}") for text in texts)
    if 0.5 * len(examples) < as_objects < len(examples):
        remarks.append(f"{len(examples) - as_objects:,} answers are no JSON object, where the others are.")
    if scorer == "overlap" and importlib.util.find_spec("rouge_score") is None:
        remarks.append("Scoring free text needs: pip install 'rung[overlap]'.")
    return remarks
