"""Files, packages and user's functions to Examples: every bad row named at once, nothing dropped without being counted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from rung.calls import Call
from rung.data import call_texts, calls
from rung.data.inferred import Inference
from rung.data.read.formats import parse_json
from rung.data.read.rows import Problems, Row, RowError
from rung.data.read.source import Read, Source, read_rows
from rung.data.read.where import as_text
from rung.data.shapes.answer import Marks, marks_of
from rung.data.shapes.columns import Columns, from_columns
from rung.data.shapes.parts import Parts
from rung.data.shapes.recognise import known_shapes
from rung.data.shapes.understand import Outcome, Understood, understand
from rung.data.target_lists import with_lists
from rung.data.value_names import with_names
from rung.errors import UserError, did_you_mean
from rung.json_form import canonical_json
from rung.parts import Gold
from rung.types import SPLITS, Example, Origin

ORIGINS = ("human", "log", "synthetic", "augmented")
SPLIT_NAMES = {
    **{name: name for name in SPLITS},
    "validation": "dev",
    "valid": "dev",
    "val": "dev",
    "test": "test",
    "eval": "test",
    "gate": "test",
}
MOST_ODD = 0.05  # of the targets, that may be no JSON object where the others are


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Examples in file order, how many rows were read for them, why rows were left out (reason -> count), and what was inferred."""

    examples: tuple[Example, ...]
    rows_read: int
    skipped: Mapping[str, int] = field(default_factory=dict)
    shape: str = ""
    format: str = ""
    inferences: tuple[Inference, ...] = ()


def load_examples(source: Source) -> Loaded:
    """Reads a source. Raises UserError (bad reference, file or rows: all bad rows in one message) and BrokenEnvironment."""
    read = read_rows(source)
    understood = _understood(read, source)
    examples = _examples(understood, source, read.problems)
    read.problems.raise_if_any()
    kept = _without(examples, source)
    return Loaded(
        examples=with_names(with_lists(_settled(kept)), source.names),
        rows_read=read.rows_read,
        skipped={
            **read.skipped,
            **understood.left_out,
            **({"left out by its id": len(examples) - len(kept)} if source.leave_out else {}),
        },
        shape=understood.title or "columns",
        format=read.format,
        inferences=understood.inferences,
    )


def _understood(read: Read, source: Source) -> Understood:
    """What the rows say by their own shapes, or by `columns`, where the title is empty."""
    rows, shown = read.rows, read.problems.shown
    known = {name for _, row in rows for name in row}
    _check_names(known if rows else None, source, shown)
    if source.columns.input is not None or not rows:
        marks = marks_of(rows, source.columns.targets())
        return Understood(title="", outcomes=(Outcome(line, row, _by_columns(row, source.columns, marks)) for line, row in rows))
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


def _by_columns(row: Row, columns: Columns, marks: Marks | None) -> Parts | RowError:
    try:
        return from_columns(row, columns, marks)
    except RowError as error:
        return error


def _examples(understood: Understood, source: Source, problems: Problems) -> list[Example]:
    examples: list[Example] = []
    lines_by_id: dict[str, int] = {}
    names = _names(source, understood.title)
    gold = source.columns.gold or "gold"
    for line, row, said in understood.outcomes:
        try:
            if isinstance(said, RowError):
                raise said
            parts = _with_calls(replace(said, gold=_gold(row, gold)))
            example = _example(parts, _given(row, names), f"{problems.shown}:{line}")
            if source.slices:
                example = replace(example, slices={column: _slice(row.get(column)) for column in source.slices})
            if source.judged_by:
                example = replace(example, judged_by={column: _kept(row.get(column)) for column in source.judged_by})
            if example.id in lines_by_id:
                raise RowError(f"the id '{example.id}' stands at line {lines_by_id[example.id]} already")
        except RowError as error:
            problems.add(line, str(error))
            continue
        lines_by_id[example.id] = line
        examples.append(example)
    return examples


def _without(examples: Sequence[Example], source: Source) -> list[Example]:
    """The rows that are not left out by their ids. Raises UserError for an id that no row has, unless only a sample was read."""
    ids = {example.id for example in examples}
    for name in source.leave_out:
        if name not in ids and source.limit is None:
            hint = f"A row's id is its own, or file:line; here for example '{examples[0].id}'." if examples else ""
            raise UserError(f"no row has the id '{name}'", where="data.leave_out", hint=hint)
    left_out = set(source.leave_out)
    kept = [example for example in examples if example.id not in left_out]
    if not kept:
        raise UserError("no row is left to use", where="data.leave_out")
    return kept


@dataclass(frozen=True, kw_only=True)
class _Given:
    """What a row says of itself beside question and answer, as text; "" where it says nothing."""

    id: str
    group: str
    origin: str
    split: str


def _names(source: Source, shape: str) -> Columns:
    """Which column holds a row's id, group, origin and split. Rows of a self-describing shape may have fields of the first three
    names; a split column is honoured where it is named, so that a stray one changes nothing."""
    columns = source.columns
    own = Columns(id="id", group="group", origin="origin") if shape else Columns()
    return Columns(
        id=columns.id or own.id,
        group=source.group or columns.group or own.group,
        origin=columns.origin or own.origin,
        split=columns.split,
    )


def _given(row: Row, names: Columns) -> _Given:
    return _Given(
        id=_said(row, names.id), group=_said(row, names.group), origin=_said(row, names.origin), split=_said(row, names.split)
    )


def _said(row: Row, name: str | None) -> str:
    value = None if name is None else row.get(name)
    return "" if value is None else as_text(value)


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


def _gold(row: Row, column: str) -> tuple[Gold, ...]:
    """The documents that hold the row's answer, where it names them: names, or {"source", "start", "end"} in characters."""
    value = row.get(column)
    if value is None or value in ("", []):
        return ()
    gold = value if isinstance(value, list) else [value]
    spans = [part for part in gold if isinstance(part, Mapping) and _is_span(part)]
    if len(spans) + sum(isinstance(part, str) for part in gold) < len(gold):
        raise RowError(f"{column} is no list of document names, nor of {{source, start, end}}")
    return tuple(Gold(**part) if isinstance(part, Mapping) else Gold(source=part) for part in gold)


def _is_span(part: Mapping[str, Any]) -> bool:
    places = (part.get("start"), part.get("end"))
    return set(part) == {"source", "start", "end"} and isinstance(part["source"], str) and all(type(at) is int for at in places)


def _example(parts: Parts, given: _Given, where: str) -> Example:
    try:
        canonical_json([parts.messages, parts.target, parts.tools, parts.calls, parts.rejected]).encode("utf-8")
    except (ValueError, TypeError) as error:
        raise RowError(f"the row cannot be written as JSON: {error}") from None
    identity = given.id or where.rsplit("/", 1)[-1]
    return Example(
        id=identity,
        messages=tuple(parts.messages),
        target=parts.target,
        tools=parts.tools,
        group=given.group or identity,
        origin=cast(Origin, _one_of(given.origin or "human", {name: name for name in ORIGINS}, "origin")),
        source=where,
        split=_one_of(given.split, SPLIT_NAMES, "split") if given.split else "",
        gold=parts.gold,
        calls=parts.calls,
        rejected=parts.rejected,
    )


def _with_calls(parts: Parts) -> Parts:
    """The answer's calls, where it is such or holds them in a text, and those on the way there, as the row's tools have them."""
    target, tools = parts.target, parts.tools
    if isinstance(target, list) or (tools and isinstance(target, str)):
        found = call_texts.calls_of(target, tools)
        target = target if found is None else found
    return replace(parts, target=target, messages=[_with_schemas(message, tools) for message in parts.messages])


def _with_schemas(message: dict[str, Any], tools: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if not message.get("tool_calls"):
        return message
    made = [
        {**call, "function": {**call["function"], "arguments": calls.with_schema(Call(**call["function"]), tools)}}
        for call in message["tool_calls"]
    ]
    return {**message, "tool_calls": made}


def _one_of(value: str, known: Mapping[str, str], what: str) -> str:
    if value.casefold() not in known:
        raise RowError(f"{what} is '{value}'. {did_you_mean(value, known)}")
    return known[value.casefold()]


def _settled(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Two things that only the whole file shows.

    Where some targets are tool calls, text in answer to a user who offered tools means that no call is right: the target becomes
    the empty list, the text stays as `said`. Where all but a few targets are the text of a JSON object, those become objects; the
    rest stay what they are, to be told by whoever compares objects.
    """
    if any(_is_calls(example.target) for example in examples):
        return tuple(_without_call(example) for example in examples)
    objects = [_object(example.target) for example in examples]
    if sum(value is not None for value in objects) < (1 - MOST_ODD) * len(examples):
        return tuple(examples)
    return tuple(
        example if value is None else replace(example, target=value) for example, value in zip(examples, objects, strict=True)
    )


def _object(target: Any) -> dict[str, Any] | None:
    try:
        value = parse_json(target) if isinstance(target, str) and target.lstrip().startswith("{") else None
    except RowError:
        return None
    return value if isinstance(value, dict) else None


def _is_calls(target: Any) -> bool:
    return isinstance(target, list) and bool(target) and calls.looks_like_calls(target)


def _without_call(example: Example) -> Example:
    if not isinstance(example.target, str) or not example.tools or example.messages[-1]["role"] != "user":
        return example
    if call_texts.begins_as_json(example.target):
        return example
    return replace(example, target=[], said=example.target)
