"""Dates, by column: what is one, which of day and month comes first, and when two are the same."""

from __future__ import annotations

from datetime import date, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.verify.dates import Moment, order_of, read_date, same_date


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05",
        "20240305",
        "2024/03/05",
        "2024.3.5",
        "05.03.2024",
        "March 5, 2024",
        "Mar. 5th 2024",
        "5 March 2024",
        "the 5th of March 2024",
        "5-Mar-2024",
        "Tuesday, 5 March 2024",
        "Tue, Mar 5, 2024",
        "5. März 2024",
        "5 mars 2024",
        "5 de marzo de 2024",
        "5 marzo 2024",
        "5 de março de 2024",
        "5 maart 2024",
        "2024年3月5日",
    ],
)
def test_dates(text: str) -> None:
    assert read_date(text) == Moment(day=date(2024, 3, 5))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "soon",
            "2024",
            "2024-13-01",
            "31/31/2024",
            "2024-01-05/0060",
            "2024-01-05/0010",
            "2024-W01-1",
            "2024-01-05 abc",
            "5 Maple 2024",
        ),
        *("2024-01-05T25:00", "2024-01-05T10", "12.5.1", "May 5", "0000-01-01", None, 20240305, "5 February 2024 and 6 March 2024"),
    ],
)
def test_what_is_no_date(text: object) -> None:
    assert read_date(text) is None


def test_slashes_are_read_as_the_column_says() -> None:
    assert read_date("3/5/2024") is None
    assert read_date("3/5/2024", day_first=False) == Moment(day=date(2024, 3, 5))
    assert read_date("3/5/2024", day_first=True) == read_date("03-05-2024", day_first=True) == Moment(day=date(2024, 5, 3))
    assert read_date("25/12/2024") == read_date("12/25/2024") == Moment(day=date(2024, 12, 25))
    assert read_date("25/12/2024", day_first=False) is None
    assert read_date("05.01.2026", day_first=False) == Moment(day=date(2026, 1, 5))


def test_a_column_says_its_order() -> None:
    assert order_of(["03/04/2024", "25/12/2024", "2024-01-05", None]).day_first is True
    assert order_of(["03/04/2024", "12/25/2024"]).day_first is False
    one_odd = order_of(["12/25/2024"] * 40 + ["25/12/2024"])
    assert (one_odd.day_first, one_odd.odd) == (False, 1)
    assert order_of(["03/04/2024", "04/04/2024"]).doubtful == "03/04/2024"
    assert order_of(["12/25/2024", "25/12/2024"]).day_first is None
    assert order_of(["04/04/2024", "2024-01-05", "05.01.2026"]).doubtful == ""


@pytest.mark.parametrize(
    ("answer", "target", "right"),
    [
        ("2026-01-05", "2026-01-05T15:30", False),
        ("2026-01-05T08:00", "2026-01-05T15:30", False),
        ("5 January 2026, 3:30 PM", "2026-01-05T15:30", True),
        ("05.01.2026 um 15:30 Uhr", "2026-01-05T15:30:00", True),
        ("2026-01-05T15:30", "2026-01-05", True),
        ("2026-01-05", "2026-01-05T00:00:00", True),
        ("2026-01-05T15:30+01:00", "2026-01-05T14:30Z", True),
        ("2026-01-06T01:30+02:00", "2026-01-05T23:30:00Z", True),
        ("2026-01-05T15:30+01:00", "2026-01-05T15:30Z", False),
        ("2026-01-05T15:30", "2026-01-05T15:30Z", False),
        ("2026-01-05 15:30 UTC", "2026-01-05T15:30:00.000Z", True),
        ("2026-01-05 15:30 EST", "Jan 5, 2026 at 3:30 pm EST", True),
        ("2026-01-05 15:30 PST", "2026-01-05 15:30 EST", False),
        ("2026-01-05 12:30 AM", "2026-01-05 00:30", True),
        ("5.3.24", "2024-03-05", True),
        ("1924-03-05", "05.03.24", True),
        ("2024-03-06", "05.03.24", False),
    ],
)
def test_all_that_the_target_says_must_be_right(answer: str, target: str, right: bool) -> None:
    left, goal = read_date(answer), read_date(target)
    assert left and goal
    assert same_date(left, goal) is right


FORMS = ("%Y-%m-%d", "%d.%m.%Y", "%d %B %Y", "%b %d, %Y", "%Y/%m/%d", "%A, %d %B %Y", "%d-%b-%Y")


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.dates(min_value=date(1000, 1, 1)), st.sampled_from(FORMS), st.sampled_from(FORMS))
def test_usual_formats_are_the_same_day(day: date, one: str, other: str) -> None:
    left, right = read_date(day.strftime(one)), read_date(day.strftime(other))
    assert left == right == Moment(day=day)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(st.datetimes(min_value=__import__("datetime").datetime(1000, 1, 1)))
def test_iso_times_are_read(moment: object) -> None:
    found = read_date(moment.isoformat())  # type: ignore[attr-defined]
    assert found == Moment(day=moment.date(), time=moment.time())  # type: ignore[attr-defined]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text() | st.text("0123456789-/.: TZ+JanPMfor,'"))
def test_any_text_is_read_and_equals_itself(text: str) -> None:
    for order in (None, True, False):
        found = read_date(text, day_first=order)
        assert found is None or same_date(found, found)


def test_the_first_and_the_last_day() -> None:
    first, last = read_date("0001-01-01T00:00+14:00"), read_date("9999-12-31T23:59-12:00")
    assert first and last
    assert first.time == time()
    assert not same_date(first, last)
