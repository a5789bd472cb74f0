"""What `rung seen` looks for: a row where it stands, a text, or a source, as all the tasks that are at hand read it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rung.errors import RungError, UserError

if TYPE_CHECKING:
    from rung.promote.seen import Wanted
    from rung.registry.home import Home
    from rung.types import Example, Task

# A shorter text stands in other texts by chance.
SHORTEST_HELD = 4
_ROW_FORM = "Write the file and the line: --row messages.csv:17."


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is looked for, the row as tasks at hand read it (`examples`), and what to say of how far it is known."""

    wanted: Wanted
    examples: tuple[Example, ...] = ()
    notes: tuple[str, ...] = ()


def keep_what_is_at_hand(home: Home) -> list[str]:
    """Keeps the locks of versions of before rows were kept, whose task files are as they were; returns their digests."""
    from rung.climb.at_hand import tasks_at_hand
    from rung.climb.keeping import keep_lock

    load, kept = tasks_at_hand(home), {record.task for record in home.locks.all()}
    lacking = {version.evidence.task for version in home.names.all()} - kept - {""}
    found = [(lock, task) for lock in sorted(lacking) if (task := load(lock)) is not None]
    return [lock for lock, task in found if keep_lock(task, home)]


def look_of(home: Home, row: str | None, text: str | None, source: str | None) -> Look:
    """What one of the three asks for. Raises UserError where not one of them is given, or it says nothing."""
    if sum(one is not None for one in (row, text, source)) != 1:
        raise UserError("what is to be looked for?", hint="Give one of --row FILE:LINE, --text TEXT and --source FILE.")
    if row is not None:
        return _row(home, row)
    return _text(text) if text is not None else _source(str(source))


def _text(text: str) -> Look:
    from rung.data.digest import text_key
    from rung.data.split import normalise
    from rung.promote.seen import Wanted

    words = normalise(text)
    if not words:
        raise UserError("the text that is to be looked for is empty")
    notes = [
        "Rows are kept by digest: one is found where it says this and nothing else, or as one of its fields; prompts and documents "
        "also where they hold it."
    ]
    if len(words) < SHORTEST_HELD:
        notes.append(f"It is too short to look for within prompts and documents (at least {SHORTEST_HELD} characters).")
    return Look(
        wanted=Wanted(
            keys=frozenset([text_key(text)]), holds=lambda other: len(words) >= SHORTEST_HELD and words in normalise(other)
        ),
        notes=tuple(notes),
    )


def _source(source: str) -> Look:
    from rung.promote.seen import Wanted

    if not source.strip():
        raise UserError("the source that is to be looked for is empty", hint="Give a file, a folder, or a package.")
    return Look(wanted=Wanted(source=source))


def _row(home: Home, place: str) -> Look:
    """A row by where it stands: as each task at hand reads that line now, and by its texts as the file has them."""
    from rung.data.digest import text_key, text_keys
    from rung.promote.seen import Wanted, same_place

    file, colon, line = place.rpartition(":")
    if not colon or not file or not line.partition("#")[0].isdecimal():
        raise UserError(f"'{place}' is no row", hint=_ROW_FORM)
    examples = {
        row.digest: row
        for task in _tasks(home)
        for row in task.examples
        if row.source.endswith(f":{line}") and same_place(row.source, place, str(Path(task.path).absolute().parent))
    }
    said = [] if examples else _values(Path(file).expanduser(), int(line.partition("#")[0]))
    keys = {key for row in examples.values() for key in text_keys(row, whole=True)} | {text_key(value) for value in said}
    notes = [] if examples else [_unread(file, said)]
    return Look(
        wanted=Wanted(
            rows=frozenset(examples),
            questions=frozenset(row.question_digest for row in examples.values()),
            keys=frozenset(keys),
            place=place,
            holds=lambda other: text_key(other) in keys,
        ),
        examples=tuple(examples.values()),
        notes=tuple(notes),
    )


def _unread(file: str, said: list[str]) -> str:
    if said:
        return (
            "No task file that is at hand reads this line: the row is looked for by its texts, and by where it stood. What is "
            "found so is alike, not proved to be the same."
        )
    return f"{file} is not here, or has no such line: the row is looked for by where it stood when it was locked."


def _tasks(home: Home) -> Iterator[Task]:
    """Every task of the home whose file is at hand, as it is now."""
    from rung.climb.registered_base import load_task

    paths = {home.tasks.get(version.evidence.task).path for version in home.names.all() if version.evidence.task}
    for path in sorted(paths):
        try:
            if path and Path(path).is_file():
                yield load_task(Path(path), home)
        except RungError:
            continue


def _values(file: Path, line: int) -> list[str]:
    """The texts of a line of a file as they stand: of JSON every string in it, of a table every field."""
    from rung.data.digest import TELLING
    from rung.data.read.source import Source, read_rows

    if not file.is_file():
        return []
    source = Source(reference=str(file.absolute()), base_folder=Path.cwd(), downloads=Path.cwd())
    try:
        rows = [row for number, row in read_rows(source).rows if number == line]
    except RungError:
        return []
    texts = [text for row in rows for text in _strings(row)]
    # A label or a number is every other row's as well: only where there is nothing longer is it looked for.
    return [text for text in texts if len(text) >= TELLING] or sorted(texts, key=len)[-1:]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
        if value[:1] in "[{":
            try:
                yield from _strings(json.loads(value))
            except ValueError:
                return
    elif isinstance(value, dict):
        for part in value.values():
            yield from _strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _strings(part)
