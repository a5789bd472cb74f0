"""Numbers as people write them, exactly, and the one that an answer gives."""

from __future__ import annotations

import sys
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.verify.numbers import Number, NumberForm, answered_number, find_numbers, number_fault, read_number

POINT, COMMA = NumberForm(), NumberForm(decimal=",")


def fault(answer: Any, target: Any, form: NumberForm = POINT, absolute: float = 0.0, relative: float | None = None) -> str:
    left, right = read_number(answer, form), read_number(target, form)
    assert left and right
    return number_fault(left, right, form, absolute=absolute, relative=relative)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1,234.5", "1234.5"),
        ("12,345,678", "12345678"),
        ("12,34,567", "1234567"),
        ("₹1,23,456", "123456"),
        ("1'234", "1234"),
        ("1’234.50", "1234.50"),
        ("1 234 567", "1234567"),
        ("1\u202f234", "1234"),
        ("$12", "12"),
        ("€ 3.5", "3.5"),
        ("EUR 12", "12"),
        ("12 €", "12"),
        ("R$ 12", "12"),
        ("CHF 12.50", "12.50"),
        ("-$5", "-5"),
        ("$-5", "-5"),
        ("(5)", "-5"),
        ("($1,200.50)", "-1200.50"),
        ("12.50-", "-12.50"),
        ("−4", "-4"),
        ("- 5", "-5"),
        (".5", "0.5"),
        ("1e3", "1000"),
        ("1.2 million", "1200000"),
        ("$5m", "5000000"),
        ("12k", "12000"),
        ("2 crore", "20000000"),
        ("3/4", "0.75"),
        ("½", "0.5"),
        ("\\frac{1}{4}", "0.25"),
        ("12 kg", "12"),
        ("5 °C", "5"),
        ("12 km/h", "12"),
        (7, "7"),
        (0.25, "0.25"),
        (10**400, "1" + "0" * 400),
        ("9" * 10_000, "9" * 10_000),
    ],
)
def test_whole_numbers(value: Any, number: str) -> None:
    found = read_number(value)
    assert found is not None
    assert found.value == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "twelve",
        "12 apples",
        "12,5",
        "1,23",
        "0,123",
        "3.4.5",
        "1e999",
        "--3",
        "5/0",
        "A-12",
        "15:30",
        "2024-01-05",
        None,
        True,
        [1],
    ],
)
def test_what_is_no_number(value: Any) -> None:
    assert read_number(value) is None
    assert read_number(float("nan")) is None


@pytest.mark.parametrize(
    ("text", "number"), [("1.234,56", "1234.56"), ("1.234", "1234"), ("12,5", "12.5"), ("0,123", "0.123"), ("1'234,5", "1234.5")]
)
def test_decimal_commas(text: str, number: str) -> None:
    found = read_number(text, COMMA)
    assert found is not None
    assert found.value == Decimal(number)


def test_a_target_keeps_to_its_column_and_an_answer_may_be_read_the_other_way() -> None:
    assert read_number("1234.56", COMMA) is None
    assert answered_number("1234.56", COMMA) == (Number(value=Decimal("1234.56")), "")
    assert answered_number("12,5", POINT) == (Number(value=Decimal("12.5")), "")
    assert answered_number("4,8,12", POINT) == (None, "4,8,12 cannot be read as a number")


@pytest.mark.parametrize(
    ("answer", "target", "right"),
    [
        (9876543210, 9876543219, False),
        ("9876543219", 9876543219, True),
        (10**30, 10**30 + 1, False),
        ("9876543210.15", "9876543210.19", False),
        ("0.1234567891", "0.1234567892", False),
        (3.0, 3, True),
        ("3.000", 3, True),
        (0.1 + 0.2, 0.3, True),
        (1 / 3, "0.333333333333", True),
        ("1/3", 1 / 3, True),
        (5, -5, False),
        ("12 lb", "12 kg", False),
        ("12", "12 kg", True),
        ("12 kg", 12, True),
        ("12 kilograms", "12 kg", True),
        ("12 pounds", "£12", True),
        ("12 pounds", "12 lb", True),
        ("12 €", "EUR 12", True),
        ("$12", "12 €", False),
        ("$12", "CAD 12", True),
        ("USD 12", "CAD 12", False),
        ("12%", "12 kg", False),
        ("12%", "0.12%", False),
        ("0.12", "12%", True),
        ("12", "12%", True),
        ("1,200 thousand", "1.2 million", True),
    ],
)
def test_equal_as_written(answer: Any, target: Any, right: bool) -> None:
    assert (fault(answer, target) == "") is right


def test_what_a_percent_sign_means_beside_plain_numbers_is_the_columns() -> None:
    points, fraction = NumberForm(percent="points"), NumberForm(percent="fraction")
    assert fault("0.5%", 0.5, points) == ""
    assert fault("50%", 0.5, points)
    assert fault("50%", 0.5, fraction) == ""
    assert fault("0.5%", 0.5, fraction)


def test_a_unit_must_be_said_where_units_differ() -> None:
    assert fault("12", "12 kg", NumberForm(needs_unit=True)) == "no unit, expected kg"


def test_the_larger_tolerance_counts() -> None:
    assert fault(103, 100, relative=0.03) == ""
    assert fault(103, 100, absolute=3) == ""
    assert fault(103, 100, absolute=2, relative=0.02) == "103, expected 100"
    assert fault("9" * 10_000, "9" * 9_999 + "8", relative=0.1) == ""


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The answer is 42, because 6 times 7 is that.", 42),
        ("The answer is 42 because of the 3 rules", 42),
        ("Answer: 6 x 7 = 42", 42),
        ("Answer: 5\nNo, wait.\nAnswer: 7, not 5", 7),
        ("The answer is not 41 but 42", 42),
        ("It is 42, not 41.", 42),
        ("The answer isn't 41, it is 42", 42),
        ("The answer to question 3 is 42.", 42),
        ("It takes 3 steps.\n#### 42\nDone in 3 steps.", 42),
        ("so \\boxed{1{,}234} by (2)", 1234),
        ("Die Antwort lautet 42, denn 6 mal 7", 42),
        ("4 and 8 make 12", 12),
        ("42, as of 05.01.2026 at 15:30", 42),
        ("The sum of 2024-01-05 was 42.", 42),
        ("**42**", 42),
        ("It costs $42.", 42),
        ("vitamin B12: 42", 42),
        ("between 3-4", 4),
        ("= -42", -42),
        ("it fell to −42 degrees", -42),
    ],
)
def test_the_number_that_an_answer_gives(text: str, number: int) -> None:
    found, why = answered_number(text, POINT)
    assert found is not None, why
    assert found.value == number


def test_a_number_that_is_denied_is_none() -> None:
    why = "the answer says only what the number is not"
    assert answered_number("not 42", POINT) == answered_number("It is not 42.", POINT) == (None, why)


def test_take() -> None:
    assert answered_number("12 is 4 and 8", POINT, "first")[0] == Number(value=Decimal(12))
    assert answered_number("12 is 4 and 8", POINT, "only") == (None, "3 numbers in the answer, where one was asked for")
    assert answered_number("none", POINT) == (None, "no number in the answer")


def test_numbers_in_prose() -> None:
    text = "From 3-4 items (item-7) at -2 and $1,200.50 to 12% on 2024-01-05"
    assert [str(number.value) for number in find_numbers(text)] == ["3", "4", "7", "-2", "1200.50", "12"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(-(10**40), 10**40), st.sampled_from(["{}", "{:,}", "$ {:,}", "{:_}", "The answer is {}.", "**{:,}**", "{} kg"]))
def test_whole_numbers_are_read_back_exactly(number: int, form: str) -> None:
    found, _ = answered_number(form.format(number), POINT)
    assert found is not None
    assert found.value == number
    assert number_fault(Number(value=Decimal(number)), found, POINT, absolute=0, relative=None) == ""


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.integers(10**6, 10**30), st.integers(0, 5), st.integers(1, 9))
def test_a_changed_digit_is_never_equal(number: int, place: int, by: int) -> None:
    digits = list(str(number))
    digits[-1 - place] = str((int(digits[-1 - place]) + by) % 10)
    assert fault("".join(digits), str(number))
    assert fault("0." + "".join(digits)[-12:], "0." + str(number)[-12:])


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text() | st.text("0123456789.,'()-+$€%/eE \u202f\\{}#=:"), st.sampled_from([POINT, COMMA]))
def test_any_text_is_read(text: str, form: NumberForm) -> None:
    target = Number(value=Decimal(5), unit=frozenset(["kg"]))
    number, why = answered_number(text, form)
    assert (number is None) == bool(why)
    for found in (number, read_number(text, form)):
        if found:
            assert number_fault(found, found, form, absolute=0, relative=None) == ""
            number_fault(found, target, form, absolute=0, relative=None)


BOMBS = (
    "1 ",
    "9",
    "answer ",
    "((",
    "1,",
    "1/",
    "a1",
    "e",
    "$",
    "-",
    "1e",
    "1 a",
    "2024-",
    "12:",
    "1.",
    "{",
    "####1\n",
    "\\frac{",
    "1e9 kg/m ",
)


@pytest.mark.parametrize("piece", BOMBS)
def test_a_text_of_a_megabyte_takes_no_more_than_seconds(piece: str) -> None:
    import time

    text = piece * (1_000_000 // len(piece))
    start = time.monotonic()
    answered_number(text, POINT)
    read_number(text)
    assert time.monotonic() - start < 20


def test_pythons_limit_on_digits_does_not_matter() -> None:
    long = "7" * (sys.get_int_max_str_digits() + 1000)
    assert fault(long, long) == ""
    assert fault(long[:-1] + "8", long).endswith("e+5299")
