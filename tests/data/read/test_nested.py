"""Rows deep in JSON are found at the level that has question and answer, and named by where they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.data.read.nested import explode, nested_table, steps_of
from rung.data.read.nested_search import find_rows
from rung.data.read.rows import RowError
from rung.errors import UserError

LABELS = ["refund", "parcel", "praise"]
FLAT = [{"text": f"this is text {n}", "label": LABELS[n % 3]} for n in range(12)]


def turn(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": text}


def question(number: int) -> dict[str, Any]:
    return {"id": f"q{number}", "question": f"who was it {number}?", "answers": [{"text": f"Ada {number}", "answer_start": 3}]}


SQUAD = {
    "version": "v2",
    "data": [
        {"title": f"t{n}", "paragraphs": [{"context": f"long context {n}", "qas": [question(3 * n + m) for m in range(3)]}]}
        for n in range(4)
    ],
}
NLU = {
    "common_examples": [{**row, "intent": row["label"], "entities": []} for row in FLAT],
    "regex_features": [{"name": "zip", "pattern": "[0-9]+"}],
}
INTENTS = [{"tag": tag, "patterns": [f"{tag} please {n}" for n in range(4)], "responses": ["ok"]} for tag in LABELS]
ASKED = [{"question": f"how many {m}?", "answer": {"number": m}} for m in range(3)]
FAQ = [{"category": label, "faqs": [{"question": f"why {label} {n}?", "answer": f"so {n}"} for n in range(4)]} for label in LABELS]
STEMS = [{"stem": f"which one {n}", "choices": [{"label": c, "text": f"{c} {n}"} for c in "AB"]} for n in range(8)]
TEXTS, MARKS = [row["text"] for row in FLAT], [row["label"] for row in FLAT]
NESTED: list[tuple[str, Any]] = [
    ("data[].paragraphs[].qas[]", SQUAD),
    ("nlu_data.common_examples[]", {"nlu_data": NLU}),
    ("intents[].patterns[]", {"intents": INTENTS}),
    ("rows[].row", {"features": [{"name": "text"}], "rows": [{"row_idx": n, "row": row} for n, row in enumerate(FLAT)]}),
    ("hits.hits[]._source", {"took": 1, "hits": {"hits": [{"_id": str(n), "_source": row} for n, row in enumerate(FLAT)]}}),
    ("{split}[]", {name: [[row["text"], row["label"]] for row in FLAT] for name in ("train", "val", "test")}),
    ("{label}[]", {label: [f"{label} text {n}" for n in range(5)] for label in LABELS}),
    ("{id}.qa_pairs[]", {f"game_{n}": {"passage": f"passage {n}", "qa_pairs": ASKED} for n in range(6)}),
    ("by column", {"text": TEXTS, "label": MARKS}),
    ("by column", {name: {str(n): row[name] for n, row in enumerate(FLAT)} for name in ("text", "label")}),
    (
        "by column",
        {"columns": ["text", "label"], "index": list(range(12)), "data": list(map(list, zip(TEXTS, MARKS, strict=True)))},
    ),
    ("{id}", {str(n): row for n, row in enumerate(FLAT)}),
    ("data[]", {"data": FLAT}),  # on one line: the plain rules take that for one row
    ("examples[]", {"note": "not for training", "examples": FLAT}),
    ("categories[].faqs[]", {"categories": FAQ}),
    ("question", [{"id": str(n), "question": stem, "answerKey": "AB"[n % 2]} for n, stem in enumerate(STEMS)]),
]
STEPS = [{"question": "a", "answer": "b"}, {"question": "c", "answer": "d"}]
PLAIN: list[Any] = [
    FLAT,
    [{"messages": [turn("user", f"hi {n}"), turn("assistant", "yes")]} for n in range(8)],
    [{"id": n, "conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yes"}]} for n in range(8)],
    [{**row, "entities": [{"start": 0, "end": 4, "label": "X"}]} for row in FLAT],
    [{"question": f"what {n}?", "answer": "x", "steps": STEPS} for n in range(8)],
    [{"input": {"subject": f"s {n}", "body": "b"}, "output": {"team": "x"}} for n in range(8)],
]


def written(tmp_path: Path, value: Any) -> Path:
    path = tmp_path / "data.json"
    path.write_text(json.dumps(value), "utf-8")
    return path


@pytest.mark.parametrize(("expected", "value"), NESTED, ids=[f"{at}: {path}" for at, (path, _) in enumerate(NESTED)])
def test_the_path_to_the_rows(tmp_path, expected, value):
    path = written(tmp_path, value)
    found = find_rows(path, path.name, None)
    assert found is not None and found[0] == expected
    table = nested_table(path, path.name, None, expected)
    made = [table.parse(row.content) for row in table.rows]
    assert len(made) >= 6 and table.places is not None and len(set(table.places)) == len(made)


@pytest.mark.parametrize("value", PLAIN, ids=range(len(PLAIN)))
def test_what_is_no_nested_file(tmp_path, value):
    path = written(tmp_path, value)
    assert find_rows(path, path.name, None) is None


def test_outer_levels_are_copied_and_places_told(tmp_path):
    path = written(tmp_path, NESTED[0][1])
    table = nested_table(path, "s.json", None, "data[].paragraphs[].qas[]")
    made = [(table.parse(row.content)) for row in table.rows]
    assert made[4] == {"version": "v2", "title": "t1", "context": "long context 1", **question(4), "answers": ["Ada 4"]}
    assert table.places and table.places[4].endswith("#data[1].paragraphs[0].qas[1]")


def test_an_answer_that_there_is_not_is_nothing(tmp_path):
    rows = [{"question": "who?", "answers": [], "is_impossible": True}, {"question": "what?", "answers": []}]
    path = written(tmp_path, {"data": [{"qas": rows}]})
    table = nested_table(path, "s.json", None, "data[].qas[]")
    assert [table.parse(row.content)["answers"] for row in table.rows] == [None, []]


def test_lines_and_bad_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"instruction": f"do {n}", "instances": [{"input": "", "output": f"done {n}"}]}) for n in range(6)]
    path.write_text("\n".join([*lines, "{oops", json.dumps({"instances": 3})]), "utf-8")
    found = find_rows(path, path.name, None)
    assert found is not None and found[0] == "instances[]"
    table = nested_table(path, path.name, None, "instances[]")
    raw = list(table.rows)
    assert table.parse(raw[2].content) == {"instruction": "do 2", "input": "", "output": "done 2"}
    for at in (6, 7):
        with pytest.raises(RowError):
            table.parse(raw[at].content)
    assert table.places and table.places[7].startswith("a.jsonl:8")


def test_what_is_refused(tmp_path):
    story = {"story": "s", "questions": [{"input_text": "a"}], "answers": [{"input_text": "b", "span_start": 0}]}
    path = written(tmp_path, {"data": [story] * 4})
    with pytest.raises(UserError, match="side by side"):
        find_rows(path, path.name, None)
    result = [{"result": [{"type": "choices", "value": {"choices": ["x"]}}]}]
    path = written(tmp_path, [{"id": n, "data": {"text": f"t {n}"}, "annotations": result} for n in range(4)])
    with pytest.raises(UserError, match="JSON-MIN"):
        find_rows(path, path.name, None)
    path = written(tmp_path, {"first": FLAT, "second": FLAT})
    with pytest.raises(UserError, match=r"2 lists of the same rows(.|\n)*'first\[\]', 'second\[\]'"):
        find_rows(path, path.name, None)
    with pytest.raises(UserError, match="no path"):
        steps_of("data[")


KEYS = st.sampled_from(["a", "b c", "d.e", "text"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(VALUES, st.sampled_from(["a[]", "a.text[]", "[].a", "{id}[]", '"d.e".a', "{split}.a[]"]))
def test_anything_becomes_rows_or_reasons(value, path):
    for place, row in explode(value, steps_of(path), "x#", {}):
        assert place.startswith("x#") and isinstance(row, dict | RowError)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(VALUES)
def test_the_search_takes_anything(tmp_path_factory, value):
    path = tmp_path_factory.mktemp("any") / "data.json"
    path.write_text(json.dumps(value), "utf-8")
    try:
        find_rows(path, path.name, None)
    except UserError as error:
        assert error.hint


def test_over_several_lines_the_plain_rules_see_the_one_list(tmp_path):
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"note": "x", "data": FLAT}, indent=1), "utf-8")
    assert find_rows(path, "data.json", None) is None
