"""`data.columns` as a task file says it, and answers made of several columns."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.data.read.rows import ReadRow, RowError
from rung.data.shapes.answer import answer_of, marks_of
from rung.data.shapes.columns import Columns
from rung.errors import UserError


@pytest.mark.parametrize(
    ("written", "inputs", "again"),
    [
        ("q", ("q",), "q"),
        (["q"], ("q",), "q"),
        (["q", "text"], ("q", "text"), ["q", "text"]),
        ({"Question": "q", "A": "first"}, ("q", "first"), {"Question": "q", "A": "first"}),
        ("{q}: {text} {q}", ("q", "text"), "{q}: {text} {q}"),
        (["{q}"], ("{q}",), ["{q}"]),
    ],
)
def test_input_as_it_is_written(written, inputs, again):
    columns = Columns.read({"input": written, "target": "a", "id": "no"})
    assert columns.inputs() == inputs
    assert columns.named() == {"input": again, "target": "a", "id": "no"}
    assert columns.places() == [*[("input", name) for name in inputs], ("target", "a"), ("id", "no")]
    assert Columns.read(columns.named()) == columns


def test_target_as_it_is_written():
    assert Columns.read({"input": "q", "target": ["a"]}).target == "a"
    columns = Columns.read({"input": "q", "target": ["joy", "fear"]})
    assert (columns.targets(), columns.named()["target"]) == (("joy", "fear"), ["joy", "fear"])
    assert Columns().targets() == Columns().inputs() == ()


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ({"input": [], "target": "a"}, r"data.columns.input cannot be \[\]"),
        ({"input": {}, "target": "a"}, r"data.columns.input cannot be \{\}"),
        ({"input": ["q", ""], "target": "a"}, "data.columns.input cannot be"),
        ({"input": None, "target": "a"}, "data.columns.input cannot be None"),
        ({"input": [["q"]], "target": "a"}, "data.columns.input cannot be"),
        ({"input": "q", "target": {"a": "b"}}, "(?s)data.columns.target cannot be.*or a list of columns"),
        ({"input": "q", "target": "a", "id": ["x", "y"]}, "(?s)data.columns.id cannot be.*Give a column's name"),
        ({"input": ["q", "q"], "target": "a"}, "data.columns.input names 'q' twice"),
        ({"input": "q", "target": ["a", "a"]}, "data.columns.target names 'a' twice"),
        ({"input": ["q", "a"], "target": "a"}, "'a' is both in the input and the target"),
        ({"input": "{q}{a}", "target": ["a", "b"]}, "'a' is both in the input and the target"),
        ({"input": "q"}, "needs both input and target"),
        ({"inputs": "q", "target": "a"}, "(?s)unknown key 'inputs'.*Did you mean 'input'"),
    ],
)
def test_what_names_no_columns_is_an_error(written, problem):
    with pytest.raises(UserError, match=problem):
        Columns.read(written)


@pytest.mark.parametrize("written", [["q", "txt"], {"Q": "q", "T": "txt"}, "{q} {txt}"])
def test_a_column_that_no_row_has_is_named_with_the_nearest(load, written):
    with pytest.raises(UserError, match=r"(?s)rows\.jsonl has no column 'txt'.*Did you mean 'text'") as error:
        load("rows.jsonl", [{"q": "a", "text": "b", "a": "c"}], columns={"input": written, "target": "a"})
    assert error.value.where == "data.columns.input"


def rows(*cells, names=("joy", "fear")):
    return [ReadRow(at, dict(zip(names, row, strict=True))) for at, row in enumerate(cells, start=2)]


@pytest.mark.parametrize(
    ("cells", "answers"),
    [
        ([("1", "0"), ("0", "0"), ("1", "1")], [["joy"], [], ["joy", "fear"]]),
        ([(1, 0), (0, 1)], [["joy"], ["fear"]]),
        ([(1.0, 0.0), (0.0, 0.0)], [["joy"], []]),
        ([(True, False), (False, False)], [["joy"], []]),
        ([("TRUE", "FALSE"), ("False", "true")], [["joy"], ["fear"]]),
        ([("yes", "No"), ("no", "no")], [["joy"], []]),
        ([("x", ""), ("", "X"), ("", None)], [["joy"], ["fear"], []]),
        ([("1", None), (None, None)], [["joy"], []]),
    ],
)
def test_marks_are_the_list_of_the_columns_that_are_marked(cells, answers):
    some = rows(*cells)
    marks = marks_of(some, ("joy", "fear"))
    assert marks is not None
    assert [answer_of(row, ("joy", "fear"), marks) for _, row in some] == answers


def test_a_mark_that_is_missing_is_not_taken_for_none():
    some = rows(("1", "0"), ("", "1"))
    marks = marks_of(some, ("joy", "fear"))
    assert answer_of(some[0].row, ("joy", "fear"), marks) == ["joy"]
    with pytest.raises(RowError, match=r"the target \(joy\) is empty: neither marked nor not"):
        answer_of(some[1].row, ("joy", "fear"), marks)


@pytest.mark.parametrize("cells", [[("1", "2")], [("0", "0")], [("billing", "high")], [("1", "-1")], [("yes", "maybe")]])
def test_what_holds_anything_else_is_an_object(cells):
    assert marks_of(rows(*cells), ("joy", "fear")) is None


def test_an_object_has_what_each_column_says_and_leaves_out_what_says_nothing():
    some = rows((" billing ", ""), (0, None), ("", float("nan")), names=("topic", "size"))
    answers = [answer_of(row, ("topic", "size"), None) for _, row in some[:2]]
    assert answers == [{"topic": "billing"}, {"topic": 0}]
    with pytest.raises(RowError, match="the target is empty: all of topic, size"):
        answer_of(some[2].row, ("topic", "size"), None)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.booleans()), min_size=1, max_size=8).filter(lambda r: any(map(any, r))))
def test_marks_come_back_from_the_lists(cells):
    names = ("a", "b", "c")
    some = rows(*cells, names=names)
    marks = marks_of(some, names)
    found = [answer_of(row, names, marks) for _, row in some]
    assert [tuple(name in answer for name in names) for answer in found] == cells


def test_labels_that_are_none_are_a_right_answer_of_a_whole_file(load):
    table = "text,joy,fear\n" + "".join(f"t{n},{n % 2},{n // 2 % 2}\n" for n in range(40))
    loaded = load("rows.csv", table, columns={"input": "text", "target": ["joy", "fear"]})
    assert [row.target for row in loaded.examples[:4]] == [[], ["joy"], ["fear"], ["joy", "fear"]]
