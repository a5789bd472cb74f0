"""Where the rows stand in JSON that nobody described: at the level that has a question and its answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rung.data.inferred import Inference
from rung.data.read import files
from rung.data.read.containers.texts import split_of
from rung.data.read.nested import BY_COLUMN, values
from rung.data.read.rows import RowError
from rung.data.shapes.understand import titles_of
from rung.errors import UserError

OBJECTS_SEEN = 60
ITEMS_SEEN = 400
DEEPEST = 5
FEWEST_ROWS = 2
FEWEST_KEYS = 5
ALIKE = 0.6


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ASK = _words(
    "question query input text utterance prompt instruction sentence message passage context premise stem sentence1 "
    "input_text content body title headline review comment document article tweet post patterns source"
)
ANSWER = _words(
    "answer answers output outputs response label labels intent target completion summary category class tag "
    "solution reply gold answerkey correct correct_answer sentiment expected result translation"
)
OFFSETS = _words("start end answer_start offset begin span span_start start_offset char_start from_char startoffset")
TURNS = _words("role from speaker author sender function name_of_speaker")
ASIDE = _words("id _id uid uuid key name index idx version _index _type _score row_idx seq truncated_cells")
OPTIONS = _words("choices options candidates answer_options answer_choices alternatives")
HINT = "It is nested: write one row for each question, or say where the rows stand: data.format: {rows: 'data[].qas[]'}."


@dataclass(frozen=True, kw_only=True)
class Level:
    """Some place in the file: the path that leads there, the objects seen there, what the levels above say, and what lies below."""

    path: str
    items: Sequence[Any]
    outer: frozenset[str] = frozenset()
    depth: int = 0
    below: list[Level] = field(default_factory=list)

    @property
    def fields(self) -> Mapping[str, list[Any]]:
        """What stands under each name."""
        found: dict[str, list[Any]] = {}
        for item in self.items:
            for name, value in item.items() if isinstance(item, Mapping) else ():
                if value is not None:
                    found.setdefault(name, []).append(value)
        return found


def find_rows(path: Path, shown: str, encoding: str | None) -> tuple[str, Inference] | None:
    """The path to the rows and why; None where the plain rules find them, or nothing shows them.

    Raises UserError where questions and their answers stand in two lists side by side.
    """
    try:
        seen = itertools.islice(values(path, shown, encoding), OBJECTS_SEEN)
        objects = [value for _, value in seen if not isinstance(value, RowError)]
    except UserError:
        return None  # what is no JSON is told by the plain rules, with its line
    if not objects:
        return None
    found = (
        _of_one(objects[0], shown, plain=not _is_one_line(path, shown, encoding)) if len(objects) == 1 else _of_many(objects, shown)
    )
    if found is None:
        return None
    rows, because = found
    change = f"data.format: {{rows: '{rows}'}}"
    return rows, Inference(about="rows", taken=f"one for each of {rows}", because=because, change=change)


def _is_one_line(path: Path, shown: str, encoding: str | None) -> bool:
    """Whether all stands on one line, which the plain rules take for one row."""
    filled = (line for line in files.lines(path, shown, encoding) if line.strip())
    return len(list(itertools.islice(filled, 2))) == 1


def _of_one(value: Any, shown: str, *, plain: bool) -> tuple[str, str] | None:
    """Of a document: by column, by keys that are values, or as `_of_many`; `plain` where the plain rules see into it."""
    if not isinstance(value, Mapping) or not value:
        return None
    if _is_by_column(value):
        return BY_COLUMN, "the file holds lists of one length, a column each"
    keyed = _keyed(value)
    top = Level(path=keyed[0], items=keyed[1], depth=0) if keyed else Level(path="", items=[value])
    if keyed and not any(isinstance(item, Mapping) for item in keyed[1]):
        return keyed[0], "its keys are values, each over a list of rows"
    return _best(top, shown, lone=not keyed, plain=plain)


def _of_many(objects: Sequence[Any], shown: str) -> tuple[str, str] | None:
    """Of objects, one a line or in a list."""
    if not all(isinstance(item, Mapping) for item in objects) or titles_of(objects):
        return None  # rows that say themselves what is what may hold lists of objects: turns, tools, rated answers
    return _best(Level(path="", items=objects), shown, lone=False)


def _best(top: Level, shown: str, *, lone: bool, plain: bool = True) -> tuple[str, str] | None:
    _descend(top, shown)
    whole = not lone and _is_enough(top) and not any(_is_better(level, top) for level in top.below)
    if whole:
        return (top.path, "its keys are values, each over a row") if top.path else None
    levels = [level for level in _shallowest(top) if _count(level) >= FEWEST_ROWS and level is not top]
    best = max(levels, key=_count, default=None)
    if best is None:
        return (top.path, "its keys are values, each over a row") if top.path else None
    if lone and plain and best.depth == 1 and best.path.count("[]") == 1 and best.path.endswith("[]") and _is_only_list(top):
        return None  # the plain rules take the one list of objects in an object
    same = [level.path for level in levels if level is not best and set(level.fields) == set(best.fields) and level.fields]
    if same:
        told = ", ".join(f"'{path}'" for path in [best.path, *same][:10])
        hint = f"Nested side by side: say which is meant, data.format: {{rows: ...}}, or rung init --format rows=...: {told}."
        raise UserError(f"{len(same) + 1} lists of the same rows stand in the file", where=shown, hint=hint)
    names = ", ".join(list(best.fields)[:5]) or "a text each"
    return best.path, f"there stand {names}"


def _is_only_list(top: Level) -> bool:
    lists = [name for name, found in top.fields.items() if all(map(_is_objects, found))]
    return len(lists) == 1 and isinstance(top.items[0][lists[0]][0], Mapping)


def _descend(level: Level, shown: str) -> None:
    if level.depth >= DEEPEST:
        return
    fields = level.fields
    _refuse_side_by_side(fields, shown)
    _refuse_annotations(fields, shown)
    scalars = frozenset(name for name, found in fields.items() if not isinstance(found[0], list | dict))
    for name, found in fields.items():
        for child, items in _children(name, found, level, scalars):
            below = Level(path=child, items=items[:ITEMS_SEEN], outer=level.outer | scalars, depth=level.depth + 1)
            level.below.append(below)
            if any(isinstance(item, Mapping) for item in items):
                _descend(below, shown)


def _children(name: str, found: Sequence[Any], level: Level, scalars: frozenset[str]) -> Iterator[tuple[str, list[Any]]]:
    key = f'"{name}"' if any(mark in name for mark in '.[]{}" ') else name
    path = f"{level.path}.{key}" if level.path else key
    lists = [value for value in found if isinstance(value, list) and value]
    objects = [value for value in found if isinstance(value, Mapping) and value]
    if lists and all(map(_is_objects, lists)):
        if not _is_annotation(lists[0][0]) and name.lower() not in OPTIONS:
            yield f"{path}[]", [item for value in lists for item in value]
    elif lists and _is_texts(name, lists, scalars | level.outer):
        yield f"{path}[]", [item for value in lists for item in value]
    elif len(objects) > len(found) / 2:
        keyed = _keyed(objects[0]) if len(objects) == 1 else None
        if keyed and any(isinstance(item, Mapping) for item in keyed[1]):
            yield f"{path}.{keyed[0]}", list(keyed[1])
        else:
            yield path, list(objects)


def _is_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _is_texts(name: str, lists: Sequence[list[Any]], beside: frozenset[str]) -> bool:
    """Whether each of a list's texts asks for what stands beside it: patterns of a tag, utterances of an intent."""
    texts = all(isinstance(item, str) for value in lists for item in value)
    several = sum(map(len, lists)) > 2 * len(lists)
    asked = name.lower().rstrip("s") in {word.rstrip("s") for word in ASK} | {"pattern", "example", "utterance", "phrase"}
    return texts and several and asked and bool(_lower(beside) & ANSWER) and not _lower(beside) & (ASK - {"title", "source"})


def _is_annotation(item: Mapping[str, Any]) -> bool:
    """Whether an object marks a place in a text, or is a turn of a conversation: it is part of a row."""
    names = _lower(item)
    return bool(names & OFFSETS) or bool(names & TURNS and names & {"content", "value", "text", "message", "parts", "utterance"})


def _is_enough(level: Level) -> bool:
    """Whether a row there has a question and something else that may be its answer."""
    fields = level.fields
    if not fields:
        return bool(level.outer)  # texts of a list, each an example of what stands above
    own = {name: found for name, found in fields.items() if name.lower() not in ASIDE and not _is_rows(found)}
    asked = {name: found for name, found in own.items() if name.lower() not in ANSWER and isinstance(found[0], str)}
    texts = [name for name, found in asked.items() if sum(map(len, map(str, found))) > 3 * len(found)]
    others = [name for name, found in own.items() if len({str(value) for value in found}) > 1]
    answered = _lower(own) & ANSWER or _lower(level.outer) & ANSWER
    plain = _lower(name for name, found in own.items() if isinstance(found[0], str))
    objects = _lower(name for name, found in own.items() if isinstance(found[0], Mapping))
    if (objects & ANSWER and objects & ASK) or (plain & ASK and plain & ANSWER):
        return True
    return bool(texts) and (bool(answered) or len(others) > 1)


def _is_rows(found: Sequence[Any]) -> bool:
    return all(map(_is_objects, found)) and not _is_annotation(found[0][0])


def _is_better(level: Level, above: Level) -> bool:
    """Whether question and answer both stand one level down, and no answer above."""
    names = _lower(level.fields)
    return bool(names & ASK and names & ANSWER) and not _lower(above.fields) & ANSWER


def _shallowest(level: Level) -> Iterator[Level]:
    better = [below for below in level.below if _is_better(below, level)]
    if level.depth and _is_enough(level) and not better:
        yield level
        return
    for below in better or level.below:
        yield from _shallowest(below)


def _count(level: Level) -> int:
    return len(level.items)


def _lower(names: Any) -> set[str]:
    return {str(name).lower() for name in names}


def _is_by_column(value: Mapping[str, Any]) -> bool:
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        return bool(value["data"]) and isinstance(value["data"][0], list)
    columns = [column for column in value.values() if isinstance(column, list | dict)]
    if (
        len(columns) < 2
        or len(columns) < len(value)
        or len({len(column) for column in columns}) > 1
        or len(columns[0]) < FEWEST_ROWS
    ):
        return False
    if all(isinstance(column, dict) for column in columns):
        first = list(columns[0])
        return all(list(column) == first for column in columns) and not isinstance(columns[0][first[0]], dict) and _counts(first)
    flat = all(not isinstance(item, list | dict) for column in columns if isinstance(column, list) for item in column)
    return flat and bool(_lower(value) & (ASK | ANSWER)) and all(isinstance(column, list) for column in columns)


def _counts(keys: Sequence[str]) -> bool:
    """Whether keys are the numbers of rows, or so many that they can only be their names."""
    return all(key.isdigit() for key in keys) or len(keys) > 2 * FEWEST_KEYS


def _keyed(value: Mapping[str, Any]) -> tuple[str, list[Any]] | None:
    """Path and items of an object whose keys are values: ids over objects, splits or labels over lists of rows."""
    below = list(value.values())
    splits = all(split_of(key) for key in value)
    if len(value) > 1 and all(isinstance(item, list) and item for item in below) and not _is_by_column(value):
        items = [item for entry in below for item in entry]
        kinds = {type(item) for item in items[:ITEMS_SEEN]}
        named = splits or (len(kinds) == 1 and kinds <= {str} and not _lower(value) & (ASK | ANSWER))
        return (f"{{{'split' if splits else 'label'}}}[]", items) if named and len(kinds) == 1 else None
    if len(value) >= FEWEST_KEYS and all(isinstance(item, Mapping) for item in below):
        every = [frozenset(item) for item in below[:ITEMS_SEEN] if isinstance(item, Mapping)]
        common = frozenset.intersection(*every)
        if common and len(common) >= ALIKE * max(map(len, every)):
            return "{id}", below
    return None


def _refuse_annotations(fields: Mapping[str, list[Any]], shown: str) -> None:
    """Raises UserError for what annotation tools write for themselves."""
    results = [entry for found in fields.get("annotations", []) if _is_objects(found) for entry in found]
    if results and all("result" in entry for entry in results) and "data" in fields:
        hint = "Nested as it is, only the tool that wrote it can read it: export as CSV or JSON-MIN, one row for each task."
        raise UserError("the file is an annotation tool's own export", where=shown, hint=hint)


def _refuse_side_by_side(fields: Mapping[str, list[Any]], shown: str) -> None:
    lists = {name.lower(): found for name, found in fields.items() if all(map(_is_objects, found))}
    if "questions" in lists and "answers" in lists:
        problem = "questions and answers stand in two lists side by side, turn by turn"
        raise UserError(problem, where=shown, hint=HINT)
