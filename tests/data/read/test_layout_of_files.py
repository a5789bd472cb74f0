"""`data.format`: what a task file may say, and how each setting reads text."""

import pytest

from rung.data.read.layout import PLAIN, Layout
from rung.data.read.source import Source, read_rows
from rung.errors import UserError


@pytest.fixture
def rows(tmp_path):
    def read(name, content, given=None):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        layout = Layout.read(given)
        found = read_rows(Source(reference=name, base_folder=tmp_path, downloads=tmp_path, layout=layout))
        return [(line, dict(row)) for line, row in found.rows], found

    return read


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        (3, "data.format", "3 is no format"),
        ("cvs", "data.format.format", "Did you mean 'csv'"),
        ({"heder": False}, "data.format", "unknown key 'heder'"),
        ({"header": "no"}, "data.format.header", "neither true nor false"),
        ({"skip_lines": -1}, "data.format.skip_lines", "no number of lines"),
        ({"skip_lines": True}, "data.format.skip_lines", "no number of lines"),
        ({"delimiter": ""}, "data.format.delimiter", "cannot stand between fields"),
        ({"delimiter": '"'}, "data.format.delimiter", "cannot stand between fields"),
        ({"quotes": "double"}, "data.format.quotes", "none that is known"),
        ({"label": "before colon"}, "data.format.label", "no place of a label"),
        ({"format": "csv", "label": "first word"}, "data.format", "a label in lines of text"),
    ],
)
def test_what_is_no_layout_is_told_at_its_key(given, where, message):
    with pytest.raises(UserError) as error:
        Layout.read(given)
    assert error.value.where == where
    assert message in f"{error.value.problem} {error.value.hint}"


@pytest.mark.parametrize(
    "given",
    [None, "tsv", {"header": False, "quotes": "none"}, {"format": "text", "label": "after last @", "skip_lines": 1}, {"label": ""}],
)
def test_a_layout_is_written_as_it_was_read(given):
    assert Layout.read(given).written() == given
    assert (Layout.read(given) == PLAIN) == (given is None)


def test_a_file_without_a_header(rows):
    found, _ = rows("rows.tsv", "good\tyes\nbad\tno\n", {"header": False})
    assert found == [(1, {"column_1": "good", "column_2": "yes"}), (2, {"column_1": "bad", "column_2": "no"})]


@pytest.mark.parametrize(
    ("content", "given", "text"),
    [
        ('text\tlabel\n"Well" he said\tyes\n', {"quotes": "none"}, '"Well" he said'),
        ("text,label\n'one, ''two''',yes\n", {"quotes": "single"}, "one, 'two'"),
        ('text,label\n"a \\"b\\", \\\\"" c",yes\n'.replace('\\\\""', "c"), {"quotes": "backslash"}, 'a "b", c c'),
        ("text;;label\none; two;;yes\n", {"delimiter": ";;"}, "one; two"),
        ('text::label\n"one::two"::yes\n', {"delimiter": "::"}, "one::two"),
        ("All reviews\n\ntext,label\ngood,yes\n", {"skip_lines": 2}, "good"),
        ("sep=;\r\ntext;label\r\none, two;yes\r\n", None, "one, two"),
        ("text,label\rgood,yes\r", None, "good"),
        ('text,label\n"5" pipe, new",yes\n', None, '5" pipe, new'),
        ('text,label\n"he said "no"",yes\n', None, 'he said "no"'),
        ('text,label\n5" pipe,yes\n', None, '5" pipe'),
        ("text,label\ngood,yes,,\n", None, "good"),
    ],
)
def test_how_a_field_is_read(rows, content, given, text):
    name = "rows.tsv" if "\t" in content else "rows.csv"
    assert [row for _, row in rows(name, content, given)[0]] == [{"text": text, "label": "yes"}]


def test_lines_of_every_end(rows):
    found, _ = rows("rows.csv", "text,label\r\none,a\rtwo,b\nthree,c")
    assert [(line, row["text"]) for line, row in found] == [(2, "one"), (3, "two"), (4, "three")]


def test_a_line_break_within_quotes_is_text(rows):
    found, _ = rows("rows.csv", 'text,label\n"one\ntwo",a\nthree,b\n')
    assert found == [(2, {"text": "one\ntwo", "label": "a"}), (4, {"text": "three", "label": "b"})]


def test_an_open_quote_costs_its_row_alone(rows):
    found, read = rows("rows.csv", 'text,label\n"one,a\ntwo,b\nthree,c\n')
    assert [row["text"] for _, row in found] == ["two", "three"]
    assert (read.problems.count, read.problems.first[0][:20]) == (1, "rows.csv:2: not CSV:")


def test_a_header_that_stands_again_is_no_row(rows):
    found, read = rows("rows.csv", "text,label\none,a\ntext,label\ntwo,b\n")
    assert [row["text"] for _, row in found] == ["one", "two"]
    assert read.skipped == {"repeats the header": 1}


def test_an_index_takes_no_part(rows):
    assert rows("rows.csv", ",text,label\n0,one,a\n", {"index": True})[0] == [(2, {"text": "one", "label": "a"})]
    assert rows("rows.csv", "text,label\n1,one,a\n2,two,b\n", {"index": True})[0][0] == (2, {"text": "one", "label": "a"})
    assert rows("rows.csv", "0,one,a\n", {"index": True, "header": False})[0] == [(1, {"column_2": "one", "column_3": "a"})]


def test_repeated_names_are_numbered_where_it_is_said(rows):
    found, _ = rows("rows.csv", "note,note,note_2\na,b,c\n", {"repeated_names": True})
    assert found == [(2, {"note": "a", "note_3": "b", "note_2": "c"})]


def test_short_rows_where_it_is_said_and_where_the_columns_have_no_name(rows):
    found, _ = rows("rows.csv", "text,label,note\none,a\n", {"short_rows": True})
    assert found == [(2, {"text": "one", "label": "a", "note": ""})]
    found, read = rows("rows.csv", "text,label,,\none,a\ntwo\n")
    assert [row["label"] for _, row in found] == ["a"]
    assert read.problems.first == ["rows.csv:3: 1 fields where the header names 4 (text, label, column_3, column_4)"]


@pytest.mark.parametrize(
    ("line", "label", "row"),
    [
        ("spam call now, it is free", "first word", {"label": "spam", "text": "call now, it is free"}),
        ("call now spam", "last word", {"label": "spam", "text": "call now"}),
        ("NUM:count How many?", "first word", {"label": "NUM:count", "text": "How many?"}),
        ("spam: call: now", "before first :", {"label": "spam", "text": "call: now"}),
        ("call me @ home@ham", "after last @", {"label": "ham", "text": "call me @ home"}),
        ("__label__a it is", "__label__", {"label": "a", "text": "it is"}),
        ("__label__a __label__b it is", "__label__", {"label": ["a", "b"], "text": "it is"}),
        ("it is", "", {"text": "it is"}),
    ],
)
def test_lines_of_text(rows, line, label, row):
    assert rows("rows.txt", f"{line}\n\n", {"format": "text", "label": label})[0] == [(1, row)]


def test_a_line_without_a_label_is_a_bad_row(rows):
    found, read = rows("rows.txt", "a: one\ntwo\n", {"format": "text", "label": "before first :"})
    assert (len(found), read.problems.first) == (1, ["rows.txt:2: the line has no label (before first :)"])


def test_a_byte_that_is_zero_or_of_another_encoding_costs_its_row_alone(rows):
    text = ["text,label", *(f"naïve {number},a" for number in range(40)), "x\0y,b"]
    found, read = rows("rows.csv", "\n".join(text).encode() + "\ncafé,b\n".encode("cp1252"))
    assert (len(found), read.problems.count) == (40, 2)
    assert "rows.csv:42: a byte is zero" in read.problems.first[0]
    assert "rows.csv:43: byte 0xe9 is not of the encoding" in read.problems.first[1]
