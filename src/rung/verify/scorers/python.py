"""Your own function scores the answer (`function: file.py#name`), or, of code, the row's own tests (`tests: COLUMN`).

The function stands relative to the task file. It is called with the example (a dict with `messages`, `target`, `metadata`, ...) and
the answer's text, and returns a bool, a number from 0 to 1, None where the answer cannot be scored, or one of these and a reason.
What it raises counts as not scored, with the error as the reason.

With `tests` the answer's code is run with the tests that stand in that column of its row, apart from them and without network,
files and processes (`rung.engine.tools.code_tests`): 1 where all pass, else 0 and the first line that fails.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, SerializerFunctionWrapHandler, field_validator, model_serializer, model_validator

from rung.disk import file_digest
from rung.engine.tools import code_tests
from rung.errors import UserError
from rung.json_form import as_json
from rung.types import Example, Score
from rung.user_code import load_function
from rung.verify.code_checks import TestColumns, ideal_program, prepare_code, problem_of, score_code
from rung.verify.scoring import missing_target

PROPOSED: dict[str, dict[str, Any]] = {"code": {}}
_OF_TESTS = ("tests", "setup", "entry_point", "prompt", "timeout_seconds", "memory_mb")
_UNTRIED = "what the tests of a row do not try, they do not catch"


def OPAQUE(config: Config) -> bool:
    """What is right only the function knows; with tests the ideal answer must pass them."""
    return config.function is not None


def TARGETLESS(config: Config) -> bool:
    """A function that says so of itself."""
    return config.function is not None and not config.needs_target


class Config(BaseModel, extra="forbid", frozen=True):
    """`function`: where it stands. `sha256`: the file's digest, filled in when the task is locked. `needs_target` is false for one
    that judges an answer without the target: it can be asked on the line too.

    Or columns of the rows: `tests`, and where there are such `setup` (what tests and code rely on), `entry_point` (the name of the
    function that is tested), `prompt` (what an answer goes on with). It may take `timeout_seconds` of the processor, `memory_mb`.
    """

    function: str | None = None
    sha256: str = ""
    needs_target: bool = True
    tests: str | None = None
    setup: str | None = None
    entry_point: str | None = None
    prompt: str | None = None
    timeout_seconds: float = Field(default=5.0, gt=0, le=600)
    memory_mb: int = Field(default=512, ge=64)

    @model_validator(mode="after")
    def _one_way(self) -> Config:
        if (self.function is None) == (self.tests is None):
            raise ValueError(
                "one of 'function' (file.py#name) and 'tests' (a column of your rows) says what is right, and not both"
            )
        if self.function is not None and (own := self.model_fields_set & set(_OF_TESTS)):
            raise ValueError(f"'{sorted(own)[0]}' belongs to 'tests'")
        if self.function is None and not self.needs_target:
            raise ValueError("'needs_target' belongs to 'function'")
        return self

    @model_serializer(mode="wrap")
    def _said(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what belongs to the other way: a task with a function keeps the digest that it had before there were tests."""
        written: dict[str, Any] = write(self)
        of_tests = self.tests is not None
        unsaid = ("needs_target",) if self.needs_target else ()
        kept = {key: value for key, value in written.items() if (key in _OF_TESTS) == of_tests and key not in unsaid}
        return {key: value for key, value in kept.items() if value is not None}

    @property
    def columns(self) -> TestColumns:
        """With `tests`: the columns, and what an answer may take."""
        return TestColumns(
            tests=self.tests or "",
            setup=self.setup,
            entry_point=self.entry_point,
            prompt=self.prompt,
            seconds=self.timeout_seconds,
            memory_mb=self.memory_mb,
        )

    @field_validator("function")
    @classmethod
    def _names_both(cls, value: str | None) -> str | None:
        if value is None:
            return None
        file, _, name = value.partition("#")
        if not file.endswith(".py") or not name.isidentifier():
            raise ValueError(f"'function' is {value!r}: write it as file.py#name")
        return value


def settle(examples: Sequence[Example], config: Config, folder: Path) -> Config:
    """Loads the function once, so that a mistake shows before anything is spent, and notes its file's digest."""
    reference = place(config, folder).function
    if reference is None:
        return config
    _check_call(_function(reference, ""), reference)
    return config.model_copy(update={"sha256": file_digest(Path(reference.partition("#")[0]))})


def place(config: Config, folder: Path) -> Config:
    """The function's file under its full path."""
    if config.function is None:
        return config
    file, _, name = config.function.partition("#")
    return config.model_copy(update={"function": f"{(folder / file).resolve()}#{name}"})


def score(example: Example, output: str, config: Config) -> Score:
    """The function's word, or the tests'. Raises UserError, and BrokenEnvironment where no code can be run."""
    if config.function is None:
        return score_code(example, output, config.columns)
    function = _function(config.function, config.sha256)
    try:
        return _as_score(function(as_json(example), output))
    except (Exception, SystemExit) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return Score(value=None, reason=f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})")


def check(example: Example, config: Config) -> str | None:
    """Any row may do for a function; with tests it needs some that can be run."""
    return None if config.function is not None else missing_target(example) or problem_of(example, config.columns)


def columns(config: Config) -> tuple[str, ...]:
    """The columns that the tests are made of."""
    return () if config.tests is None else config.columns.names


def prepare(answers: Sequence[tuple[Example, str]], config: Config) -> None:
    """Code is run side by side, and each answer once."""
    if config.tests is not None:
        prepare_code(answers, config.columns)


def program(example: Example, config: Config) -> str | None:
    """The ideal answer's code."""
    return None if config.tests is None else ideal_program(example, config.columns)


def work(config: Config) -> float:
    """A process for each answer."""
    return 0.0 if config.tests is None else 1e6


def lacking() -> str:
    """What this machine lacks to run code."""
    return code_tests.lacking()


def describe(examples: Sequence[Example], config: Config) -> str:
    """Code is run as it stands."""
    return "" if config.tests is None else "Answer with Python code and nothing else: it is run."


def accepts(config: Config) -> Mapping[str, str]:
    """Code that differs where no test looks passes."""
    numbers = ("number changed", "digit changed", "zeros dropped", "sign dropped", "sign added", "decimal point moved")
    code = ("unit changed", "comparison turned", "operator changed", "empty body", "other row's target", "only a thought")
    return {} if config.tests is None else dict.fromkeys((*numbers, *code), _UNTRIED)


def harmless(config: Config) -> tuple[str, ...]:
    """Code may stand in a fence."""
    return () if config.tests is None else ("code fence",)


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
