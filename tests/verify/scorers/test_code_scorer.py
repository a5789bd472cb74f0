"""Answers that are code, judged by the tests of their own rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from rung.data.load import load_examples
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns
from rung.engine.tools.code_tests import lacking
from rung.errors import UserError
from rung.types import Bar, Example
from rung.verify.near_misses.trial import try_scorer
from rung.verify.scoring import BoundScorer, bind, read_settings

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "code can be run")

KINDS = ("add {0} to x", "x + {0}", 1), ("take {0} from x", "x - {0}", -1)


def completion(number: int) -> Example:
    """A row whose answer goes on with a function's head."""
    asked, body, sign = KINDS[number % 2]
    name, by = f"change_{number}", number + 2
    prompt = f'def {name}(x):\n    """Return: {asked.format(by)}."""\n'
    tests = f"def check(candidate):\n    assert candidate(10) == {10 + sign * by}\n    assert candidate(0) == {sign * by}\n"
    return Example(
        id=str(number),
        messages=({"role": "user", "content": prompt},),
        target=f"    return {body.format(by)}\n",
        judged_by={"test": tests, "entry_point": name, "prompt": prompt},
    )


def scorer(**settings: object) -> BoundScorer:
    return bind(Bar(scorer="python", config={"tests": "test", "entry_point": "entry_point", "prompt": "prompt", **settings}))


def test_an_answer_passes_its_tests_or_says_which_it_does_not() -> None:
    row, mine = completion(0), scorer()
    assert mine.check(row) is None
    assert mine.score(row, "```python\ndef change_0(x):\n    return 2 + x\n```").value == 1
    wrong = mine.score(row, "return x - 2")
    assert (wrong.value, wrong.reason) == (0, "assert candidate(10) == 12: it gave 8")


def test_the_tests_see_of_an_answer_what_the_rows_own_code_defines() -> None:
    row = Example(
        id="1",
        messages=({"role": "user", "content": "Write total."},),
        target="import math\ndef total(xs):\n    return math.fsum(xs)",
        judged_by={"tests": ["assert math.isclose(total([1, 2]), 3)", "assert len([1]) == 1"]},
    )
    mine = bind(Bar(scorer="python", config={"tests": "tests"}))
    assert mine.check(row) is None
    cheats = "import math\ndef len(x):\n    return 5\nclass math:\n    isclose = lambda *_: True\ndef total(xs):\n    return 0"
    assert mine.score(row, cheats).reason.startswith("assert math.isclose(total([1, 2]), 3)")
    assert mine.score(row, "def len(x):\n    return 5\ndef total(xs):\n    return sum(xs)").value == 1


def test_near_misses_of_code_are_caught_where_the_tests_look() -> None:
    trial = try_scorer(scorer(), [completion(number) for number in range(8)])
    kinds = {kind.kind: kind for kind in trial.kinds}
    assert {"operator changed", "number changed", "empty body", "other row's target"} <= kinds.keys()
    assert sum(kind.slipped for kind in trial.kinds) == 0
    assert [kind.kind for kind in trial.harmless if kind.slipped] == []
    assert "code fence" in {kind.kind for kind in trial.harmless}


@pytest.mark.parametrize(
    ("target", "tests", "problem"),
    [
        ("    return x", "", "the row has no tests"),
        ("    return x", "print(1)", "assert nothing"),
        ("    return x", "assert 1 == 1", "use nothing that its own answer defines"),
        (
            "    return x + 1",
            "assert same(1) == 1",
            "'    return x + 1' scores 0: assert same(1) == 1: it gave 2",
        ),
        (None, "assert same(1) == 1", "the row has no target"),
    ],
)
def test_a_row_that_no_answer_could_pass_says_why(target: str | None, tests: str, problem: str) -> None:
    judged_by = {"test": tests, "entry_point": "", "prompt": "def same(x):\n"}
    row = Example(id="1", messages=({"role": "user", "content": "same"},), target=target, judged_by=judged_by)
    assert problem in str(scorer().check(row))


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({}, "one of 'function' (file.py#name) and 'tests'"),
        ({"function": "a.py#b", "tests": "test"}, "and not both"),
        ({"function": "a.py#b", "prompt": "test"}, "'prompt' belongs to 'tests'"),
        ({"tests": "test", "timeout_seconds": 0}, "timeout_seconds"),
        ({"tests": "test", "memory_mb": 1}, "memory_mb"),
        ({"test": "test"}, "test"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, object], problem: str) -> None:
    found, problems = read_settings("python", settings)
    assert found is None
    assert any(problem in one.text for one in problems)


def test_tests_are_part_of_what_a_row_is_and_others_keep_their_digest() -> None:
    plain = Example(id="1", messages=({"role": "user", "content": "a"},), target="b")
    judged = Example(id="1", messages=({"role": "user", "content": "a"},), target="b", judged_by={"test": "assert f(1)"})
    assert plain.digest == "2cb6e1afc49f22d90bbcd1e1d60c275c4c0f21344548f1700d534bc37e4c307d"
    assert judged.digest != plain.digest
    assert judged.question_digest == plain.question_digest


def test_a_function_keeps_the_settings_that_it_had() -> None:
    assert bind(Bar(scorer="python", config={"function": "a.py#b"})).settings() == {"function": "a.py#b", "sha256": ""}


def test_a_column_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("ask,code,tests\na,b,c\n", "utf-8")
    source = Source(
        reference="rows.csv",
        base_folder=tmp_path,
        downloads=tmp_path,
        columns=Columns(input="ask", target="code"),
        judged_by=("test",),
    )
    with pytest.raises(UserError, match="no column 'test'"):
        load_examples(source)
