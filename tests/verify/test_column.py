"""What a column of targets shows of itself, whatever a few odd values are."""

from __future__ import annotations

from typing import Any

import pytest

from rung.verify.column import read_column
from rung.verify.numbers import NumberForm


def form(values: list[Any]) -> NumberForm:
    column = read_column(values)
    assert column.kind == "number"
    return column.form


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["05", "10001", "00501"], "identifier"),
        (["01234", "56789"] * 10, "identifier"),
        ([str(n) for n in range(1, 100)] + ["007"], "number"),
        ([str(48_213_377 + 7919 * n) for n in range(30)], "identifier"),
        ([48_213_377 + 7919 * n for n in range(30)], "identifier"),
        ([str(100_000 + 5_000 * n) for n in range(30)], "number"),
        ([str(100_001 + n % 5) for n in range(30)], "number"),
        (["+49 30 123456", "+1 (555) 123-4567"], "identifier"),
        (["2020", "2021", "1999"], "number"),
        (["A-12", "B-13"], "text"),
        (["2024-01-05"] * 40 + ["soon"], "date"),
        (["12"] * 40 + ["many"], "number"),
        (["12"] * 10 + ["many"], "text"),
        (["2024-01-05/0060", "2024-01-06/0061"], "text"),
        (["20240105", "20240106"] * 20, "number"),
        ([True, False], "text"),
        ([None, ""], "text"),
        ([], "text"),
    ],
)
def test_kinds(values: list[Any], kind: str) -> None:
    assert read_column(values).kind == kind


def test_only_what_a_number_would_lose_is_certain() -> None:
    assert read_column(["05", "00501"]).loses
    assert read_column(["05", "00501"]).evidence == "leading zeros, as in '05'"
    assert not read_column([str(48_213_377 + 7919 * n) for n in range(30)]).loses


@pytest.mark.parametrize(
    ("values", "decimal"),
    [
        (["1.234,50", "99,10", "1.234"], ","),
        (["1,234.50", "99.10", "1,234"], "."),
        (["1,234", "12,345"], "."),
        (["1.234.567", "12.345"], ","),
        (["1,23,456", "12,345"], "."),
        (["0.123", "1.234"], "."),
        ([1.5, "1.234"], "."),
        (["12,5"] * 30 + ["12.5"], ","),
    ],
)
def test_the_decimal_mark(values: list[Any], decimal: str) -> None:
    assert form(values).decimal == decimal


def test_what_can_be_read_in_two_ways_is_said() -> None:
    assert read_column(["1.234", "12.345"]).doubt == "'1.234' is a number with three decimals, or one of thousands"
    assert read_column(["1.234", "12.345", "0.5"]).doubt == ""
    two = "'03/04/2024' is 03 April where the day comes first, and 04 March where the month does"
    assert read_column(["03/04/2024", "01/01/2024"]).doubt == two
    mixed = read_column(["25/12/2024", "12/25/2024"] * 10)
    assert (mixed.kind, mixed.day_first) == ("date", None)
    assert mixed.doubt == "some dates have the day first and some the month, such as '25/12/2024'"
    assert read_column(["25/12/2024", "03/04/2024"]).day_first is True


def test_percents_and_units() -> None:
    assert form(["12", "0.5", "99"]).percent == "points"
    assert form(["0.12", "0.5", "1"]).percent == "fraction"
    assert not form(["12 kg", "3 kg", "4"]).needs_unit
    assert form(["12 kg", "3 lb"]).needs_unit
    assert form(["EUR 5", "$5"]).needs_unit
    assert not form(["$5", "USD 5"]).needs_unit
