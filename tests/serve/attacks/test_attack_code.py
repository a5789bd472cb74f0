"""What holds strangers is there however the program is run, and docs/threats.md names a test for each class."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_no_check_of_a_request_is_an_assert() -> None:
    """`python -O` drops asserts. What looks at strangers' input raises; an assert there only tells a type checker what is known."""
    told = []
    for part in ("serve", "admission"):
        for file in sorted((ROOT / "src" / "rung" / part).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Assert) and not _narrows(node.test):
                    told.append(f"{file.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert told == []


def _narrows(test: ast.expr) -> bool:
    """`x is not None` and `isinstance(x, T)` of what this program made itself."""
    if isinstance(test, ast.BoolOp):
        return all(_narrows(part) for part in test.values)
    if isinstance(test, ast.Compare):
        return all(isinstance(op, ast.IsNot | ast.Is) for op in test.ops)
    return isinstance(test, ast.Call) and ast.unparse(test.func) == "isinstance"


def test_the_page_names_tests_that_there_are() -> None:
    page = (ROOT / "docs" / "threats.md").read_text("utf-8")
    rows = re.findall(r"^\| (?!class|---)(.+?) \| (.+?) \| (.+?) \|$", page, re.MULTILINE)
    assert len(rows) > 20
    for _, held, tests in rows:
        assert held.strip()
        for name in re.findall(r"`(tests/[\w/.]+\.py)(?:::(\w+))?`", tests):
            file, function = name
            assert (ROOT / file).is_file(), file
            assert not function or f"def {function}(" in (ROOT / file).read_text("utf-8"), name
        assert "`tests/" in tests
