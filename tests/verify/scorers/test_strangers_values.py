"""What people found wrong with how others read numbers, dates and JSON, as small inputs in words of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_rows import row, rows, settled

from rung.errors import UserError


@pytest.mark.parametrize(
    ("target", "output", "right"),
    [
        ("42", "The answer is 42!", 1),
        ("42", "The answer is (42).", 1),
        ("42", "The answer is [42]", 1),
        ("42", "Is it 42? Yes: 42:", 1),
        ("5", "The answer is 25", 0),
        ("5", "50 is the answer", 0),
        ("11", "ANSWER: 711", 0),
        ("-5", "5", 0),
        ("-5", "the result is -5 exactly", 1),
        ("3.14", "about 33.14", 0),
        ("1e3", "1000", 1),
        ("20", "The answer is 20% (of 100)", 1),
        ("60", "ANSWER: 60%", 1),
        ("29", "...the total cost of her order is $29.00.", 1),
        ("72", "The total is 72 clips, altogether.", 1),
        ("70000", "So he made $70,000", 1),
        ("0.5", "\\boxed{\\frac{1}{2}}", 1),
        ("0.5", "50\\%", 1),
        ("50", "\\boxed{50\\%}", 1),
        ("99999999999", "100000000000", 0),
        ("1/3", "0.5", 0),
        ("1000", "1,001", 0),
        ("1000", "$1{,}000$", 1),
        ("7", "<b>7</b>", 1),
        ("7", "7\n\n", 1),
    ],
)
def test_numbers(target: str, output: str, right: int) -> None:
    other = "0.25" if target in ("0.5", "1/3") else "17"
    assert settled("numeric", rows(target, other)).score(row(target), output).value == right


def test_a_column_of_dates_with_points_is_read_in_one_order() -> None:
    days = {"day": "12.07.2022"}, {"day": "13.07.2022"}
    bound = settled("json_fields", rows(*days))
    assert bound.score(row(days[0]), '{"day": "2022-07-12"}').value == 1
    assert bound.score(row(days[0]), '{"day": "2022-12-07"}').value == 0
    assert bound.score(row(days[1]), '{"day": "2022-07-13"}').value == 1


def test_a_year_that_stands_first_is_followed_by_its_month() -> None:
    fields = {"day": {"kind": "date", "day_first": True}}
    bound = settled("json_fields", rows({"day": "2020-01-10"}), fields=fields)
    assert bound.score(row({"day": "2020-01-10"}), '{"day": "10 January 2020"}').value == 1
    assert bound.score(row({"day": "2020-01-10"}), '{"day": "1 October 2020"}').value == 0


@pytest.mark.parametrize("text", ["13190 SW 68th Parkway, Suite 200", "May be 5 or 2024", "3.11.2", "10-11-12", "12 34 5678"])
def test_no_date_is_made_up(text: str) -> None:
    bound = settled("json_fields", rows({"note": text}, {"note": "other"}))
    assert bound.config.fields["note"].kind == "exact"


@pytest.mark.parametrize(
    "output",
    [
        '{"code": "use `print` here"}',
        'Here is `the` result: {"code": "use `print` here"}',
        '```json\n{"code": "use `print` here"}\n```\nSee [docs] for more.',
        '````json\n{"code": "use `print` here"}\n````',
        '```bash\nls {a,b}\n```\nthen {"code": "use `print` here"} [1]',
        '{"code": "a draft"}{"code": "use `print` here"}',
    ],
)
def test_json_among_backticks_and_brackets(output: str) -> None:
    target = {"code": "use `print` here"}
    assert settled("json_fields", rows(target)).score(row(target), output).value == 1


def test_a_fence_inside_a_text_is_part_of_it() -> None:
    target = {"snippet": "```python\nx = {1}\n```"}
    bound = settled("json_fields", rows(target))
    assert bound.score(row(target), bound.ideal(row(target))).value == 1


def test_a_long_choice_that_the_question_lists_is_an_answer() -> None:
    asked = {"role": "user", "content": "Which fits: Payment processing issue, Delivery was late today? My card failed."}
    examples = tuple(replace(one, messages=(asked,)) for one in rows("Payment processing issue", "Delivery was late today"))
    bound = settled("choice", examples)
    assert [bound.score(example, bound.ideal(example)).value for example in examples] == [1, 1]
    assert bound.score(examples[0], bound.ideal(examples[1])).value == bound.score(examples[0], asked["content"]).value == 0


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["2024-03-05", "00501", "1.234,50", "12 kg", "$5", "5 March 2024", "03/04/2024", "1,200", "12%"]),
)
objects = st.dictionaries(
    st.sampled_from("abcd"),
    st.recursive(values, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xy"), inner, max_size=2)),
    max_size=4,
)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(st.lists(objects, min_size=1, max_size=5))
def test_an_ideal_object_is_right_and_another_is_not(targets: list[dict[str, Any]]) -> None:
    examples = rows(*targets)
    try:
        bound = settled("json_fields", examples)
    except UserError as error:
        assert "two ways" in error.problem
        return
    again = bound.settle(examples, Path())
    for example in examples:
        if bound.check(example) is None:
            ideal = bound.ideal(example)
            assert bound.score(example, ideal).value == again.score(example, ideal).value == 1
            assert bound.score(example, f"```json\n{ideal}\n```").value == 1
            added = {**example.target, "e": 1}
            assert bound.score(example, bound.render(added)).value < 1


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.text(), objects)
def test_any_text_gets_a_score(text: str, target: dict[str, Any]) -> None:
    for name in ("json_fields", "json_schema"):
        try:
            score = settled(name, rows(target)).score(row(target), text)
        except UserError as error:
            assert "two ways" in error.problem
            continue
        assert score.value is not None
        score.reason.encode("utf-8", "surrogatepass")
