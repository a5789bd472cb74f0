"""What was inferred, as a line that says why and what changes it."""

from __future__ import annotations

from rung.data.inferred import Inference
from rung.json_form import as_json


def test_a_line_says_what_was_taken_why_and_what_changes_it():
    one = Inference(about="header", taken="none", because="line 1 looks like the others.", change="data.format: {header: true}")
    assert one.line() == "header: none, because line 1 looks like the others. Change it: data.format: {header: true}"
    assert as_json(one)["aloud"] is True


def test_nothing_to_change_adds_no_words():
    assert Inference(about="rows", taken="all", because="there are few").line() == "rows: all, because there are few."
