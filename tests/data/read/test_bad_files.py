"""Every kind of bad data file: what its owner reads. Each is exit code 2 and no traceback."""

import gzip
import json

import pytest

from rung.data.read import source as source_module
from rung.errors import UserError

COLUMNS = {"input": "text", "target": "label"}
GOOD = {"prompt": "2 + 2?", "completion": "4"}


def test_a_missing_file_names_its_neighbour(load, write):
    write("calls.jsonl", [GOOD])
    with pytest.raises(UserError) as error:
        load("cals.jsonl", None)
    assert error.value.message == "cals.jsonl: no such file\n  Did you mean 'calls.jsonl'?"
    assert error.value.exit_code == 2


def test_a_folder_is_no_file(load, tmp_path):
    (tmp_path / "calls").mkdir()
    with pytest.raises(UserError, match="calls: the folder is empty"):
        load("calls", None)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "the file is empty"), (b" \n\n", "holds only blanks"), (gzip.compress(b"", mtime=0), "the gzip file holds nothing")],
)
def test_an_empty_file(load, content, message):
    with pytest.raises(UserError, match=message):
        load("rows.jsonl", content)


def test_a_header_without_rows(load):
    with pytest.raises(UserError, match=r"no row is left to use"):
        load("rows.csv", "text,label\n", columns=COLUMNS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"text,label\n\x00\x01\x02,\x03\n", "the file is binary: byte 11 is zero"),
        (b"PK\x03\x04rest", "the zip archive is damaged or cut off"),
        (b"%PDF-1.7 ...", "a PDF document"),
        (b"PAR1 but nothing else", "not a whole Parquet file"),
    ],
)
def test_a_binary_file_is_called_what_it_is(load, content, message):
    with pytest.raises(UserError, match=message):
        load("rows.csv", content, columns=COLUMNS)


def test_a_truncated_line_of_jsonl(load):
    text = json.dumps(GOOD) + "\n" + json.dumps(GOOD)[:-8]
    with pytest.raises(UserError) as error:
        load("rows.jsonl", text)
    assert "1 row cannot be used\n  rows.jsonl:2: the JSON is cut off: Unterminated string" in error.value.message


def test_a_whole_number_of_thousands_of_digits(load):
    with pytest.raises(UserError) as error:
        load("rows.jsonl", '{"prompt": "a", "completion": ' + "9" * 5000 + "}\n")
    assert "rows.jsonl:1: the JSON holds a whole number of thousands of digits" in error.value.message


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[\n{"prompt": "a", "completion": "b"},\n{"prompt": "a", ', "rows.json:3: the JSON is cut off"),
        ('[\n{"prompt": "a", "completion": "b"}\n', "rows.json:3: the JSON array is cut off"),
        ('[\n{"prompt": "a", "completion": NaN}]', "rows.json:2: NaN is not JSON"),
    ],
)
def test_a_truncated_json_array_names_the_line_of_its_row(load, text, where):
    with pytest.raises(UserError) as error:
        load("rows.json", text)
    assert error.value.message.startswith(where)


def test_a_wrong_encoding_names_byte_and_line_and_what_to_do(load):
    content = "text,label\ngood,yes\ncaf\u00e9,no\n".encode("cp1252")
    with pytest.raises(UserError) as error:
        load("rows.csv", content, columns=COLUMNS)
    assert error.value.message == (
        "rows.csv:3: byte 0xe9 (byte 23 of the file) is not utf-8\n"
        "  Re-save the file as UTF-8, or name its encoding: data.encoding: cp1252 (others: cp1252, mac_roman, latin-1)."
    )
    assert load("rows.csv", content, columns=COLUMNS, encoding="cp1252").examples[1].messages[0]["content"] == "caf\u00e9"


def test_one_line_of_another_encoding_does_not_garble_the_rest(load):
    lines = [b"text,label", *("na\u00efve \U0001f600,yes".encode() for _ in range(5)), "caf\u00e9,no".encode("cp1252"), b""]
    with pytest.raises(UserError, match=r"1 row cannot be used\n  rows\.csv:7: byte 0xe9 is not of the encoding"):
        load("rows.csv", b"\n".join(lines), columns=COLUMNS)


def test_an_unknown_encoding(load):
    with pytest.raises(UserError, match=r"(?s)'utf8mb4' is no known encoding.*utf-8"):
        load("rows.csv", "text,label\na,b\n", columns=COLUMNS, encoding="utf8mb4")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks_are_understood(load, encoding):
    content = "text,label\ncaf\u00e9,no\n".encode(encoding)
    example = load("rows.csv", content, columns=COLUMNS).examples[0]
    assert (example.messages[0]["content"], example.target) == ("caf\u00e9", "no")


def test_broken_utf16_is_told(load):
    content = "text,label\ncaf\u00e9,no\n".encode("utf-16")[:-1]
    with pytest.raises(UserError, match=r"the text is not utf-16"):
        load("rows.csv", content, columns=COLUMNS)


def test_gzip_is_undone_whatever_the_name(load):
    packed = gzip.compress((json.dumps(GOOD) + "\n").encode())
    assert load("rows.jsonl.gz", packed).examples[0].target == "4"
    assert load("rows.jsonl", packed).examples[0].target == "4"


def test_a_truncated_gzip_file(load):
    packed = gzip.compress(b"".join(json.dumps({**GOOD, "n": n}).encode() + b"\n" for n in range(20_000)))
    with pytest.raises(UserError, match=r"rows.jsonl.gz: the gzip file is broken or cut off"):
        load("rows.jsonl.gz", packed[: len(packed) // 2])


def test_too_many_rows_name_the_limit(load, monkeypatch):
    monkeypatch.setattr(source_module, "MAX_ROWS", 10)
    with pytest.raises(UserError, match=r"(?s)more than 10 rows.*data\.limit"):
        load("rows.jsonl", [GOOD] * 11)
    assert len(load("rows.jsonl", [GOOD] * 11, limit=5).examples) == 5


def test_an_endless_line(load, monkeypatch):
    from rung.data.read import files

    monkeypatch.setattr(files, "MAX_LINE_BYTES", 1000)
    with pytest.raises(UserError, match=r"rows.jsonl:2: the line is longer"):
        load("rows.jsonl", json.dumps(GOOD) + "\n" + "x" * 2000)


def test_all_bad_rows_are_told_at_once(load):
    rows = [GOOD, *[{"prompt": f"p{n}", "completion": ""} for n in range(30)], GOOD]
    with pytest.raises(UserError) as error:
        load("rows.jsonl", rows)
    lines = error.value.message.splitlines()
    assert lines[0] == "rows.jsonl: 30 rows cannot be used"
    assert lines[1].strip() == "rows.jsonl:2: the target (completion) is empty"
    assert lines[20].strip() == "rows.jsonl:21: the target (completion) is empty"
    assert lines[21].strip() == "... and 10 more"
    assert "data.where" in lines[22]


def test_duplicate_ids_name_both_lines(load):
    rows = [{"name": "a", **GOOD}, {"name": "b", **GOOD}, {"name": "a", **GOOD}]
    named = {"columns": {"id": "name"}}
    with pytest.raises(UserError, match=r"rows.jsonl:3: the id 'a' stands at line 1 already"):
        load("rows.jsonl", rows, **named)


def test_an_unknown_column_names_the_nearest(load):
    with pytest.raises(UserError) as error:
        load("rows.csv", "text,label\na,b\n", columns={"input": "text", "target": "lable"})
    assert error.value.message == "data.columns.target: rows.csv has no column 'lable'\n  Did you mean 'label'?"


def test_an_unknown_group_column(load):
    with pytest.raises(UserError, match=r"(?s)data.group: rows.csv has no column 'custmer'.*Did you mean 'customer'"):
        load("rows.csv", "text,label,customer\na,b,c\n", columns=COLUMNS, group="custmer")


def test_an_unknown_key_of_columns(load):
    with pytest.raises(UserError, match=r"(?s)unknown key 'inputs'.*Did you mean 'input'"):
        load("rows.csv", "text,label\na,b\n", columns={"inputs": "text", "target": "label"})


def test_input_without_target(load):
    with pytest.raises(UserError, match=r"needs both input and target"):
        load("rows.csv", "text,label\na,b\n", columns={"input": "text"})


def test_columns_of_no_known_shape_say_what_to_write(load):
    with pytest.raises(UserError) as error:
        load("rows.csv", "text,label\na,b\n")
    assert "the rows have label, text, which is none of the known shapes" in error.value.message
    assert "data.columns: {input: ..., target: ...}" in error.value.message


def test_mixed_shapes(load):
    chat = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    with pytest.raises(UserError) as error:
        load("rows.jsonl", [GOOD, chat, GOOD, {"other": 1}])
    assert "rows.jsonl:4: the row has only other; the file's rows are shaped prompt/completion" in error.value.message


def test_ragged_csv_rows_and_an_open_quote(load):
    with pytest.raises(UserError, match=r"rows.csv:3: 3 fields where the header names 2 \(text, label\)"):
        load("rows.csv", "text,label\na,b\na,b,c\n", columns=COLUMNS)
    with pytest.raises(UserError, match=r"1 row cannot be used\n  rows.csv:3: not CSV: .* is written twice"):
        load("rows.csv", 'text,label\na,b\n"a,b\nc,d\n', columns=COLUMNS)


def test_a_header_that_names_a_column_twice(load):
    with pytest.raises(UserError, match=r"the header names 'text' twice"):
        load("rows.csv", "text,text\na,b\n", columns=COLUMNS)


def test_rows_that_are_no_objects(load):
    with pytest.raises(UserError, match=r"rows.jsonl:2: the row is a list, not an object"):
        load("rows.jsonl", [GOOD, ["a", "b"]])
    with pytest.raises(UserError, match=r"rows.json:1: the row is a string, not an object"):
        load("rows.json", '["a"]')
    with pytest.raises(UserError, match=r"rows.jsonl:2: something follows the JSON array"):
        load("rows.jsonl", '["a", "b"]\n["c", "d"]\n')


@pytest.mark.parametrize("limit", [0, -1, True])
def test_a_limit_that_is_none(load, limit):
    with pytest.raises(UserError, match=r"data.limit"):
        load("rows.jsonl", [GOOD], limit=limit)


def test_half_a_surrogate_pair(load):
    with pytest.raises(UserError, match=r"rows.jsonl:1: the row cannot be written as JSON"):
        load("rows.jsonl", '{"prompt": "\\ud83d", "completion": "x"}\n')


def test_deeply_nested_json(load):
    with pytest.raises(UserError, match=r"nested too deeply"):
        load("rows.jsonl", json.dumps(GOOD) + "\n" + '{"a":' * 100_000 + "1" + "}" * 100_000)


def test_ten_million_lines_stay_within_memory(tmp_path):
    """100,000 lines stand for ten million, to stay fast: with a limit, memory follows the limit and not the file."""
    import tracemalloc

    from rung.data.load import load_examples
    from rung.data.read.source import Source

    path = tmp_path / "rows.jsonl"
    with path.open("w") as file:
        for start in range(0, 100_000, 10_000):
            file.write("".join(f'{{"prompt": "question {n}", "completion": "{n % 7}"}}\n' for n in range(start, start + 10_000)))
    tracemalloc.start()
    loaded = load_examples(Source(reference="rows.jsonl", base_folder=tmp_path, downloads=tmp_path, limit=1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (len(loaded.examples), loaded.rows_read) == (1000, 100_000)
    assert peak < 3_000_000 < path.stat().st_size


def test_a_carriage_return_in_a_cell_moves_no_row_to_another_line(load):
    text = 'text,label\r\n"one\rtwo\rthree",x\r\n"a\r\nb",y\r\nlast,z\r\n'
    assert [row.id for row in load("rows.csv", text.encode(), columns=COLUMNS).examples] == [f"rows.csv:{n}" for n in (2, 3, 5)]
    alone = text.replace("\r\n", "\r").encode()
    assert [row.id for row in load("rows.csv", alone, columns=COLUMNS).examples] == [f"rows.csv:{n}" for n in (2, 5, 7)]
