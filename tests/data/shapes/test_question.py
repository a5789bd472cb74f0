"""Questions made of several columns: what of a row is shown, and how."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.data.read.rows import RowError
from rung.data.shapes.columns import Columns
from rung.data.shapes.question import columns_of, option_names, rendered
from rung.errors import UserError

ROW = {"question_text": "Who sang?", "passage": "Ada sang.\nBo slept.", "A": "Ada", "B": "Bo", "C": ""}


def test_columns_stand_under_their_names_with_a_blank_line_between():
    assert rendered(ROW, ("question_text", "passage")) == "question text: Who sang?\n\npassage: Ada sang.\nBo slept."


def test_names_of_ones_own_are_kept_as_they_are():
    assert rendered(ROW, {"Frage_1": "question_text", "Text": "passage"}) == "Frage_1: Who sang?\n\nText: Ada sang.\nBo slept."


@pytest.mark.parametrize("question", [("question_text", "A", "B", "C"), {"question text": "question_text", "A": "A", "B": "B"}])
def test_letters_beside_a_question_are_options_a_line_each(question):
    assert rendered(ROW, question) == "question text: Who sang?\n\nA) Ada\nB) Bo"


@pytest.mark.parametrize(
    ("names", "options"),
    [
        ("Q A B C", "A B C"),
        ("stem 1 2 3", "1 2 3"),
        ("stem 0 1", "0 1"),
        ("stem a b", "a b"),
        ("a b", ""),
        ("stem A", ""),
        ("stem B C", ""),
        ("stem A B D", "A B"),
        ("x y text", ""),
    ],
)
def test_options_are_letters_or_numbers_from_their_first_on_beside_something_else(names, options):
    assert option_names(tuple(names.split())) == frozenset(options.split())


OPTIONS = "question: Which?\n\nchoices:\nA) red wine\nB) tea"


@pytest.mark.parametrize(
    "cell",
    [
        ["red wine", "tea"],
        '["red wine", "tea"]',
        "['red wine', 'tea']",
        "['red wine' 'tea']",
        "['red wine'\n 'tea']",
        "array(['red wine', 'tea'], dtype=object)",
        "('red wine', 'tea')",
        {"text": ["red wine", "tea"], "label": ["A", "B"]},
        {"text": ["red wine", "tea"], "label": ["red wine", "tea"]},
        '{"text": ["red wine", "tea"], "label": ["A", "B"]}',
        "{'text': array(['red wine', 'tea'], dtype=object), 'label': array(['A', 'B'], dtype=object)}",
        [{"label": "A", "text": "red wine"}, {"label": "B", "text": "tea"}],
        {"A": "red wine", "B": "tea"},
        "{'A': 'red wine', 'B': 'tea'}",
    ],
)
def test_a_list_of_options_is_listed_with_letters_however_it_is_written(cell):
    assert rendered({"question": "Which?", "choices": cell}, ("question", "choices")) == OPTIONS
    assert rendered({"question": "Which?", "choices": cell}, "{question}\n{choices}") == "Which?\nA) red wine\nB) tea"


@pytest.mark.parametrize(
    ("name", "cell", "shown"),
    [
        ("facts", ["one", "two"], "facts:\n- one\n- two"),
        ("tokens", ["The", "cat"], "tokens: The cat"),
        ("tokens", "['The', 'cat']", "tokens: The cat"),
        ("choices", "red or tea", "choices: red or tea"),
        ("choices", "[sic] red", "choices: [sic] red"),
        ("table", {"rows": [1, 2]}, 'table: {"rows": [1, 2]}'),
        ("size", 3, "size: 3"),
        ("size", 0, "size: 0"),
        ("open", False, "open: false"),
        ("note", "  kept  ", "note: kept"),
        ("labels", {"text": ["x", "y"], "label": ["A"]}, 'labels: {"text": ["x", "y"], "label": ["A"]}'),
    ],
)
def test_cells_of_other_kinds(name, cell, shown):
    assert rendered({"q": "?", name: cell}, ("q", name)) == f"q: ?\n\n{shown}"


@pytest.mark.parametrize("cell", [None, "", "   ", float("nan"), [], {}])
def test_what_is_empty_is_left_out_name_and_all(cell):
    assert rendered({"title": cell, "body": "b"}, ("title", "body")) == "body: b"
    assert rendered({"body": "b"}, ("title", "body")) == "body: b"
    assert rendered({"title": cell, "body": "b"}, "{title}: {body}") == ": b"
    with pytest.raises(RowError, match=r"the input is empty: all of it \(title, body\)"):
        rendered({"title": cell, "body": cell}, ("title", "body"))


@pytest.mark.parametrize("question", [("q", "A", "B"), ("q", "choices"), "{q}{A}"])
def test_options_alone_ask_nothing(question):
    row = {"q": "", "A": "" if isinstance(question, str) else "x", "B": "y", "choices": ["x", "y"]}
    with pytest.raises(RowError, match="the input is empty"):
        rendered(row, question)


def test_a_template_says_it_all():
    template = "Read: {passage}\n\n{{{question_text}}} {{}}"
    assert columns_of(template) == ("passage", "question_text")
    assert rendered(ROW, template) == "Read: Ada sang.\nBo slept.\n\n{Who sang?} {}"


@pytest.mark.parametrize("template", ["{", "a } b", "{q", "{}", "{ }", "{q} {", "{{q}} {", "{a{b}}"])
def test_a_brace_that_names_no_column_is_an_error(template):
    with pytest.raises(UserError, match=r"(?s)names no column.*written twice"):
        Columns.read({"input": template, "target": "t"})


def test_a_template_without_a_column_is_an_error():
    with pytest.raises(UserError, match=r"(?s)names no column.*as a list"):
        Columns.read({"input": "{{q}}", "target": "t"})


CELL = st.text(st.characters(categories=["L", "N", "P", "Z"]), min_size=1, max_size=20).filter(str.strip)
NAMES = st.lists(st.from_regex(r"[a-z]{2,6}(_[a-z]{2,4})?", fullmatch=True), min_size=2, max_size=4, unique=True)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(NAMES, st.data())
def test_every_cell_that_is_shown_is_in_the_question_and_it_is_the_same_every_time(names, data):
    row = {name: data.draw(CELL) for name in names}
    for question in (tuple(names), {name.upper(): name for name in names}, " | ".join(f"{{{name}}}" for name in names)):
        text = rendered(row, question)
        assert text == rendered(dict(reversed(row.items())), question)
        assert all(cell.strip() in text for cell in row.values())


@settings(max_examples=40, deadline=None, derandomize=True)
@given(NAMES, st.data())
def test_a_text_written_as_a_template_comes_back(names, data):
    row = {name: data.draw(st.from_regex(r"[a-z]{1,8}", fullmatch=True)) for name in names}
    marks = [data.draw(st.sampled_from(["{", "}", " and ", "\n", "{{", "="])) for _ in names]
    template = "".join(
        "{" + name + "}" + mark.replace("{", "{{").replace("}", "}}") for name, mark in zip(names, marks, strict=True)
    )
    wanted = "".join(row[name] + mark for name, mark in zip(names, marks, strict=True))
    assert rendered(row, template) == wanted.strip()


def test_a_question_of_several_columns_is_one_message_behind_its_system_message(load):
    rows = [{"role": "Be brief.", "q": json.dumps([{"role": "user", "content": "hi"}]), "text": "t", "a": "x"}]
    columns = {"input": ["q", "text"], "target": "a", "system": "role"}
    (example,) = load("rows.jsonl", rows, columns=columns).examples
    assert [message["role"] for message in example.messages] == ["system", "user"]
