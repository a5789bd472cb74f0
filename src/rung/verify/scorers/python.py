"""Your own function scores the answer: `function: file.py#name`, relative to the task file.

It is called with the example (a dict with `messages`, `target`, `metadata`, ...) and the answer's text, and returns a bool, a
number from 0 to 1, None where the answer cannot be scored, or one of these and a reason. What it raises counts as not scored, with
the error as the reason.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, field_validator

from rung.disk import file_digest
from rung.errors import UserError
from rung.json_form import as_json
from rung.types import Example, Score
from rung.user_code import load_function

OPAQUE = True


class Config(BaseModel, extra="forbid", frozen=True):
    """`function`: where it stands. `sha256`: the file's digest, filled in when the task is locked."""

    function: str
    sha256: str = ""

    @field_validator("function")
    @classmethod
    def _names_both(cls, value: str) -> str:
        file, _, name = value.partition("#")
        if not file.endswith(".py") or not name.isidentifier():
            raise ValueError(f"'function' is {value!r}: write it as file.py#name")
        return value


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Loads the function once, so that a mistake shows before anything is spent, and notes its file's digest."""
    placed = place(config.model_copy(update={"sha256": ""}), folder)
    _check_call(_function(placed.function, ""), placed.function)
    return config.model_copy(update={"sha256": file_digest(Path(placed.function.partition("#")[0]))})


def place(config: Config, folder: Path) -> Config:
    """The function's file under its full path."""
    file, _, name = config.function.partition("#")
    return config.model_copy(update={"function": f"{(folder / file).resolve()}#{name}"})


def score(example: Example, output: str, config: Config) -> Score:
    """The function's word. Raises UserError where it cannot be loaded."""
    function = _function(config.function, config.sha256)
    try:
        return _as_score(function(as_json(example), output))
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Score(value=None, reason=f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")


def check(example: Example, config: Config) -> str | None:
    """Any row may do: only the function knows."""
    return None


def _check_call(function: Callable[..., Any], where: str) -> None:
    """Raises UserError where it cannot be called with an example and an answer, or would return a promise."""
    hint = "Write it as: def right(example, answer)."
    try:
        inspect.signature(function).bind({}, "")
    except TypeError as error:
        raise UserError(f"the function cannot be called with an example and an answer: {error}", where=where, hint=hint) from error
    except ValueError:
        return  # written in C, without a signature
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise UserError("the function is asynchronous or a generator: it returns no score", where=where, hint=hint)


def _as_score(returned: Any) -> Score:
    value, reason = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, "")
    if getattr(value, "shape", None) == ():  # numpy's and torch's single values
        value = value.item()
    if value is None or isinstance(value, bool | int | float):
        missing = "the function could not score this answer" if value is None else ""
        return Score(value=None if value is None else float(value), reason=str(reason or missing))
    return Score(value=None, reason=f"the function returned {type(value).__name__}, which is not a bool, a number or None")


@lru_cache(maxsize=16)
def _function(reference: str, sha256: str) -> Callable[[dict[str, Any], str], Any]:
    path, _, name = reference.partition("#")
    file = Path(path)
    if sha256 and file.is_file() and file_digest(file) != sha256:
        raise UserError("this file has changed since the task was locked", where=path, hint="Run the task again to score with it.")
    return load_function(file, name, hint="The scorer 'python' reads its function from it.")
