"""Code found in answers, and what a row's own tests are."""

from __future__ import annotations

import pytest

from rung.verify.code import NoTests, program_of, read_tests

WHOLE = "def double(x):\n    return 2 * x"
PROMPT = 'from math import pi\n\ndef double(x):\n    """Twice x."""\n'


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        f"  {WHOLE}\n\n",
        f"```python\n{WHOLE}\n```",
        f"Here it is:\n\n```py\n{WHOLE}\n```\nIt doubles x.",
        f"```python\n{WHOLE}",
        f"Here it is:\n{WHOLE}\nIt doubles x.",
        f"First a sketch:\n```\nreturn x + x\n```\nThen:\n```python\n{WHOLE}\n```",
    ],
    ids=["bare", "white space", "fence", "prose", "open fence", "prose without fence", "two fences"],
)
def test_code_is_found_in_an_answer(answer: str) -> None:
    space: dict[str, object] = {}
    exec(program_of(answer, names=("double",)), space)
    assert space["double"](4) == 8  # type: ignore[operator]


@pytest.mark.parametrize(
    "answer",
    ["    return 2 * x\n", "return 2 * x", "y = x + x\n    return y", "y = x + x\nreturn y", WHOLE, f"```python\n{WHOLE}\n```"],
    ids=["body", "stripped", "first line stripped", "no indent", "whole", "whole in a fence"],
)
def test_an_answer_goes_on_with_its_prompt_or_begins_anew(answer: str) -> None:
    space: dict[str, object] = {}
    exec(program_of(answer, PROMPT, ("double",)), space)
    assert space["double"](4) == 8  # type: ignore[operator]
    assert "pi" in space


@pytest.mark.parametrize(
    ("value", "tests"),
    [
        ("assert f(1) == 2", ("assert f(1) == 2",)),
        (["assert f(1) == 2", "assert f(2) == 3"], ("assert f(1) == 2", "assert f(2) == 3")),
        ('["assert f(1) == 2"]', ("assert f(1) == 2",)),
        ("['assert f(1) == 2']", ("assert f(1) == 2",)),
        ("['assert f(1) == 2'\n 'assert f(2) == 3']", ("assert f(1) == 2", "assert f(2) == 3")),
        ("```python\nassert f(1) == 2\n```", ("assert f(1) == 2\n",)),
        ("    assert f(1) == 2\r\n    assert f(2) == 3\r\n", ("assert f(1) == 2\r\nassert f(2) == 3\r\n",)),
        ([{"input": "4\n", "output": "8"}], (("4\n", "8"),)),
        ({"inputs": ["1", "2"], "outputs": ["2", "4"]}, (("1", "2"), ("2", "4"))),
        ('{"inputs": [[1, 2]], "outputs": [3], "fn_name": "add"}', ("assert add(*[1, 2]) == 3",)),
    ],
)
def test_tests_are_read(value: object, tests: tuple[object, ...]) -> None:
    assert read_tests(value) == tests


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([], "no tests"),
        ("", "no tests"),
        ("assert f(1) =", "no Python"),
        ("print(f(1))", "assert nothing"),
        ([3], "hold int, not code"),
        ([{"question": "4"}], "not input and output"),
    ],
)
def test_what_cannot_be_run_is_no_test(value: object, reason: str) -> None:
    with pytest.raises(NoTests, match=reason):
        read_tests(value)


@pytest.mark.parametrize(
    "first", ["def twice(n):\n        return n + n", "from operator import add\n    twice = lambda n: add(n, n)"]
)
def test_a_body_may_begin_with_a_function_or_an_import_of_its_own(first: str) -> None:
    """Its first line has lost its indent, as where blanks around an answer are dropped."""
    space: dict[str, object] = {}
    exec(program_of(f"{first}\n\n    return twice(x)", PROMPT, ("double",)), space)
    assert space["double"](4) == 8  # type: ignore[operator]
