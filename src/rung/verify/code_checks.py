"""An answer's code against the tests of its own row, each answer run once."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rung.engine.tools.code_tests import CodeCheck, CodeVerdict, Printed, check_all
from rung.json_form import canonical_json
from rung.types import Example, Score
from rung.verify.code import NoTests, Tests, defined, free, parse, program_of, read_tests, used
from rung.verify.parse import as_text

MOST_KEPT = 20_000


@dataclass(frozen=True, kw_only=True)
class TestColumns:
    """Which of a row's columns say what, and what code may take: seconds of the processor's time, MiB of memory.

    prompt  what is put before an answer that goes on with it; `entry_point` the name that `check(candidate)` is called with
    """

    tests: str
    setup: str | None = None
    entry_point: str | None = None
    prompt: str | None = None
    seconds: float = 5.0
    memory_mb: int = 512

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are named."""
        return tuple(filter(None, (self.tests, self.setup, self.entry_point, self.prompt)))


def score_code(example: Example, answer: str, columns: TestColumns) -> Score:
    """1 where the code passes all tests of its row, else 0 and why. Raises BrokenEnvironment where code cannot be run here."""
    try:
        check = _check(example, answer, columns)
    except NoTests as error:
        return Score(value=None, reason=str(error))
    prepare_code([(example, answer)], columns)
    verdict = _seen[check]
    return Score(value=float(verdict.passed), reason=verdict.reason)


def prepare_code(answers: Sequence[tuple[Example, str]], columns: TestColumns) -> None:
    """Runs what was not run before, a few side by side."""
    checks = []
    for example, answer in answers:
        try:
            checks.append(_check(example, answer, columns))
        except NoTests:
            continue
    new = [check for check in dict.fromkeys(checks) if check not in _seen]
    if len(_seen) + len(new) > MOST_KEPT:
        for check in [old for old in _seen if old not in set(checks)]:
            del _seen[check]
    if new:
        _seen.update(zip(new, check_all(new), strict=True))


def problem_of(example: Example, columns: TestColumns) -> str | None:
    """Why the row's tests could not judge any answer; None where they can."""
    try:
        _spec_of(example, columns)
    except NoTests as error:
        return str(error)
    return None


def ideal_program(example: Example, columns: TestColumns) -> str | None:
    """The ideal answer with what its prompt begins; None where the row has none that is Python."""
    if example.target is None:
        return None
    program = program_of(as_text(example.target), _cell(example, columns.prompt))
    return program if parse(program) else None


_seen: dict[CodeCheck, CodeVerdict] = {}


@dataclass(frozen=True, kw_only=True)
class _Spec:
    tests: Tests
    setup: str
    names: tuple[str, ...]
    entry_point: str


def _check(example: Example, answer: str, columns: TestColumns) -> CodeCheck:
    """Raises NoTests."""
    spec = _spec_of(example, columns)
    return CodeCheck(
        program=program_of(answer, _cell(example, columns.prompt), spec.names),
        names=spec.names,
        tests=tuple(test if isinstance(test, str) else Printed(given=test[0], output=test[1]) for test in spec.tests),
        setup=spec.setup,
        entry_point=spec.entry_point,
        seconds=columns.seconds,
        memory_mb=columns.memory_mb,
    )


def _cell(example: Example, column: str | None) -> str:
    value = (example.judged_by or {}).get(column) if column else None
    return "" if value is None else "\n".join(map(str, value)) if isinstance(value, list) else as_text(value)


def _spec_of(example: Example, columns: TestColumns) -> _Spec:
    tests = (example.judged_by or {}).get(columns.tests)
    ideal = "" if example.target is None else as_text(example.target)
    given = (_cell(example, columns.setup), _cell(example, columns.entry_point).strip(), _cell(example, columns.prompt))
    return _spec(canonical_json(tests), ideal, *given)


@lru_cache(maxsize=MOST_KEPT)
def _spec(written: str, ideal: str, setup: str, entry_point: str, prompt: str) -> _Spec:
    """What of an answer a row's tests see: the names that its ideal answer defines and the tests use. Raises NoTests."""
    value = json.loads(written)
    if value in (None, "", [], {}):
        raise NoTests("the row has no tests")
    tests = read_tests(value)
    texts = [test for test in tests if isinstance(test, str)]
    if not texts:
        return _Spec(tests=tests, setup=setup, names=(), entry_point="")
    if parse(setup) is None:
        raise NoTests("its setup is no Python")
    program = program_of(ideal, prompt, [entry_point] if entry_point else ())
    tree = parse(program) if ideal.strip() else None
    if tree is None:
        unbound = (free([*texts, setup]) | {entry_point}) - {"", "candidate"}
        return _Spec(tests=tests, setup=setup, names=tuple(sorted(unbound)), entry_point=entry_point)
    own = defined(tree)
    if not entry_point and "check" in used(texts) | _functions(texts):
        entry_point = next((name for name in reversed(own) if isinstance(own[name], ast.FunctionDef)), "")
    wanted = used([*texts, setup]) | {entry_point}
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) and _binds(node) & wanted]
    made = {name for name, node in own.items() if not isinstance(node, ast.Import | ast.ImportFrom)}
    names = tuple(sorted(made & wanted))
    if not names:
        raise NoTests("its tests use nothing that its own answer defines")
    # What the tests take from the answer's imports they have from the row's own.
    lines = [ast.unparse(node) for node in imports]
    return _Spec(tests=tests, setup="\n".join([*lines, setup]), names=names, entry_point=entry_point)


def _functions(texts: Sequence[str]) -> set[str]:
    return {node.name for text in texts if (tree := parse(text)) for node in tree.body if isinstance(node, ast.FunctionDef)}


def _binds(node: Any) -> set[str]:
    return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
