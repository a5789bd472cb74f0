"""Citations: of the passages shown, those that hold the answer; and abstention where no document does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scorer_rows import row, scorer

from rung.parts import Gold
from rung.types import Answer, Bar, Task
from rung.verify.run import score_rows

SHOWN = (
    {"id": "0000000a", "source": "gate.md", "start": 0, "end": 40, "text": "The gate opens at nine."},
    {"id": "0000000b", "source": "gate.md", "start": 40, "end": 80, "text": "Nine it is, on all days."},
    {"id": "0000000c", "source": "door.md", "start": 0, "end": 40, "text": "The door is green."},
)


def value(output, target="nine", gold=None, **settings):
    named = tuple(part if isinstance(part, Gold) else Gold(source=part) for part in gold or ())
    example = replace(row(target), shown=SHOWN, gold=named)
    return scorer("cited", **settings).score(example, output).value


@pytest.mark.parametrize(
    ("output", "f1", "precision", "recall"),
    [
        ("At Nine [0000000a][0000000b].", 1.0, 1.0, 1.0),
        ("At nine [0000000a] [0000000a].", 2 / 3, 1.0, 0.5),
        ("At nine [0000000a], [0000000b], [0000000c].", 0.8, 2 / 3, 1.0),
        ("At nine [0000000a], [deadbeef].", 0.5, 0.5, 0.5),
        ("At nine [0000000c].", 0.0, 0.0, 0.0),
        ("At nine.", 0.0, 0.0, 0.0),
        ("At ten [0000000a][0000000b].", 0.0, 0.0, 0.0),
        ("It is not in the documents.", 0.0, 0.0, 0.0),
        ("", 0.0, 0.0, 0.0),
    ],
)
def test_citations_earn_what_they_find(output, f1, precision, recall):
    found = [value(output, measure=measure) for measure in ("f1", "precision", "recall")]
    assert found == pytest.approx([f1, precision, recall])


def test_gold_says_which_passages_hold_the_answer_where_rows_name_it():
    assert value("nine [0000000b]", gold=[Gold(source="gate.md", start=50, end=60)]) == 1.0
    assert value("nine [0000000a]", gold=[Gold(source="gate.md", start=50, end=60)]) == 0.0
    assert value("green [0000000c]", "green", gold=["door.md"]) == 1.0
    assert value("nine [0000000a]", gold=["absent.md"]) == 0.0


def test_an_id_is_no_answer():
    assert value("[0000000a]", "0000000a") == 0.0


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("Not in the documents.", 1.0),
        ("It is not not in the documents.", 0.0),
        ("Not in the documents [0000000a].", 0.0),
        ("nine [0000000a]", 0.0),
        ("", 0.0),
    ],
)
def test_abstaining_is_right_where_the_target_says_so(output, right):
    assert value(output, "not in the documents") == right
    assert value(output.replace("Not in the documents", "unknown"), "Unknown", abstain="unknown") == right


def test_a_run_hands_the_scorer_what_was_shown():
    task = Task(name="t", base="b", instruction="", examples=(), quality=Bar(scorer="cited", at_least=0.5))
    answers = [Answer(text="nine [0000000a][0000000b]", passages=SHOWN), Answer(text="nine [0000000a]")]
    scored = score_rows(task, [row("nine"), row("nine")], answers)
    assert [one.scores["quality"].value for one in scored] == [1.0, 0.0]
    assert scored[1].scores["quality"].reason == "right, but no passage that was shown holds it"


def test_a_passage_holds_the_answer_where_it_stands_as_itself():
    shown = (
        {"id": "0000000a", "source": "a.md", "start": 0, "end": 40, "text": "Built in 2012, by 312 men."},
        {"id": "0000000b", "source": "b.md", "start": 0, "end": 40, "text": "It has 12 gates."},
        {"id": "0000000c", "source": "c.md", "start": 0, "end": 40, "text": "It cost 12.5 million."},
    )
    example = replace(row("12"), shown=shown)
    assert [scorer("cited").score(example, f"12 [0000000{name}]").value for name in "abc"] == [0.0, 1.0, 0.0]
    assert scorer("cited").score(example, "12 [0000000a][0000000b][0000000c]").value == 0.5
    assert scorer("cited").score(example, "312 [0000000b]").value == 0.0
    assert scorer("cited").score(example, "It is not 12 [0000000b]").value == 0.0


def test_words_that_hold_the_abstention_are_none():
    shown = ({"id": "0000000a", "source": "a.md", "start": 0, "end": 40, "text": "The tomb of the unknown soldier opens at nine."},)
    example = replace(row("nine"), shown=shown)
    assert scorer("cited", abstain="none").score(example, "At nine, nonetheless [0000000a]").value == 1.0
    assert scorer("cited", abstain="unknown").score(example, "nine, or unknown [0000000a]").value == 0.0
    soldier = replace(row("the unknown soldier"), shown=shown)
    assert scorer("cited", abstain="unknown").score(soldier, "The unknown soldier [0000000a]").value == 1.0
    assert scorer("cited", abstain="unknown").score(soldier, "Unknown").value == 0.0


@pytest.mark.parametrize("said", ["", "   ", "I'm sorry, but I cannot help with that.", "[0000000a][0000000b][0000000c]"])
def test_no_answer_earns_nothing_by_citing(said):
    assert value(said) == 0.0
    assert value(said, measure="recall") == 0.0
