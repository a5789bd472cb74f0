"""Figures of an hour: counted by who answered and by minute; nothing unknown becomes zero."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rung.serve.dashboard.charts import charts, spark
from rung.serve.dashboard.data import Feedback, Question
from rung.serve.dashboard.figures import MINUTES, beginning, by_ref, figures, quantile
from rung.serve.dashboard.render import ago, clock, day, query, rate

NOW = datetime(2026, 11, 26, 12, 30, 40, tzinfo=UTC)


def asked(
    ref: str = "tone@1", ending: str = "answered", *, ago_s: float = 30, latency_s: float | None = 0.2, **more: object
) -> Question:
    when = (NOW - timedelta(seconds=ago_s)).isoformat(timespec="milliseconds")
    plain = Question(id="a", created=when, tenant="t", asked="tone", ref=ref, ending=ending, latency_s=latency_s, first_s=latency_s)
    return replace(plain, **more)  # type: ignore[arg-type]


def test_of_nothing_nothing_is_known() -> None:
    found = figures([], NOW)
    assert (found.asked, found.p50_s, found.p95_s, found.mean, found.error_share) == (0, None, None, None, None)
    assert len(found.minutes) == MINUTES and all(minute.p50_s is None for minute in found.minutes)
    assert all(chart.words for chart in charts(found)) and spark(found) == ()


def test_endings_are_told_apart() -> None:
    words = ("answered", "fallback", "withheld", "held", "refused", "late", "gone", "failed", "died", "")
    found = figures([asked(ending=word) for word in words], NOW)
    assert (found.asked, found.answered, found.errors, found.refused, found.left, found.open, found.held_back) == (
        10,
        2,
        3,
        1,
        1,
        1,
        3,
    )
    assert found.error_share == 3 / 8


def test_times_are_those_of_what_was_answered() -> None:
    rows = [asked(latency_s=n / 100) for n in range(1, 101)] + [asked(ending="late", latency_s=30.0)]
    found = figures(rows, NOW)
    assert (found.p50_s, found.p95_s) == (0.5, 0.95)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.25, 1), (0.5, 2), (0.51, 3), (0.95, 4), (1.0, 4)])
def test_a_quantile_is_a_value_that_was_there(share: float, value: float) -> None:
    assert quantile([1, 2, 3, 4], share) == value and quantile([], share) is None


def test_minutes_hold_what_was_asked_in_them_and_a_clock_that_goes_back_loses_only_its_own() -> None:
    rows = [asked(ago_s=s) for s in (0, 41, 101, 59 * 60, 61 * 60, -600)] + [asked(created="not a moment")]
    counts = [minute.asked for minute in figures(rows, NOW).minutes]
    assert counts[-1] == 1 and counts[-2] == 1 and counts[-3] == 1 and sum(counts) == 4
    assert beginning(NOW) == datetime(2026, 11, 26, 11, 31, tzinfo=UTC)


def test_the_last_word_of_feedback_counts() -> None:
    up, down, half = Feedback(thumb="up"), Feedback(thumb="down"), Feedback(score=0.5)
    found = figures([asked(feedback=(up, down)), asked(feedback=(down, half)), asked(feedback=(up,)), asked()], NOW)
    assert (found.scored, found.mean, found.up, found.down) == (3, 0.5, 2, 2)


def test_who_is_asked_most_comes_first_and_what_nothing_answered_is_nobodys() -> None:
    rows = [asked("a@1"), asked("b@1"), asked("b@1"), asked("", "refused")]
    assert [(one.ref, one.asked) for one in by_ref(rows, NOW, 9)] == [("b@1", 2), ("a@1", 1)]
    assert len(by_ref(rows, NOW, 1)) == 1


def test_a_gap_is_no_line() -> None:
    rows = [asked(ago_s=60 * minutes) for minutes in (1, 2, 3, 10, 20, 21)]
    times = charts(figures(rows, NOW))[1]
    assert len(times.lines) == 4 and len(times.dots) == 2


def test_words_for_times_and_rates() -> None:
    moment = "2026-11-26T14:03:07.123+00:00"
    assert clock(moment) == "26 Nov 14:03:07" and day(moment) == "26 Nov 2026, 14:03"
    assert clock("") == "—" and day("gibberish") == "gibberish" and ago("") == "—"
    now = datetime.now(UTC)
    assert (
        ago((now - timedelta(minutes=3)).isoformat()) == "3 min ago"
        and ago((now + timedelta(hours=2, minutes=1)).isoformat()) == "in 2 h"
    )
    assert ago((now - timedelta(days=1, hours=1)).isoformat()) == "1 day ago" and ago(now.isoformat()) == "just now"
    assert [rate(value) for value in (0.0166, 3.4, 14.42, 1234.5)] == ["0.017", "3.4", "14.4", "1,234"]
    assert query("/x", q="a&b", none=None, empty="") == "/x?q=a%26b"
