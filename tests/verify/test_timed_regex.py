"""Patterns that take for ever on some texts are ended, and all others find what Python finds."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.types import Example
from rung.verify import timed_regex
from rung.verify.scorers import regex
from rung.verify.scorers.regex import Config
from rung.verify.timed_regex import TooSlow, find_last

BOMBS = [r"(a+)+$", r"^(a|a)*$", r"(?:a*)*b", r"^(\w+\s?)*$", r"(.*),(.*),(.*),(?:.*)x"]


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_is_ended(bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_regex, "SECONDS", 0.5)
    pattern = re.sub(r"\((?!\?)", "(?:", bomb)
    began = time.monotonic()
    with pytest.raises(TooSlow):
        find_last(pattern, 0, ("a" * 40 + "!") if "," not in bomb else "a," * 5000)
    assert time.monotonic() - began < 60
    assert find_last(r"(?:a+)+", 0, "b" * 30 + "aa") == "aa", "the next search finds again"


def test_an_answer_that_cannot_be_searched_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timed_regex, "SECONDS", 0.5)
    found = regex.score(Example(id="1", messages=(), target="a"), "a" * 40 + "!", Config(pattern=r"^(?:a+)+$"))
    assert found.value is None and "the pattern takes more than" in found.reason


PATTERNS = [r"(\d+)", r"#### (-?\d+)", r"^\w+$", r"(?:ab)+(c?)", r"(?:\w+\s)*(\d)"]


@given(st.sampled_from(PATTERNS), st.text(alphabet="ab c1#-\n", max_size=60))
@settings(max_examples=120, deadline=None, derandomize=True)
def test_finds_what_python_finds(pattern: str, text: str) -> None:
    places = list(re.finditer(pattern, text))
    groups = re.compile(pattern).groups
    assert find_last(pattern, 0, text) == ((places[-1][groups] or "") if places else None)


def test_a_long_answer_is_searched_in_time() -> None:
    began = time.monotonic()
    assert find_last(r"#### (-?\d+)", 0, "x" * 1_000_000 + "#### 12") == "12"
    assert time.monotonic() - began < 60
