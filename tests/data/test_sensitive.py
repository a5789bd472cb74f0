"""What is masked, what is left, and check digits."""

import time

import pytest

from rung.data.digits import iban, luhn
from rung.data.sensitive import PERSONAL, SECRETS, masked, shown


def test_check_digits() -> None:
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert iban("GB82 WEST 1234 5698 7654 32")
    assert not iban("GB82 WEST 1234 5698 7654 33")


def test_masked_text_keeps_what_is_around() -> None:
    assert masked("from jane@mail.example.org, to (415) 555-0132.") == "from ja..., to (4...."
    assert masked("nothing to hide: 12 of 40 rows, rows.csv:12") == "nothing to hide: 12 of 40 rows, rows.csv:12"
    assert masked("") == ""


def test_what_overlaps_is_masked_whole() -> None:
    key = "sk-" + "a" * 40
    assert masked(f"{key}@mail.example.org!") == "sk...!"


def test_a_value_is_shown_masked_before_it_is_cut() -> None:
    assert shown("x" * 45 + " jane.doe@mail.example.org") == "x" * 45 + " ja..."
    assert shown("a\nb" * 100).startswith("a ba b")
    assert len(shown("a\nb" * 100)) == 60
    assert shown("\x1b[31mred\u202e") == "?[31mred?"


# Texts that would take a careless pattern a time that grows with the square of their length.
LONG = ["eyJ-", "a.", "1 ", "1-", "+1 ", "GB82 WEST ", "-----BEGIN ", "A ", "sk-", "@", "a@a.", "xoxb-12345678-"]


@pytest.mark.parametrize("part", LONG)
def test_no_pattern_is_slow_on_a_long_text(part: str) -> None:
    text = part * (400_000 // len(part))
    started = time.monotonic()
    for finder in (*SECRETS.values(), *PERSONAL.values()):
        next(finder(text), None)
    assert time.monotonic() - started < 4
