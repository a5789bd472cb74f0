from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from rung.verify.parse import NotJson, as_text, close, find_all_json, find_json, find_numbers, read_date, read_number, strict_json


@pytest.mark.parametrize(
    ("value", "number", "percent"),
    [
        ("1,234.5", 1234.5, False),
        ("12,345,678", 12345678, False),
        ("$12", 12, False),
        ("€ 3.5", 3.5, False),
        ("-$5", -5, False),
        ("$-5", -5, False),
        ("(5)", -5, False),
        ("($1,200.50)", -1200.5, False),
        ("−4", -4, False),
        (".5", 0.5, False),
        ("1e3", 1000, False),
        (" 12 % ", 12, True),
        (7, 7, False),
        (0.25, 0.25, False),
    ],
)
def test_whole_numbers(value: Any, number: float, percent: bool) -> None:
    found = read_number(value)
    assert found is not None
    assert (found.value, found.percent) == (number, percent)


@pytest.mark.parametrize(
    "value", ["", "twelve", "12 apples", "12,5", "1,23", "3.4.5", "1e999", "--3", None, True, [1], float("nan"), 10**400]
)
def test_what_is_no_number(value: Any) -> None:
    assert read_number(value) is None


def test_numbers_in_prose() -> None:
    text = "From 3-4 items (item-7) at -2 and $1,200.50 to 12% on 2024-01-05"
    assert [number.value for number in find_numbers(text)] == [3, 4, 7, -2, 1200.5, 12, 2024, 1, 5]


def test_close_takes_the_larger_tolerance() -> None:
    left, right = read_number(103), read_number(100)
    assert left and right
    assert close(left, right, absolute=0, relative=0.03)
    assert close(left, right, absolute=3, relative=0)
    assert not close(left, right, absolute=2, relative=0.02)


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-05",
        "2024-03-05T10:00:00Z",
        "2024-03-05 23:59",
        "20240305",
        "2024/03/05",
        "05.03.2024",
        "5.3.24",
        "March 5, 2024",
        "Mar. 5th 2024",
        "5 March 2024",
        "5-Mar-2024",
        "Tuesday, 5 March 2024",
        "Tue, Mar 5, 2024",
        "3/5/2024",
        "03-05-2024",
    ],
)
def test_dates(text: str) -> None:
    assert read_date(text) == date(2024, 3, 5)


def test_order_of_day_and_month() -> None:
    assert read_date("3/5/2024", day_first=True) == date(2024, 5, 3)
    assert read_date("25/12/2024") == read_date("12/25/2024", day_first=True) == date(2024, 12, 25)


@pytest.mark.parametrize("text", ["", "soon", "2024", "2024-13-01", "31/31/2024", None, 20240305])
def test_what_is_no_date(text: Any) -> None:
    assert read_date(text) is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"a": 1}', [{"a": 1}]),
        ('Sure! ```json\n{"a": [1, 2]}\n``` Bye {friend}.', [{"a": [1, 2]}]),
        ('see [1] and {x} then {"a": {"b": "}"}}', [[1], {"a": {"b": "}"}}]),
        ('{"a": 1}\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": {"b": 1}, "c": ', []),
        ('{"a": "cut', []),
        ('{"a": NaN}', []),
        ("nothing", []),
        ("[" * 50_000, []),
    ],
)
def test_json_in_prose(text: str, found: list[Any]) -> None:
    assert list(find_all_json(text)) == found


def test_first_of_a_kind() -> None:
    assert find_json('see [1]: {"a": 1}', (dict,)) == {"a": 1}
    with pytest.raises(NotJson, match="no JSON object in the answer"):
        find_json("[1]", (dict,))
    with pytest.raises(NotJson, match="no JSON object or list in the answer"):
        find_json("none")


@pytest.mark.parametrize("text", ["", "{", "NaN", "Infinity", '{"a": 1} x', "[" * 50_000])
def test_strict_json(text: str) -> None:
    with pytest.raises(NotJson):
        strict_json(text)


def test_as_text_is_compact_and_keeps_order() -> None:
    assert as_text({"b": "é", "a": [1, 2]}) == '{"b":"é","a":[1,2]}'
    assert as_text("as it is ") == "as it is "
