"""`python:file.py#function`: rows from the user's own function, which runs with the user's own rights."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rung.data.read.formats import plain
from rung.data.read.rows import RawRow, RowError, Table
from rung.errors import RungError, UserError, did_you_mean


def open_table(reference: str, base_folder: Path, fetch: Callable[[str], Path]) -> Table:
    """The rows that `function(fetch)` yields, each a dict; `fetch` turns a reference into a local path.

    Raises UserError where the file or the function is missing, and, with the line in the user's file, for what the function raises.
    """
    name, _, function_name = reference.removeprefix("python:").partition("#")
    if not name or not function_name:
        raise UserError("not a function reference", where=reference, mend="Write python:file.py#function.")
    path = base_folder / name
    if not path.is_file():
        raise UserError("no such file", where=str(path), mend="The path is relative to the task file.")
    shown = f"{name}#{function_name}"
    return Table(shown=shown, format="python", rows=_rows(path, function_name, fetch), parse=_parse)


def _rows(path: Path, function_name: str, fetch: Callable[[str], Path]) -> Iterator[RawRow]:
    try:
        function = _function(path, function_name)
        for number, row in enumerate(function(fetch), start=1):
            yield RawRow(number, row)
    except RungError:
        raise
    except Exception as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or (lines[-1] if lines else 1)
        mend = f"{function_name} is called with one argument, fetch, and yields rows as dicts."
        raise UserError(f"{function_name} raised {type(error).__name__}: {error}", where=f"{path}:{line}", mend=mend) from error


def _function(path: Path, function_name: str) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location(f"rung_user_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise UserError("not a Python file", where=str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    function = getattr(module, function_name, None)
    if not callable(function):
        names = [name for name, value in vars(module).items() if callable(value) and not name.startswith("_")]
        raise UserError(f"has no function '{function_name}'", where=str(path), mend=did_you_mean(function_name, names))
    found: Callable[..., Any] = function
    return found


def _parse(row: Any) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise RowError(f"the function yielded {type(row).__name__}, not a dict")
    return {str(name): plain(value) for name, value in row.items()}
