"""The number in an answer, beside lm-evaluation-harness' two readings of GSM8K: equal on its own worked examples, and where not."""

from __future__ import annotations

import re

import pytest

from rung.verify.numbers import NumberForm, answered_number, number_fault, read_number

# How its eight chain-of-thought examples end, and a zero-shot one with the data's own mark.
WORKED = (
    ("So there must have been 21 - 15 = 6. The answer is 6.", "6"),
    ("2 more cars arrive. 3 + 2 = 5. The answer is 5.", "5"),
    ("After eating 35, they had 74 - 35 = 39. The answer is 39.", "39"),
    ("So he gave Denny 20 - 12 = 8. The answer is 8.", "8"),
    ("If he got 2 toys each, then that is 4 more toys. 5 + 4 = 9. The answer is 9.", "9"),
    ("So 5 * 4 = 20 computers were added. 9 + 20 is 29. The answer is 29.", "29"),
    ("After losing 2 more, he had 35 - 2 = 33 golf balls. The answer is 33.", "33"),
    ("So she has 23 - 15 dollars left. 23 - 15 is 8. The answer is 8.", "8"),
    ("So he made a profit of 200,000-130,000=$<<200000-130000=70000>>70,000\n#### 70000", "70000"),
    ("That is -3 degrees. The answer is -3.", "-3"),
    ("She makes 9 * 2 = $18 every day. The answer is 18.", "18"),
)


def _bare(text: str) -> str:
    """As the task compares: commas, dollar signs and a point at the end do not count."""
    return re.sub(r"\.$", "", re.sub(r"[,$]", "", text))


def strict(text: str, mark: str) -> str | None:
    """The number behind the first mark."""
    found = re.search(re.escape(mark) + r" (-?[\d.,]+)", text)
    return _bare(found[1]) if found else None


def flexible(text: str) -> str | None:
    """The last run of at least two of digits, dollars, points and commas, or of digits."""
    found = re.findall(r"-?[$\d.,]{2,}|-?\d+", text)
    return _bare(found[-1]) if found else None


def ours(text: str, target: str) -> bool:
    number, goal = answered_number(text, NumberForm())[0], read_number(target)
    return bool(number and goal) and number_fault(number, goal, NumberForm(), absolute=0, relative=None) == ""


@pytest.mark.parametrize(("text", "target"), WORKED)
def test_equal_on_worked_examples(text: str, target: str) -> None:
    mark = "####" if "####" in text else "The answer is"
    assert strict(text, mark) == flexible(text) == target
    assert ours(text, target)


@pytest.mark.parametrize(
    ("text", "target", "theirs"),
    [
        ("The total cost is $29.00.", "29", "29.00"),  # theirs compares texts
        ("The answer is 42, because 6 times 7 is that.", "42", "7"),  # theirs takes the last number
        ("The answer is 1/2", "0.5", "2"),  # a fraction is one number
        ("It is 72.5 in all, as of 2024-01-05.", "72.5", "-05"),  # a date is no number
        ("She has 12 (of 1.5 dozen)...", "1.5", ".."),  # points are no number
        ("It cost 3 million.", "3000000", "3"),
        ("You get 20%", "20%", "20"),
    ],
)
def test_where_ours_is_another(text: str, target: str, theirs: str) -> None:
    assert flexible(text) == theirs
    assert ours(text, target)


def test_of_several_marks_the_last_counts_and_theirs_is_the_first() -> None:
    text = "#### 5\nNo, that is wrong.\n#### 7"
    assert strict(text, "####") == "5"
    assert ours(text, "7")
