"""A few bad rows are left out, counted and told; many refuse the file, and so do rows that are all bad for one reason."""

import json

import pytest

from rung.data.read.rows import Problems
from rung.errors import UserError

COLUMNS = {"input": "text", "target": "label"}
GOOD = {"text": "how do I pay", "label": "billing"}


def rows(good: int, bad: int, **broken):
    wrong = {**GOOD, "text": "", **broken}
    return [{**GOOD, "text": f"question {n}"} for n in range(good)] + [wrong] * bad


def test_a_few_are_left_out_counted_and_told_with_line_and_reason(load):
    loaded = load("rows.jsonl", rows(98, 2), columns=COLUMNS)
    assert len(loaded.examples) == 98
    (finding,) = loaded.findings
    assert (finding.severity, finding.count, finding.check) == ("warning", 2, "bad_rows")
    assert finding.message == (
        "2 rows of 100 cannot be used and are left out: rows.jsonl:99: the input is empty; rows.jsonl:100: the input is empty"
    )
    assert finding.places == ("rows.jsonl:99", "rows.jsonl:100")


def test_of_more_than_five_the_rest_is_counted_by_reason(load):
    some = [*rows(90, 6), *[{"text": f"no answer {n}"} for n in range(2)]]
    (finding,) = load("rows.jsonl", some, columns=COLUMNS).findings
    assert finding.message.count("rows.jsonl:") == 5
    assert finding.message.endswith("and 3 more; all by reason: the input is empty (6), no field 'label' (2)")


@pytest.mark.parametrize(
    ("good", "bad", "share", "kept"), [(90, 10, 0.1, True), (89, 11, 0.1, False), (99, 1, 0.0, False), (50, 50, 0.5, True)]
)
def test_the_share_says_how_many_may_be_bad(load, good, bad, share, kept):
    if kept:
        assert len(load("rows.jsonl", rows(good, bad), columns=COLUMNS, bad_rows=share).examples) == good
        return
    with pytest.raises(UserError, match=f"{bad} rows? cannot be used"):
        load("rows.jsonl", rows(good, bad), columns=COLUMNS, bad_rows=share)


def test_ids_and_lines_stay_those_of_the_file(load):
    some = [{"text": "", "label": "x"}, *rows(20, 0)]
    first = load("rows.jsonl", some, columns=COLUMNS).examples[0]
    assert (first.id, first.source) == ("rows.jsonl:2", "rows.jsonl:2")


def test_what_cannot_be_parsed_counts_as_what_cannot_be_understood(load):
    lines = [json.dumps(row) for row in rows(30, 1)] + ['{"text": "cut']
    loaded = load("rows.jsonl", "\n".join(lines), columns=COLUMNS)
    assert len(loaded.examples) == 30
    assert "rows.jsonl:32: the JSON is cut off" in loaded.findings[0].message


def test_rows_that_a_condition_was_tried_on_count_as_what_was_read(load):
    lines = [json.dumps({**row, "lang": "de" if n % 2 else "en"}) for n, row in enumerate(rows(40, 0))] + ["{"] * 2
    loaded = load("rows.jsonl", "\n".join(lines), columns=COLUMNS, where={"lang": "de"})
    assert (len(loaded.examples), loaded.findings[0].count) == (20, 2)
    with pytest.raises(UserError, match="2 rows cannot be used"):
        load("rows.jsonl", "\n".join(lines), columns=COLUMNS, where={"lang": "de"}, bad_rows=0.05)


def test_a_sample_is_held_against_itself_and_not_against_the_file(load):
    some = [*rows(800, 200)]
    with pytest.raises(UserError, match="rows cannot be used"):
        load("rows.jsonl", some, columns=COLUMNS, where={"label": "billing"}, limit=50)


def test_a_file_that_is_bad_throughout_is_refused_with_that_cause(load):
    with pytest.raises(UserError) as error:
        load("rows.jsonl", rows(0, 30), columns=COLUMNS)
    assert "All rows are so for one reason: is the file read as it is meant" in error.value.message


def test_a_bad_row_that_is_left_out_by_its_id_is_no_bad_row(load):
    loaded = load("rows.jsonl", rows(20, 1), columns=COLUMNS, leave_out=["rows.jsonl:21"], bad_rows=0)
    assert (len(loaded.examples), loaded.findings, loaded.skipped) == (20, (), {"left out by its id": 1})
    named = [{**row, "no": f"r{n}"} for n, row in enumerate(rows(20, 1))]
    loaded = load("rows.jsonl", named, columns={**COLUMNS, "id": "no"}, leave_out=["r20"], bad_rows=0)
    assert (len(loaded.examples), loaded.findings) == (20, ())


def test_what_is_told_repeats_no_secret_and_nothing_that_a_terminal_would_obey():
    problems = Problems("rows.csv", rows=100, sampled=100)
    problems.add(3, "the origin is 'ada.lovelace@example.org \x1b[2J'")
    finding = problems.left_out(0.1)
    assert finding is not None
    assert "lovelace" not in finding.message and "\x1b" not in finding.message


def test_calls_that_are_cut_off_are_bad_rows_and_not_told_to_mean_no_call(load):
    tool = {
        "type": "function",
        "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}},
    }
    good = [
        {"question": f"add {n}", "tools": [tool], "target": json.dumps({"name": "add", "arguments": {"a": n}})} for n in range(40)
    ]
    cut = {"question": "add", "tools": [tool], "target": '{"name": "add", "arguments": {"a"'}
    loaded = load("rows.jsonl", [*good, cut])
    assert len(loaded.examples) == 40
    assert all(example.target for example in loaded.examples)
    assert "was meant as a call and cannot be read (the JSON is cut off" in loaded.findings[0].message
