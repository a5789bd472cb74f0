"""`python:file.py#function`: rows from the user's own function, which runs with the user's own rights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rung.data.read.formats import plain
from rung.data.read.rows import RawRow, RowError, Table
from rung.errors import RungError, UserError
from rung.user_code import load_function, place_of


def open_table(reference: str, base_folder: Path, fetch: Callable[[str], Path]) -> Table:
    """The rows that `function(fetch)` yields, each a dict; `fetch` turns a reference into a local path.

    Raises UserError where the file or the function is missing, and, with the line in the user's file, for what the function raises.
    """
    name, _, function_name = reference.removeprefix("python:").partition("#")
    if not name or not function_name:
        raise UserError("not a function reference", where=reference, hint="Write python:file.py#function.")
    path = base_folder / name
    shown = f"{name}#{function_name}"
    return Table(shown=shown, format="python", rows=_rows(path, function_name, fetch), parse=_parse)


def _rows(path: Path, function_name: str, fetch: Callable[[str], Path]) -> Iterator[RawRow]:
    try:
        function = load_function(path, function_name, hint="The path is relative to the task file.")
        for number, row in enumerate(function(fetch), start=1):
            yield RawRow(number, row)
    except RungError:
        raise
    except Exception as error:
        hint = f"{function_name} is called with one argument, fetch, and yields rows as dicts."
        raise UserError(
            f"{function_name} raised {type(error).__name__}: {error}", where=place_of(error, path), hint=hint
        ) from error


def _parse(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise RowError(f"the function yielded {type(row).__name__}, not a dict")
    return {str(name): plain(value) for name, value in row.items()}
