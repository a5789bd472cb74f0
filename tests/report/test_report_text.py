"""Figures in words, and axes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rung.escapes import visible
from rung.report import text
from rung.report.facts import answer_command, bar_words, unit_of
from rung.report.scale import exact, fit
from rung.types import Bar


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "—"), (0.0, "0 ms"), (0.00018, "180 µs"), (0.0071, "7.1 ms"), (0.071, "71 ms"), (0.12, "0.12 s"), (1.84, "1.84 s"),
     (21.5, "22 s"), (59.7, "1 min"), (75, "1 min 15 s"), (3600, "1 h"), (4210, "1 h 10 min"), (float("nan"), "—"), (True, "—")],
)  # fmt: skip
def test_seconds(value: Any, said: str) -> None:
    assert text.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "—"), (0, "0 B"), (912, "912 B"), (4210, "4.2 KB"), (999_999, "1.0 MB"), (269e6, "269 MB"), (5e15, "5,000.0 TB")],
)
def test_size(value: Any, said: str) -> None:
    assert text.size(value) == said


@pytest.mark.parametrize(
    ("value", "said"), [(None, "—"), (0, "$0.00"), (0.00042, "$0.00042"), (0.42, "$0.42"), (1234.5, "$1,234.50")]
)
def test_dollars(value: Any, said: str) -> None:
    assert text.dollars(value) == said


def test_a_percentage_never_rounds_onto_a_bar_it_is_not_on() -> None:
    assert text.percent(0.8317) == "83.2%"
    assert text.percent(0.79996, bar=0.8) == "79.996%"
    assert text.percent(0.8, bar=0.8) == "80.0%"
    assert text.percent(0.8004, bar=0.8) == "80.04%"
    assert text.points(-0.02004, bar=-0.02) == "−2.004 points"


@given(st.floats(0, 1), st.floats(0, 1).map(lambda value: round(value, 2)))
def test_what_is_printed_is_on_the_same_side_of_the_bar(value: float, bar: float) -> None:
    shown = float(text.percent(value, bar=bar).rstrip("%")) / 100
    assert abs(value - bar) < 1e-6 or (shown < bar - 1e-9) == (value < bar)


def test_open_bounds_are_said_in_words() -> None:
    assert text.interval(0.931, None, unit="share") == "at least 93.1%"
    assert text.interval(None, 0.5, unit="share") == "at most 50.0%"
    assert text.interval(None, None, unit="points") == "—"
    assert text.interval(-0.0148, 0.0081, unit="points") == "−1.5 to +0.8 points"


def test_moments() -> None:
    assert text.moment("2025-11-22T15:24:05+02:00") == "22 November 2025, 13:24 UTC"
    assert text.moment("2025-11-22T15:24:05") == "22 November 2025, 15:24"
    assert text.moment("yesterday") == "yesterday"
    assert text.moment(None) == "—"


def test_bars_in_words_and_on_their_scale() -> None:
    least = Bar(scorer="choice", at_least=0.8)
    better = Bar(scorer="choice", better_than="r1_prompt", by=0.1)
    near = Bar(scorer="choice", not_worse_than="champion", margin=0.02)
    recall = Bar(scorer="choice", at_least=0.95, metric="recall", of="spam", where={"language": ["de", "fr"]})
    dear = Bar(scorer="choice", at_most=0.5, cost={"spam->ham": 1})
    assert [(bar_words(bar), unit_of(bar), bar.line) for bar in (least, better, near, recall, dear)] == [
        ("at least 80.0%", "share", 0.8),
        ("better than r1_prompt by 10.0 points", "points", 0.1),
        ("not worse than champion by more than 2.0 points", "points", -0.02),
        ("recall of spam over rows with language de or fr at least 95.0%", "share", 0.95),
        ("expected cost at most 0.5", "number", 0.5),
    ]


def test_commands_are_quoted_for_a_shell() -> None:
    assert answer_command("x; rm -rf ~@1") == "rung answer 'x; rm -rf ~@1' \"...\""


def test_words_that_are_too_long_say_how_many_are_left_out() -> None:
    assert text.cut("short", 10) == "short"
    assert text.cut("a" * 30, 10) == "a" * 10 + "… (20 more characters)"


def test_a_sentence_begins_and_ends_as_one() -> None:
    assert [text.sentence(words) for words in ("it is", "Is it?", "")] == ["It is.", "Is it?", "."]


@given(st.lists(st.floats(-1, 1), min_size=1), st.integers(3, 8))
def test_axes_hold_their_values_between_round_marks(values: list[float], marks: int) -> None:
    scale = fit(values, least=0.1, marks=marks, within=(-1.0, 1.0))
    assert scale.low <= min(values) + 1e-6 and max(values) - 1e-6 <= scale.high
    assert scale.ticks[0] == scale.low and scale.ticks[-1] == scale.high and 2 <= len(scale.ticks) <= 2 * marks + 2
    assert all(0 <= scale.at(value) <= 1 for value in values)
    assert len(exact(values, least=0.1, marks=marks).ticks) >= 1


@given(st.text())
def test_nothing_unseen_is_left(words: str) -> None:
    assert not any(ord(sign) < 32 and sign not in "\t\n" for sign in visible(words))
    assert not any(sign in "\u202a\u202e\u2066\u200f" for sign in visible(words))
