"""Code that nobody has read: what passes its tests, and that nothing else does."""

from __future__ import annotations

import pytest

from rung.engine.tools.code_tests import CodeCheck, CodeVerdict, Printed, check_all, lacking

pytestmark = pytest.mark.skipif(bool(lacking()), reason=lacking() or "code can be run")

RIGHT = "def above(xs, k):\n    return sum(x > k for x in xs)\n"
TEST = "assert above([3, 50], 10) == 1"
CHECK = "def check(candidate):\n    assert candidate([3, 50], 10) == 1\n    assert candidate([], 10) == 0\n"
CASES = "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(above([3, 50], 10), 1)\n"


def verdict(program: str, *tests: str | Printed, names: tuple[str, ...] = ("above",), **more: object) -> CodeVerdict:
    check = CodeCheck(program=program, names=names, tests=tests or (TEST,), **{"seconds": 1.0, **more})  # type: ignore[arg-type]
    return check_all([check])[0]


@pytest.mark.parametrize(
    "tests",
    [
        (TEST,),
        (TEST, "assert above([], 1) == 0"),
        (CASES + "unittest.main()\n",),
        (CASES + "if __name__ == '__main__':\n    unittest.main()\n",),
        ("from solution import above\ndef test_it():\n    assert above([3, 50], 10) == 1\n",),
        ("import main\nclass TestIt:\n    def test_it(self):\n        assert main.above([3, 50], 10) == 1\n",),
    ],
    ids=["assert", "two", "unittest", "main", "functions", "class"],
)
def test_tests_in_the_ways_that_people_write_them(tests: tuple[str, ...]) -> None:
    assert verdict(RIGHT, *tests) == CodeVerdict(passed=True)
    wrong = verdict(RIGHT.replace("> k", "< -k"), *tests)
    assert not wrong.passed
    assert "0" in wrong.reason


def test_a_check_is_called_with_the_entry_point() -> None:
    assert verdict(RIGHT, CHECK, entry_point="above").passed
    wrong = verdict("def above(xs, k):\n    return 1\ndef check(candidate):\n    pass\n", CHECK, entry_point="above")
    assert wrong == CodeVerdict(passed=False, reason="assert candidate([], 10) == 0: it gave 1")


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("def above(xs, k):\n    pass", "it gave None"),
        ("def above(xs, k):\n    return 1 / 0", "raises ZeroDivisionError"),
        ("def other():\n    pass", "the code defines no 'above'"),
        ("def above(:", "SyntaxError"),
        ("I would write a function.", "SyntaxError"),
        ("import sys\nsys.exit(0)\n" + RIGHT, "the code raises SystemExit"),
        ("import os\nos._exit(0)\n" + RIGHT, "the code ended before it had answered"),
        ("def above(xs, k):\n    import os\n    os._exit(0)", "the code ended before it had answered"),
        ("def above(xs, k):\n    raise SystemExit(0)", "raises SystemExit"),
        ("def above(xs, k):\n    import unittest\n    raise unittest.SkipTest('no')", "raises SkipTest"),
        ("def above(xs, k):\n    return above(xs, k)", "RecursionError"),
        ("def above(xs, k):\n    return [0] * 10**10", "MemoryError"),
        ("import ctypes\ndef above(xs, k):\n    return ctypes.string_at(0)", "the code crashed (SIGSEGV)"),
        ("import os\ndef above(xs, k):\n    return os.fork() and 1", "PermissionError"),
        ("import subprocess\ndef above(xs, k):\n    return subprocess.run(['true']).returncode + 1", "PermissionError"),
        ("import socket\ndef above(xs, k):\n    socket.socket()\n    return 1", "PermissionError"),
        ("import os\ndef above(xs, k):\n    os.kill(os.getppid(), 9)\n    return 1", "PermissionError"),
        ("def above(xs, k):\n    open('/tmp/left-behind', 'w')\n    return 1", "PermissionError"),
        ("import os\ndef above(xs, k):\n    os.unlink('/etc/hostname')\n    return 1", "PermissionError"),
    ],
)
def test_what_does_not_answer_does_not_pass(program: str, reason: str) -> None:
    got = verdict(program)
    assert not got.passed
    assert reason in got.reason


@pytest.mark.parametrize(
    "program",
    [
        "class Same:\n    __eq__ = __ge__ = __le__ = lambda self, other: True\ndef above(xs, k):\n    return Same()",
        "class Zero(int):\n    __eq__ = lambda self, other: True\n    __hash__ = None\ndef above(xs, k):\n    return Zero(7)",
        "import builtins\nbuiltins.AssertionError = ValueError\nbuiltins.all = lambda *_: True\ndef above(xs, k):\n    return 2",
        "import unittest\nunittest.TestCase.assertEqual = lambda *_: None\ndef above(xs, k):\n    return 2",
        "import unittest\nunittest.TestCase.run = lambda *_: None\ndef above(xs, k):\n    return 2",
        "import sys\nsys.modules['unittest'] = None\ndef above(xs, k):\n    return 2",
        "def above(xs, k):\n    print('{\"passed\": true}')\n    return 2",
    ],
    ids=["equal", "equal number", "builtins", "assertEqual", "run", "modules", "print"],
)
def test_what_the_code_does_to_its_own_process_reaches_no_test(program: str) -> None:
    assert not verdict(program).passed
    assert not verdict(program, CASES).passed


def test_neither_tests_nor_what_is_right_are_anywhere_in_the_codes_process() -> None:
    looks = """
import gc, sys
def above(xs, k):
    frame, seen = sys._getframe(), []
    while frame:
        seen += [repr(frame.f_locals), repr(list(frame.f_globals))]
        frame = frame.f_back
    held = [repr(one) for one in gc.get_objects() if isinstance(one, (dict, list, tuple)) and len(one) < 50]
    return 1 if any("".join(["MAR", "KED"]) in text for text in seen + held) else 0
"""
    assert verdict(looks, "assert above([3, 50], 10) == 1  # MARKED").reason.endswith("it gave 0")


def test_time_is_the_processors_and_that_of_the_clock() -> None:
    assert verdict("def above(xs, k):\n    while True:\n        pass").reason.startswith("the code took more than ")
    slept = verdict("import time\ndef above(xs, k):\n    time.sleep(60)", seconds=0.01)
    assert slept.reason.endswith("seconds by the clock")


def test_values_cross_as_what_they_are() -> None:
    program = """
from collections import Counter, namedtuple
from decimal import Decimal
from fractions import Fraction
import datetime
Point = namedtuple("Point", "x y")
def above(xs):
    return {1: Counter(xs), "p": Point(1, {2, 3}), "f": 1e400, "b": b"a", "big": 2**200, None: [True, 1.5, ("t",)],
            "d": Decimal("1.10"), "q": Fraction(1, 3), "when": datetime.date(2024, 2, 29), "c": 1j, "r": range(3)}
"""
    test = """
from decimal import Decimal
from fractions import Fraction
import datetime
expected = {1: {"a": 2, "b": 1}, "p": (1, {2, 3}), "f": float("inf"), "b": b"a", "big": 2**200, None: [True, 1.5, ("t",)],
            "d": Decimal("1.1"), "q": Fraction(1, 3), "when": datetime.date(2024, 2, 29), "c": 1j, "r": range(3)}
assert above("aab") == expected
"""
    assert verdict(program, test) == CodeVerdict(passed=True)


@pytest.mark.parametrize(
    ("program", "test"),
    [
        ("def above(xs):\n    xs.sort()\n    xs[0] = 9", "a = [3, 1]\nassert above(a) is None\nassert a == [9, 3]"),
        ("def above(f, xs):\n    return [f(x) for x in xs]", "assert above(lambda x: x + 1, (1, 2)) == [2, 3]"),
        ("def above(n):\n    yield from range(n)", "assert list(above(3)) == [0, 1, 2]"),
        ("async def above(n):\n    return n", "import asyncio\nassert asyncio.run(above(3)) == 3"),
        ("import re\ndef above(s):\n    return re.match('a', s)", "assert above('abc')\nassert not above('b')"),
        (
            "class above:\n    def __init__(self):\n        self.held = []\n    def push(self, x):\n        self.held.append(x)\n"
            "    def __len__(self):\n        return len(self.held)\n",
            "s = above()\ns.push((1, 2))\nassert len(s) == 1\nassert isinstance(s, above)\nassert s.held == [(1, 2)]",
        ),
        (
            "def above(x):\n    raise KeyError('no')",
            "try:\n    above(1)\n    assert False\nexcept KeyError as error:\n    assert error.args == ('no',)",
        ),
    ],
    ids=["changed", "callback", "generator", "coroutine", "truth", "class", "error"],
)
def test_what_is_no_value_is_used_from_afar(program: str, test: str) -> None:
    assert verdict(program, test) == CodeVerdict(passed=True)


def test_what_a_test_hands_over_shows_nothing_of_the_tests() -> None:
    pries = "def above(f):\n    return f.__globals__"
    assert "AttributeError" in verdict(pries, "assert above(lambda: 1) is None").reason


def test_errors_and_classes_of_the_codes_own() -> None:
    program = "class Bad(ValueError):\n    pass\ndef above(x):\n    raise Bad('no')\n"
    test = "try:\n    above(1)\n    assert False\nexcept Bad as error:\n    assert isinstance(error, ValueError)\n"
    assert verdict(program, test, names=("above", "Bad")).passed


def test_setup_is_there_for_both() -> None:
    setup = "class Node:\n    def __init__(self, value, next=None):\n        self.value, self.next = value, next\n"
    program = "def above(node):\n    return node.value + (above(node.next) if node.next else 0)"
    assert verdict(program, "assert above(Node(1, Node(2))) == 3", setup=setup).passed


def test_a_program_prints_what_it_should() -> None:
    program = "n = int(input())\nprint(n * 2)\n"
    pairs = (Printed(given="4\n", output="8"), Printed(given="5", output="10\n"))
    assert verdict(program, *pairs, names=()).passed
    wrong = verdict(program.replace("* 2", "** 2"), *pairs, names=())
    assert wrong == CodeVerdict(passed=False, reason="given '4\\n' it prints '16\\n', not '8'")


def test_several_are_run_side_by_side_in_order() -> None:
    checks = [CodeCheck(program=f"def f():\n    return {n}", names=("f",), tests=("assert f() % 2 == 0",)) for n in range(6)]
    assert [verdict.passed for verdict in check_all(checks)] == [True, False] * 3
