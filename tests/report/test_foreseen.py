"""What each step was said to take beside what it took: on the page, at the terminal, and nothing where nothing was said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from documents import least_document
from rich.console import Console

from rung.json_form import as_json
from rung.parts import Span
from rung.registry import documents
from rung.registry.predictions import Took
from rung.report.foreseen import foreseen, foreseen_lines
from rung.report.html import page
from rung.report.tables import ladder_table

SPAN = Span(least=20, expected=40, most=90)
TOOK = (
    Took(key="built/r1_prompt", rung="r1_prompt", title="build", predicted=SPAN, seconds=44, first=Span.of(60)),
    Took(key="judged/r1_prompt", rung="r1_prompt", title="gate", predicted=Span.of(10), seconds=31),
    Took(key="measured/r1_prompt", rung="r1_prompt", title="all of dev", predicted=None, seconds=5),
)


def climbed(took: tuple[Took, ...] = TOOK) -> documents.ClimbDocument:
    return replace(least_document("c" * 64, "Ship the prompt."), took=took)


def test_what_was_missed_is_told() -> None:
    table = foreseen(climbed())
    assert table is not None
    assert table.rows == (
        ("prompt, build", "1 min", "40 s (20 s to 1 min 30 s)", "44 s", "1.1"),
        ("prompt, gate", "—", "10 s", "31 s", "missed: 3.1"),
        ("prompt, all of dev", "—", "—", "5.00 s", "—"),
        ("in all", "1 min", "50 s (30 s to 1 min 40 s)", "1 min 15 s", "1.5"),
    )
    assert foreseen_lines(climbed()) == [
        "Time: 1 min 15 s, said 1 min when it began, 50 s by and by",
        "Time: prompt, gate took 31 s, said 10 s: missed: 3.1",
    ]


def test_page_and_terminal_show_it() -> None:
    console = Console(width=160, record=True, file=None)
    with console.capture() as said:
        console.print(ladder_table(climbed()))
    assert "prompt, gate took 31 s, said 10 s" in said.get()
    assert "missed: 3.1" in page(climbed()) and "said to take, and took" in page(climbed())


@pytest.mark.parametrize("took", [(), (replace(TOOK[0], predicted=None),)])
def test_nothing_said_nothing_shown(took: tuple[Took, ...]) -> None:
    assert foreseen(climbed(took)) is None and foreseen_lines(climbed(took)) == []
    assert "said to take" not in page(climbed(took))


def test_a_record_of_before_is_still_read() -> None:
    stored = as_json(least_document("c" * 64, "Ship the prompt."))
    del stored["took"]
    assert documents.from_json(stored).took == ()
    assert documents.from_json(documents.as_json(climbed())) == climbed()


def test_why_a_gate_was_missed_is_told() -> None:
    step = replace(TOOK[1], rows=620, expected_rows=190.4)
    (line,) = foreseen_lines(climbed((step,)))[1:]
    assert line.endswith("missed: 3.1, after 620 test rows where about 190 were to be expected")
    (same,) = foreseen_lines(climbed((replace(step, rows=200),)))[1:]
    assert same.endswith("missed: 3.1"), "it is the machine that was slower"
