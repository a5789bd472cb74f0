from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest

from rung.verify.parse import NotJson, as_text, find_all_json, find_json, strict_json, unfenced


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
    assert find_all_json(text) == found


def test_the_last_of_a_kind_counts() -> None:
    assert find_json('see [1]: {"a": 1}', (dict,)) == {"a": 1}
    assert find_json('A draft: {"a": 1}. Better: {"a": 2} [sic]', (dict,)) == {"a": 2}
    assert find_json('{"a": 1} as in [1', (dict,)) == {"a": 1}
    with pytest.raises(NotJson, match="the last JSON object in the answer is cut off"):
        find_json('A draft: {"a": 1}. Better: {"a": ', (dict,))
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


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("```json\n5\n```", "5"),
        ("```\nyes\n```\n", "yes"),
        ("``` 5 ```", "``` 5 ```"),
        ("see ```5```", "see ```5```"),
        ("```\n1\n```\nand\n```\n2\n```", "```\n1\n```\nand\n```\n2\n```"),
    ],
)
def test_a_fence_around_all_of_it(text: str, inner: str) -> None:
    assert unfenced(text) == inner


BOMBS = (
    "[" * 500 + "1," * 500_000 + "x]",
    '{"a":' * 200_000,
    "{" * 1_000_000,
    "[1,{" * 250_000,
    '"{' * 500_000,
    '[{"a":1},' * 100_000,
    "{}" * 500_000,
)


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_text_of_a_megabyte_takes_no_more_than_seconds(text: str) -> None:
    start = time.monotonic()
    with contextlib.suppress(NotJson):
        find_json(text)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize("text", ["9" * 10_000, "[" + "9" * 10_000 + "]", '{"a": 1e999}', '{"a": "\\ud800"}', "\x00{", "\ud800 {"])
def test_nothing_but_not_json_is_raised(text: str) -> None:
    for read in (strict_json, find_json):
        with contextlib.suppress(NotJson):
            read(text)
