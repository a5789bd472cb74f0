"""Answers that are code, with tests beside them in the file: which columns hold what, tried on rows before it is proposed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rung import plugins
from rung.data.inferred import Inference
from rung.data.read.where import as_text
from rung.types import Example
from rung.verify.code import NoTests, defined, parse, program_of, read_tests, used
from rung.verify.scoring import BoundScorer

KIND = "code"
TRIED = 60  # rows, evenly over the file
MOST_WITHOUT = 0.2  # of them, that may have no tests of this kind, or an answer that fails them
ABOUT = "tests"

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class TestsFound:
    """The columns by which code can be judged, under the names that a scorer has for them; none where there are none.

    inferences  what was taken for tests and why, or why tests that are there are not used
    """

    settings: Mapping[str, str] = field(default_factory=dict)
    inferences: tuple[Inference, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that take part by it."""
        return tuple(self.settings.values())


def tests_beside(rows: Rows, asked: Sequence[str], target: str | None) -> TestsFound:
    """Tests of the column `target` in another column; none where this machine could not run them, and why."""
    sample = rows[:: max(1, len(rows) // TRIED)][:TRIED]
    if not target or not _mostly(isinstance(row.get(target), str) for row in sample if row.get(target)):
        return TestsFound()
    names = [name for name in dict.fromkeys(key for row in sample for key in row) if name not in (*asked, target)]
    for tests in names:
        readable = [row for row in sample if _readable(row.get(tests))]
        if len(readable) < (1 - MOST_WITHOUT) * len(sample):
            continue
        prompt = next((one for one in asked if _goes_on(readable, one, target)), "")
        if not _judge(readable, tests, target, prompt):
            continue
        entry_point = next((name for name in names if name != tests and _is_entry_point(readable, name, target, prompt)), "")
        setup = next((name for name in names if name not in (tests, entry_point) and _is_setup(readable, name)), "")
        settings = {"tests": tests, "setup": setup, "entry_point": entry_point, "prompt": prompt}
        if lacking := _scorer().lacking():
            return TestsFound(inferences=(_unused(tests, f"{lacking}; the wording is compared instead"),))
        return TestsFound(settings={key: name for key, name in settings.items() if name}, inferences=(_used(tests, target),))
    return TestsFound()


def proven(found: TestsFound, examples: Sequence[Example]) -> TestsFound:
    """What was found, where the file's own answers pass their tests: others are no measure."""
    if not found.settings:
        return found
    scorer = BoundScorer(name=KIND, module=_scorer(), config=_scorer().Config(**found.settings))
    sample = examples[:: max(1, len(examples) // TRIED)][:TRIED]
    scorer.prepare_ideals(sample)
    failing = [reason for row in sample if (reason := scorer.check(row))]
    if len(failing) <= MOST_WITHOUT * len(sample):
        return found
    why = f"{len(failing):,} of {len(sample):,} rows fail them by their own answer ({failing[0]}); the wording is compared instead"
    return TestsFound(inferences=(_unused(found.settings["tests"], why),))


def _scorer() -> Any:
    """The plug-in that says of itself that it is for code."""
    modules = (plugins.load("scorers", name) for name in plugins.names("scorers"))
    return next(module for module in modules if KIND in getattr(module, "PROPOSED", {}))


def _used(tests: str, target: str) -> Inference:
    return Inference(
        about=ABOUT,
        taken=f"the tests in '{tests}' are run",
        because=f"they call what '{target}' defines: an answer is right where all of its row's tests pass",
        change="quality: {scorer: ...}: any other scorer compares the wording",
    )


def _unused(tests: str, why: str) -> Inference:
    return Inference(about=ABOUT, taken=f"the tests in '{tests}' are not run", because=why)


def _mostly(truths: Iterator[bool]) -> bool:
    seen = list(truths)
    return bool(seen) and sum(seen) >= (1 - MOST_WITHOUT) * len(seen)


def _readable(value: Any) -> bool:
    try:
        return bool(value) and bool(read_tests(value))
    except NoTests:
        return False


def _texts(value: Any) -> list[str]:
    return [test for test in read_tests(value) if isinstance(test, str)]


def _defines(program: str) -> frozenset[str]:
    tree = parse(program)
    return frozenset(defined(tree)) if tree else frozenset()


def _goes_on(rows: Rows, asked: str, target: str) -> bool:
    """Whether answers go on where the question ends: alone they define nothing, behind it they do."""
    return _mostly(
        not _defines(as_text(row.get(target))) and bool(_defines(program_of(as_text(row.get(target)), as_text(row.get(asked)))))
        for row in rows
    )


def _judge(rows: Rows, tests: str, target: str, prompt: str) -> bool:
    """Whether the tests use what the answers define, or are there for programs that print."""

    def uses(row: Mapping[str, Any]) -> bool:
        texts = _texts(row[tests])
        made = _defines(program_of(as_text(row.get(target)), as_text(row.get(prompt)) if prompt else ""))
        if not texts:
            return parse(as_text(row.get(target))) is not None
        # A check that is called with what it tests does not name it.
        return bool(made & used(texts)) or (bool(made) and any("def check(" in text for text in texts))

    return _mostly(uses(row) for row in rows)


def _is_entry_point(rows: Rows, name: str, target: str, prompt: str) -> bool:
    return _mostly(
        as_text(row.get(name)) in _defines(program_of(as_text(row.get(target)), as_text(row.get(prompt)) if prompt else ""))
        for row in rows
    )


def _is_setup(rows: Rows, name: str) -> bool:
    """A column that is called so, and holds Python or nothing."""
    called = any(word in name.casefold() for word in ("setup", "set_up", "import", "preamble", "prefix"))
    values = ["\n".join(map(str, value)) if isinstance(value := row.get(name), list) else as_text(value or "") for row in rows]
    return called and all(parse(value) is not None for value in values)
