"""What holds of every scorer for any text at all: it never raises, says the same twice, heeds no frame, and takes no long time."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_rows import row
from test_scorer_contract import GOOD, bind_good

from rung import plugins
from rung.errors import UserError
from rung.types import Example
from rung.verify.scoring import BoundScorer

NAMES = plugins.names("scorers")
MEGABYTE = 1_000_000
PIECES = (
    "<think>",
    "</think>",
    "```",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    ":",
    ",",
    "not ",
    "-",
    "−",
    ".",
    "1",
    "9" * 20,
    "e5",
    "%",
    "$",
    "\n",
)
ANY_TEXT = st.one_of(
    st.text(max_size=60),
    st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ).map(json.dumps),
)
MODEST = settings(max_examples=40, deadline=None, derandomize=True)
# Texts that a careless pattern goes over again and again.
LONG = {
    "digits": "7" * MEGABYTE,
    "signs": "-" * MEGABYTE,
    "thousands": "1," * (MEGABYTE // 2),
    "braces": "{" * MEGABYTE,
    "brackets in turn": "[{" * (MEGABYTE // 2),
    "quotes": '"' * MEGABYTE,
    "white space": " " * MEGABYTE,
    "lines": "\n" * MEGABYTE,
    "thoughts": "<think>" * (MEGABYTE // 7),
    "thoughts closed": "<think>a</think>" * (MEGABYTE // 16),
    "fences": "```\n" * (MEGABYTE // 4),
    "names of calls": '{"name":' * (MEGABYTE // 8),
    "words": "not a word of it " * (MEGABYTE // 17),
}
SECONDS = 8.0


@pytest.fixture(scope="module")
def scorers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Example, BoundScorer]]:
    found = {}
    for name in NAMES:
        scorer = bind_good(name, tmp_path_factory.mktemp(name))
        found[name] = scorer.staged(GOOD[name][0]), scorer
    return found


@pytest.mark.parametrize("name", NAMES)
class TestAnyText:
    def test_a_score_and_the_same_one_twice(self, name: str, scorers: dict[str, tuple[Example, BoundScorer]]) -> None:
        example, scorer = scorers[name]

        @MODEST
        @given(ANY_TEXT)
        def check(text: str) -> None:
            score = scorer.score(example, text)
            assert score.value is None or 0 <= score.value <= 1
            assert score == scorer.score(example, text)
            assert score.value == 1 or score.reason or name in ("overlap", "python")

        check()

    def test_white_space_around_it_is_not_looked_at(self, name: str, scorers: dict[str, tuple[Example, BoundScorer]]) -> None:
        example, scorer = scorers[name]

        @MODEST
        @given(ANY_TEXT, st.sampled_from((" ", "\n", "\t ", "\r\n")))
        def check(text: str, space: str) -> None:
            assert scorer.score(example, text).value == scorer.score(example, f"{space}{text}{space}").value

        check()

    def test_any_target_is_right_by_itself_or_told(self, name: str, scorers: dict[str, tuple[Example, BoundScorer]]) -> None:
        """A row whose ideal answer is not right is one that `check` refuses."""
        _, scorer = scorers[name]
        if scorer.opaque:
            pytest.skip("only the user's function knows what is right")
        tools = GOOD[name][0].tools

        @MODEST
        @given(st.one_of(st.text(max_size=20), st.integers(), st.floats(), ANY_TEXT, st.lists(st.text(max_size=6), max_size=3)))
        def check(target: Any) -> None:
            example = row(target, tools=tools)
            try:
                settled = BoundScorer(name=name, module=scorer.module, config=scorer.config).settle((example,), Path())
            except UserError:
                return
            if settled.check(example) is None and target is not None:
                staged = settled.staged(example)
                assert settled.score(staged, settled.ideal(staged)).value == pytest.approx(1)

        check()

    @pytest.mark.parametrize("kind", LONG)
    def test_a_megabyte_takes_no_long_time(self, name: str, kind: str, scorers: dict[str, tuple[Example, BoundScorer]]) -> None:
        example, scorer = scorers[name]
        started = time.process_time()
        scorer.score(example, LONG[kind])
        assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    ("name", "config"), [("exact", {}), ("exact", {"ignore_case": True}), ("numeric", {}), ("json_fields", {})]
)
def test_equality_is_the_same_from_both_sides(name: str, config: dict[str, Any], tmp_path: Path) -> None:
    """Where an answer is right if it is what was wanted, either may be the target."""
    from scorer_rows import scorer

    kinds = {
        "exact": st.text(min_size=1, max_size=4),
        "numeric": st.one_of(st.integers(-999, 999).map(str), st.decimals(-99, 99, places=2).map(str)),
        "json_fields": st.fixed_dictionaries({"a": st.text(max_size=2), "b": st.integers(0, 3)}),
    }

    @MODEST
    @given(kinds[name], kinds[name])
    def check(one: Any, other: Any) -> None:
        bound = scorer(name, **config).settle((row(one), row(other)), tmp_path)
        if bound.check(row(one)) is None and bound.check(row(other)) is None:
            first = bound.score(row(one), bound.ideal(row(other))).value
            assert first == bound.score(row(other), bound.ideal(row(one))).value

    check()
