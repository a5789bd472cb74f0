"""Lines of a task file that are still to be filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rung.task.positions import Located
from rung.verify.problems import Path as KeyPath
from rung.verify.problems import Problem

TO_DO = "TO DO"


def refuse_open(located: Located) -> None:
    """Raises UserError that names every line that says TO DO."""
    problems = [
        Problem(path, f"'{'.'.join(map(str, path))}' is still to do{_rest(text)}") for path, text in _open(located.value, ())
    ]
    if problems:
        raise located.error(problems, hint="Write what belongs there in its place.")


def _rest(text: str) -> str:
    said = text[len(TO_DO) :].strip(" :")
    return f": {said}" if said else ""


def _open(value: Any, path: KeyPath) -> Iterator[tuple[KeyPath, str]]:
    if isinstance(value, str) and value.startswith(TO_DO):
        yield path, value
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from _open(part, (*path, key))
