"""A date as the whole answer: the day in any writing, its column's order, the time of day where there is one."""

from __future__ import annotations

import time

import pytest
from scorer_rows import row, rows, scorer, settled

from rung.errors import UserError
from rung.types import Example

ISO = rows("2024-05-03", "2024-06-28")
SLASHED = rows("03/04/2024", "28/05/2024")
TIMED = rows("2026-01-05T15:30", "2026-02-11T00:00")
DUMPED = rows("2026-01-05 00:00:00", "2026-02-11 00:00:00")


@pytest.mark.parametrize(
    ("examples", "answer", "right"),
    [
        (ISO, "3 May 2024", 1),
        (ISO, "The invoice is due on Friday, May 3rd, 2024.", 1),
        (ISO, '{"due": "2024-05-03"}', 1),
        (ISO, "It was sent on 1 May 2024. The answer is 3 May 2024.", 1),
        (ISO, "2024-05-03, not 2024-05-04", 1),
        (ISO, "2024-05-03T08:00", 1),
        (ISO, "2024-03-05", 0),
        (ISO, "05/03/2024", 0),
        (ISO, "not 2024-05-03", 0),
        (ISO, "It was sent on 1 May 2024 and is due on 3 May 2024", 0),
        (ISO, "2024-05-03/0060", 0),
        (ISO, "order 20240503", 0),
        (ISO, "12024-05-03", 0),
        (SLASHED, "03/04/2024", 1),
        (SLASHED, "3 April 2024", 1),
        (SLASHED, "04/03/2024", 0),
        (SLASHED, "4 March 2024", 0),
        (TIMED, "5 January 2026, 3:30 pm", 1),
        (TIMED, "The meeting is on 2026-01-05 at 15:30 in Rome.", 1),
        (TIMED, "2026-01-05T08:00", 0),
        (TIMED, "2026-01-05T03:30", 0),
        (TIMED, "2026-01-05", 0),
        (DUMPED, "2026-01-05", 1),
    ],
)
def test_what_an_answer_is_worth(examples: tuple[Example, ...], answer: str, right: int) -> None:
    assert settled("date", examples).score(examples[0], answer).value == right


def test_midnight_must_be_said_where_other_targets_have_a_time_or_the_settings_say_so() -> None:
    assert settled("date", TIMED).score(TIMED[1], "2026-02-11").value == 0
    assert settled("date", TIMED).score(TIMED[1], "2026-02-11 00:00").value == 1
    assert settled("date", DUMPED, time=True).score(DUMPED[0], "2026-01-05").value == 0
    assert settled("date", TIMED, time=False).score(TIMED[1], "2026-02-11").value == 1


def test_a_column_in_doubt_is_asked_for_and_one_without_dates_refused() -> None:
    doubtful = rows("03/04/2024", "05/06/2024")
    with pytest.raises(UserError, match="read in two ways") as refused:
        settled("date", doubtful)
    assert "day_first: true" in refused.value.hint
    assert settled("date", doubtful, day_first=True).score(doubtful[0], "3 April 2024").value == 1
    with pytest.raises(UserError, match="no target is a date"):
        settled("date", rows("soon", "later"))


def test_one_odd_target_is_a_bad_row_and_the_others_keep_their_order() -> None:
    examples = rows(*[f"{day:02d}/{month}/2024" for day in range(5, 29) for month in ("04", "06")], "04/25/2024")
    found = settled("date", examples)
    assert found.config.day_first is True
    assert found.check(examples[-1]) == "the target '04/25/2024' is not a date with the day first, as the column has it"
    assert [found.check(one) for one in examples[:-1]] == [None] * 48


@pytest.mark.parametrize(
    ("examples", "asked"),
    [
        (ISO, "in the form YYYY-MM-DD."),
        (SLASHED, "in the form DD/MM/YYYY."),
        (rows("5/28/2024", "12/1/2024"), "Reply with the date alone."),
        (rows("5 May 2024, 3:30 pm"), "the date and the time of day alone."),
    ],
)
def test_the_form_is_asked_for(examples: tuple[Example, ...], asked: str) -> None:
    assert settled("date", examples).describe(examples).endswith(asked)


def test_reasons_say_what_was_read() -> None:
    assert settled("date", TIMED).score(TIMED[0], "2026-01-05").reason.startswith("no time of day, read as 5 January 2026")
    assert settled("date", ISO).score(ISO[0], "2024-05-04").reason == "read as 4 May 2024, expected 3 May 2024"


@pytest.mark.parametrize(
    "text", ["1-" * 300_000, "3 May 2024 " * 60_000, "2024-05-03" + " " * 600_000, "12 de abcdefghijkl " * 40_000]
)
def test_long_texts_take_no_long_time(text: str) -> None:
    started = time.process_time()
    scorer("date").score(row("2024-05-03"), text)
    assert time.process_time() - started < 10
