"""Tests that stand beside code in a file are found, tried and proposed; where they cannot be used, that is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rung.engine.tools import code_tests
from rung.propose.profile import Profile, look_at

pytestmark = pytest.mark.skipif(bool(code_tests.lacking()), reason=code_tests.lacking() or "code can be run")


def row(number: int) -> dict[str, Any]:
    name = f"plus_{number}"
    return {
        "question": f"Write {name}, which returns its argument and {number} more.",
        "code": f"def {name}(x):\n    return x + {number}\n",
        "imports": ["import math"] if number % 2 else [],
        "unit_tests": f"import unittest\nclass T(unittest.TestCase):\n    def test_it(self):\n"
        f"        self.assertEqual({name}(1), {1 + number})\n",
        "level": number % 3,
    }


def look(folder: Path, *rows: Mapping[str, Any]) -> Profile:
    file = folder / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)), "utf-8")
    return look_at(file)


def said(profile: Profile) -> str:
    return " ".join(f"{one.taken}: {one.because}" for one in profile.inferences if one.about == "tests")


def test_tests_beside_code_are_proposed_and_take_part(tmp_path: Path) -> None:
    profile = look(tmp_path, *map(row, range(30)))
    assert (profile.kind, profile.scorer) == ("code", "python")
    assert profile.config == {"tests": "unit_tests", "setup": "imports"}
    assert said(profile).startswith("the tests in 'unit_tests' are run")
    unused = next(one.taken for one in profile.inferences if one.about == "unused")
    assert "unit_tests" not in unused
    assert profile.examples[0].judged_by is not None


def test_tests_that_the_files_own_answers_fail_are_not_proposed(tmp_path: Path) -> None:
    profile = look(tmp_path, *({**row(n), "code": f"def plus_{n}(x):\n    return x - {n + 1}\n"} for n in range(30)))
    assert profile.kind != "code"
    assert "the tests in 'unit_tests' are not run: 30 of 30 rows fail them by their own answer" in said(profile)


def test_where_code_cannot_be_run_the_words_are_compared_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_tests, "lacking", lambda: "this is no Linux")
    profile = look(tmp_path, *map(row, range(30)))
    assert profile.kind != "code"
    assert "are not run: this is no Linux" in said(profile)
    assert [line for line in profile.inferences if line.about == "tests" and line.aloud]


def test_a_column_that_only_looks_like_tests_is_none(tmp_path: Path) -> None:
    profile = look(tmp_path, *({**row(n), "unit_tests": "assert other(1) == 2"} for n in range(30)))
    assert profile.kind != "code"
    assert said(profile) == ""
