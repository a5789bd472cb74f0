"""Files, packages and functions to Examples: bad rows left out and told, or refused; nothing dropped without being counted."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rung.data.blanks import blanks
from rung.data.inferred import Inference
from rung.data.own_fields import Given, OwnFields, own_fields
from rung.data.read.rows import Problems, Row, RowError
from rung.data.read.source import Read, Source, read_rows
from rung.data.read.where import as_text
from rung.data.settled import settled, with_calls
from rung.data.shapes.answer import Marks
from rung.data.shapes.columns import Columns, from_columns, way_of
from rung.data.shapes.letters import LETTERS, Letters
from rung.data.shapes.parts import Parts
from rung.data.shapes.recognise import known_shapes
from rung.data.shapes.understand import Outcome, Understood, understand
from rung.data.value_names import with_names
from rung.errors import UserError, did_you_mean
from rung.json_form import canonical_json
from rung.types import Example, Finding


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Examples in file order, how many rows were read for them, why rows were left out (reason -> count), and what was inferred.

    findings  the bad rows that were left out, and fields that were not taken for what they are called
    """

    examples: tuple[Example, ...]
    rows_read: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    shape: str = ""
    format: str = ""
    inferences: tuple[Inference, ...] = ()
    findings: tuple[Finding, ...] = ()


def load_examples(source: Source) -> Loaded:
    """Reads a source. Raises UserError (bad reference or file, more bad rows than may be left out) and BrokenEnvironment."""
    read = read_rows(source)
    understood = _understood(read, source)
    own = own_fields([row for _, row in read.rows], source, self_described=bool(understood.title))
    examples = _examples(understood, source, own, read.problems)
    bad = read.problems.left_out(source.bad_rows)
    kept = _without(examples, source, read.problems)
    return Loaded(
        examples=with_names(settled(kept), source.names),
        rows_read=read.rows_read,
        skipped={
            **read.skipped,
            **understood.left_out,
            **({"left out by its id": len(examples) - len(kept) + len(read.problems.excused)} if source.leave_out else {}),
        },
        shape=understood.title or "columns",
        format=read.format,
        inferences=understood.inferences,
        findings=(*([bad] if bad else []), *understood.findings, *own.findings, *blanks(read.rows, source.columns)),
    )


def _understood(read: Read, source: Source) -> Understood:
    """What the rows say by their own shapes, or by `columns`, where the title is empty."""
    rows, shown = read.rows, read.problems.shown
    known = {name for _, row in rows for name in row}
    _check_names(known if rows else None, source, shown)
    if source.columns.input is not None or not rows:
        way = way_of(rows, source.columns, source.names)
        return Understood(title="", outcomes=(Outcome(line, row, _by_columns(row, source.columns, way)) for line, row in rows))
    if source.names == LETTERS:
        raise UserError("data.names: letters needs columns that are named", where="data.names", hint="Name data.columns too.")
    understood = understand(rows)
    if understood is None:
        columns = ", ".join(sorted(known)[:20])
        hint = f"Say which column is which: data.columns: {{input: ..., target: ...}}. Shapes without: {known_shapes()}."
        raise UserError(f"the rows have {columns}, which is none of the known shapes", where=f"{shown}:{rows[0].line}", hint=hint)
    return understood


def _check_names(known: set[str] | None, source: Source, shown: str) -> None:
    """Raises UserError for a column that is named and that no row has. `known` None: there are no rows to ask."""
    named = [*source.columns.places(), *([("group", source.group)] if source.group else [])]
    for column in source.slices:
        if known is not None and column not in known:
            hint = f"{did_you_mean(column, known)} 'target' is a row's target, 'answer' what an answer was read as."
            raise UserError(f"{shown} has no column '{column}'", where=f"where.{column}", hint=hint)
    for column in source.judged_by:
        if known is not None and column not in known:
            raise UserError(f"{shown} has no column '{column}'", where=f"judged_by.{column}", hint=did_you_mean(column, known))
    for key, column in named:
        if known is not None and column not in known:
            where = "data.group" if column == source.group else f"data.columns.{key}"
            raise UserError(f"{shown} has no column '{column}'", where=where, hint=did_you_mean(column, known))


def _by_columns(row: Row, columns: Columns, way: Marks | Letters | None) -> Parts | RowError:
    try:
        return from_columns(row, columns, way)
    except RowError as error:
        return error


def _examples(understood: Understood, source: Source, own: OwnFields, problems: Problems) -> list[Example]:
    examples: list[Example] = []
    lines_by_id: dict[str, int] = {}
    on_line: Counter[int] = Counter()
    for line, row, said in understood.outcomes:
        on_line[line] += 1
        # A document may be one long line: its rows are told apart by their number on it.
        place = problems.place(line) + (f"#{on_line[line]}" if on_line[line] > 1 else "")
        try:
            if isinstance(said, RowError):
                raise said
            example = _example(with_calls(said), own.of(row), place)
            if source.slices:
                example = replace(example, slices={column: _slice(row.get(column)) for column in source.slices})
            if source.judged_by:
                example = replace(example, judged_by={column: _kept(row.get(column)) for column in source.judged_by})
            if example.id in lines_by_id:
                raise RowError(f"the id '{example.id}' stands at line {lines_by_id[example.id]} already")
        except RowError as error:
            problems.add(line, str(error), own.id_of(row))
            continue
        lines_by_id[example.id] = line
        examples.append(example)
    return examples


def _without(examples: Sequence[Example], source: Source, problems: Problems) -> list[Example]:
    """The rows that are not left out by their ids. Raises UserError for an id that no row has, unless only a sample was read."""
    ids = {example.id for example in examples} | problems.excused
    for name in source.leave_out:
        if name not in ids and source.limit is None:
            hint = f"A row's id is its own, or file:line; here for example '{examples[0].id}'." if examples else ""
            raise UserError(f"no row has the id '{name}'", where="data.leave_out", hint=hint)
    left_out = set(source.leave_out)
    kept = [example for example in examples if example.id not in left_out]
    if not kept:
        raise UserError("no row is left to use", where="data.leave_out")
    return kept


def _slice(value: Any) -> Any:
    """A cell as the lock can write it down: a date as its text, no number as nothing."""
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return None if isinstance(value, float) else as_text(value)


def _kept(value: Any) -> Any:
    """A cell as it can be hashed: what JSON cannot say as its text."""
    try:
        canonical_json(value)
    except (ValueError, TypeError):
        return as_text(value)
    return value


def _texts(parts: Parts) -> list[str]:
    """All that a row says where that is plain texts, of which JSON can say every one; empty where there is more."""
    said = [value for message in parts.messages for value in message.values()]
    plain = not (parts.tools or parts.calls or parts.rejected) and isinstance(parts.target, str)
    return [*said, parts.target] if plain and all(isinstance(value, str) for value in said) else []


def _example(parts: Parts, given: Given, where: str) -> Example:
    try:
        if not (texts := _texts(parts)):
            canonical_json([parts.messages, parts.target, parts.tools, parts.calls, parts.rejected]).encode("utf-8")
        "".join(texts).encode("utf-8")
    except (ValueError, TypeError) as error:
        raise RowError(f"the row cannot be written as JSON: {error}") from None
    identity = given.id or where.rsplit("/", 1)[-1]
    return Example(
        id=identity,
        messages=tuple(parts.messages),
        target=parts.target,
        tools=parts.tools,
        group=given.group or identity,
        origin=given.origin,
        source=where,
        split=given.split,
        gold=given.gold,
        calls=parts.calls,
        rejected=parts.rejected,
    )
