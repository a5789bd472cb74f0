"""Row shapes, file formats, filters and samples."""

import json

import pytest

from rung.data.load import load_examples
from rung.data.read.source import Source
from rung.data.shapes.columns import Columns
from rung.errors import UserError
from rung.parts import Gold
from rung.types import Example

ASK = [{"role": "user", "content": "2 + 2?"}]
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}


def only(load, row) -> Example:
    return load("rows.jsonl", [row]).examples[0]


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [*ASK, {"role": "assistant", "content": "4"}]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "2 + 2?"}]}, {"role": "assistant", "content": "4"}]},
        {"messages": ASK, "target": "4"},
        {"prompt": "2 + 2?", "completion": " 4\n"},
        {"prompt": ASK, "completion": [{"role": "assistant", "content": "4"}]},
        {"instruction": "2 + 2?", "input": "", "output": "4"},
        {"conversations": [{"from": "human", "value": "2 + 2?"}, {"from": "gpt", "value": "4"}]},
        {"question": [ASK], "tools": [], "target": "4"},
        {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"},
        {"input": {"messages": ASK}, "preferred_output": [{"role": "assistant", "content": "4"}], "non_preferred_output": [
            {"role": "assistant", "content": "5"}]},
        {"chosen": [*ASK, {"role": "assistant", "content": "4"}], "rejected": [*ASK, {"role": "assistant", "content": "5"}]},
    ],
)  # fmt: skip
def test_every_shape_says_the_same(load, row):
    example = only(load, row)
    assert [dict(message) for message in example.messages] == ASK
    assert example.target == "4"
    assert example.source == "rows.jsonl:1"
    assert example.group == example.id == "rows.jsonl:1"
    assert example.rejected == ("5" if {"rejected", "non_preferred_output"} & set(row) else None)


def test_alpaca_input_and_system(load):
    example = only(load, {"instruction": "Translate.", "input": "chat", "output": "cat", "system": "Be brief."})
    assert [m["content"] for m in example.messages] == ["Be brief.", "Translate.\n\nchat"]


def test_tool_calls_of_the_last_turn_are_the_target(load):
    turns = [*ASK, {"role": "assistant", "content": None, "tool_calls": [CALL]}]
    example = only(load, {"messages": turns, "tools": [TOOL]})
    assert example.target == [{"name": "add", "arguments": {"a": 1}}]
    assert example.tools[0]["function"]["name"] == "add"


def test_earlier_tool_calls_stay_in_the_conversation_with_their_arguments_as_objects(load):
    turns = [
        *ASK,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c1", "content": "2"},
        {"role": "assistant", "content": "It is 2."},
        {"role": "user", "content": "In words?"},
        {"role": "assistant", "content": "Two."},
    ]
    example = only(load, {"messages": turns, "tools": [TOOL]})
    assert example.messages[1]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    ]
    assert example.messages[2]["tool_call_id"] == "c1"
    assert example.target == "Two."


def test_text_where_others_call_means_that_no_call_is_right(load):
    calling = {"messages": [*ASK, {"role": "assistant", "tool_calls": [CALL]}], "tools": [TOOL]}
    talking = {"messages": [*ASK, {"role": "assistant", "content": "I cannot."}], "tools": [TOOL]}
    loaded = load("rows.jsonl", [calling, talking])
    assert [example.target for example in loaded.examples] == [[{"name": "add", "arguments": {"a": 1}}], []]
    assert loaded.examples[1].said == "I cannot."
    assert only(load, talking).target == "I cannot."


def test_targets_that_are_all_json_objects_become_objects(load):
    rows = [{"prompt": "Ann, 7", "completion": '{"name": "Ann", "age": 7}'}, {"prompt": "Bo, 8", "completion": '{"age": 8}'}]
    assert [example.target for example in load("rows.jsonl", rows).examples] == [{"name": "Ann", "age": 7}, {"age": 8}]
    rows[1]["completion"] = "nobody"
    assert [type(example.target) for example in load("rows.jsonl", rows).examples] == [str, str]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"messages": ASK}, "the last message is the user's"),
        ({"messages": []}, "the conversation is empty"),
        ({"messages": [{"role": "assistant", "content": "4"}]}, "no user message holds any text"),
        ({"messages": [{"role": "usr", "content": "a"}]}, "message 1 has the role 'usr'. Did you mean 'user'?"),
        ({"messages": [*ASK, {"role": "assistant", "content": "4"}], "target": "4"}, "both a target and a last assistant message"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "a part of type 'image_url'"),
        ({"messages": [*ASK, {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]}, "cut off"),
        ({"prompt": "a", "completion": None}, r"the target \(completion\) is empty"),
        ({"prompt": "  ", "completion": "b"}, "the input is empty"),
        ({"chosen": [*ASK, {"role": "assistant", "content": "4"}], "rejected": [{"role": "user", "content": "?"}, {
            "role": "assistant", "content": "5"}]}, "differ before their last turn"),
        ({"question": "a", "tools": [{"type": "function"}], "target": "x"}, "tool 1 has no function name"),
    ],
)  # fmt: skip
def test_bad_rows_say_why(load, row, reason):
    with pytest.raises(UserError, match=f"rows.jsonl:1: .*{reason}"):
        only(load, row)


TABLE = (
    "key,text,label,customer,kind,part\n"
    "k1,hello there,good,ann,log,train\n"
    "k2,go away,bad,ann,human,validation\n"
    "k3,fine,good,,human,test\n"
)
EVERYTHING = {"input": "text", "target": "label", "id": "key", "origin": "kind", "split": "part"}


@pytest.mark.parametrize(("name", "mark"), [("rows.csv", ","), ("rows.csv", ";"), ("rows.tsv", "\t"), ("rows.txt", "|")])
def test_columns_of_a_table(load, name, mark):
    loaded = load(name, TABLE.replace(",", mark), columns=EVERYTHING, group="customer")
    assert [e.id for e in loaded.examples] == ["k1", "k2", "k3"]
    assert [e.group for e in loaded.examples] == ["ann", "ann", "k3"]
    assert [e.origin for e in loaded.examples] == ["log", "human", "human"]
    assert [e.split for e in loaded.examples] == ["train", "dev", "test"]
    assert [e.target for e in loaded.examples] == ["good", "bad", "good"]


def test_lines_of_a_csv_count_the_lines_of_quoted_fields(load):
    loaded = load("rows.csv", 'text,label\n"two\nlines",a\nnext,b\n', columns={"input": "text", "target": "label"})
    assert [e.source for e in loaded.examples] == ["rows.csv:2", "rows.csv:4"]
    assert loaded.examples[0].messages[0]["content"] == "two\nlines"


def test_a_cell_may_hold_messages_and_tools_as_json(load):
    rows = [{"chat": json.dumps(ASK), "calls": json.dumps([{"name": "add", "arguments": {"a": 1}}]), "tools": json.dumps([TOOL])}]
    example = load("rows.jsonl", rows, columns={"input": "chat", "target": "calls", "tools": "tools"}).examples[0]
    assert [dict(m) for m in example.messages] == ASK
    assert example.target == [{"name": "add", "arguments": {"a": 1}}]


@pytest.mark.parametrize(
    "text",
    [
        '[{"prompt": "a", "completion": "b"}]',
        '{"data": [{"prompt": "a", "completion": "b"}]}',
        '{\n"prompt": "a", "completion": "b"\n}',
    ],
)
def test_json_documents(load, text):
    text = text.replace('{"data"', '{\n"data"')
    example = load("rows.json", text).examples[0]
    assert (example.messages[0]["content"], example.target) == ("a", "b")


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"text": ["a", "b"], "label": ["x", None], "score": [0.5, float("nan")]})
    parquet.write_table(table, tmp_path / "rows.parquet")
    source = Source(
        reference="rows.parquet",
        base_folder=tmp_path,
        downloads=tmp_path,
        columns=Columns(input="text", target="label"),
        where={"label": "x"},
    )
    with pytest.raises(UserError, match=r"rows.parquet:2: a field holds nan"):
        load_examples(source)
    parquet.write_table(table.drop(["score"]), tmp_path / "rows.parquet")
    assert [e.target for e in load_examples(source).examples] == ["x"]


def test_where_counts_what_it_leaves_out(load):
    text = "text,label,sure\na,good,0.9\nb,bad,0.5\nc,meh,0.9\nd,good,\ne,bad,much\nf,bad,.65\n"
    columns = {"input": "text", "target": "label"}
    loaded = load("rows.csv", text, columns=columns, where={"label": ["good", "bad"], "sure": ">= 0.65"})
    assert [e.messages[0]["content"] for e in loaded.examples] == ["a", "f"]
    assert loaded.rows_read == 6
    assert loaded.skipped == {
        "sure is not >= 0.65": 1, "label is not good or bad": 1, "sure is empty": 1, "sure is not a number": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("condition", "kept"),
    [("good", "ad"), ("!= good", "bc"), (["bad", "meh"], "bc"), ("not empty", "abcd")],
)
def test_conditions(load, condition, kept):
    rows = [{"t": t, "l": label, "y": "1"} for t, label in zip("abcde", ["good", "bad", "meh", "good", ""], strict=True)]
    wanted = {"l": condition} if condition != "!= good" else {"l": condition, "t": "!= e"}
    loaded = load("rows.jsonl", rows, columns={"input": "t", "target": "y"}, where=wanted)
    assert "".join(e.messages[0]["content"] for e in loaded.examples) == kept


def test_where_numbers_and_truth_values_match_as_such(load):
    rows = [{"t": "a", "l": "x", "n": 1, "b": True}, {"t": "b", "l": "x", "n": 2.0, "b": False}]
    columns = {"input": "t", "target": "l"}
    assert len(load("rows.jsonl", rows, columns=columns, where={"n": [1.0]}).examples) == 1
    assert load("rows.jsonl", rows, columns=columns, where={"b": True}).examples[0].id == "rows.jsonl:1"


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"labl": "good"}, r"(?s)no row of rows.csv has a column 'labl'.*Did you mean 'label'"),
        ({"label": ["good", "bda"]}, r"(?s)no row has label: bda.*Did you mean 'bad'"),
        ({"label": {"in": ["good"]}}, "is no condition"),
        (
            {"label": "good", "text": ["b"]},
            r"(?s)no row is left to use.*data.where leaves out 1 rows: text is not b; 1 rows: label is not good",
        ),
    ],
)
def test_bad_conditions(load, where, message):
    with pytest.raises(UserError, match=message):
        load("rows.csv", "text,label\na,good\nb,bad\n", columns={"input": "text", "target": "label"}, where=where)


def test_limit_is_a_seeded_sample_of_the_whole_file(load):
    rows = [{"prompt": f"p{n}", "completion": "x"} for n in range(2000)]
    first = [e.id for e in load("rows.jsonl", rows, limit=500, seed=1).examples]
    assert first == [e.id for e in load("rows.jsonl", rows, limit=500, seed=1).examples]
    assert first != [e.id for e in load("rows.jsonl", rows, limit=500, seed=2).examples]
    lines = [int(name.split(":")[1]) for name in first]
    assert lines == sorted(lines)
    assert 80 < sum(line > 1600 for line in lines) < 120  # a fifth of the file: 100 expected, standard deviation 7.7
    assert len(load("rows.jsonl", rows, limit=5000).examples) == 2000


def test_rows_from_a_function(tmp_path):
    (tmp_path / "more.txt").write_text("a=x\nb=y\n")
    (tmp_path / "rows.py").write_text(
        "def rows(fetch):\n"
        "    for line in fetch('more.txt').read_text().splitlines():\n"
        "        asked, answer = line.split('=')\n"
        "        yield {'prompt': asked, 'completion': answer, 'group': 'g'}\n"
        "def broken(fetch):\n"
        "    yield {'prompt': 'a', 'completion': 'b'}\n"
        "    raise KeyError('gone')\n"
        "def lists(fetch):\n"
        "    return [[1]]\n"
    )

    def loaded(function: str):
        return load_examples(Source(reference=f"python:rows.py#{function}", base_folder=tmp_path, downloads=tmp_path))

    assert [(e.id, e.group, e.target) for e in loaded("rows").examples] == [
        ("rows.py#rows:1", "g", "x"),
        ("rows.py#rows:2", "g", "y"),
    ]
    with pytest.raises(UserError, match=r"rows.py:7: broken raised KeyError: 'gone'"):
        loaded("broken")
    with pytest.raises(UserError, match=r"the function yielded list, not a dict"):
        loaded("lists")
    with pytest.raises(UserError, match=r"(?s)there is no function 'rowz'.*Did you mean 'rows'"):
        loaded("rowz")


@pytest.mark.parametrize("end", ["2", None, 2.5, True])
def test_gold_whose_places_are_no_characters_is_refused(load, end):
    good = {"prompt": "q", "completion": "a", "gold": ["b.md", {"source": "a.md", "start": 1, "end": 2}]}
    assert only(load, good).gold == (Gold(source="b.md"), Gold(source="a.md", start=1, end=2))
    with pytest.raises(UserError, match="gold is no list of document names"):
        load("rows.jsonl", [{**good, "gold": [{"source": "a.md", "start": 1, "end": end}]}])


@pytest.mark.parametrize("form", ["objects", "texts", "table"])
def test_an_empty_object_is_a_right_answer(load, form):
    targets = [{"size": "small"}, {}, {"size": "large"}] * 10
    if form == "table":
        cells = [json.dumps(target).replace('"', '""') for target in targets]
        text = "q,a\n" + "".join(f'"ask {n}","{cell}"\n' for n, cell in enumerate(cells))
        loaded = load("rows.csv", text, columns={"input": "q", "target": "a"})
    else:
        rows = [{"q": f"ask {n}", "a": target if form == "objects" else json.dumps(target)} for n, target in enumerate(targets)]
        loaded = load("rows.jsonl", rows, columns={"input": "q", "target": "a"})
    assert [row.target for row in loaded.examples] == targets


@pytest.mark.parametrize(
    ("targets", "read"),
    [
        (['["a", "b"]', "[]", '["c"]'] * 10, [["a", "b"], [], ["c"]] * 10),
        (["['a', 'b']", "['it\\'s']", '["x"]'] * 10, [["a", "b"], ["it's"], ["x"]] * 10),
        (["[1]", "[2]"] * 10, ["[1]", "[2]"] * 10),
        (['["a", "b"]', "free text"] * 10, ['["a", "b"]', "free text"] * 10),
        (['["a", "b"]'] * 39 + ["[oops"], [["a", "b"]] * 39 + ["[oops"]),
        (['[{"a": 1}, {"a": 2}]'] * 10, ['[{"a": 1}, {"a": 2}]'] * 10),
        (["[__import__('os').name]", '["a", "b"]'] * 10, ["[__import__('os').name]", '["a", "b"]'] * 10),
        (["[" * 3000 + "]" * 3000, '["a", "b"]'] * 10, ["[" * 3000 + "]" * 3000, '["a", "b"]'] * 10),
    ],
)
def test_lists_in_cells(load, targets, read):
    rows = [{"q": f"ask {n}", "a": target} for n, target in enumerate(targets)]
    loaded = load("rows.jsonl", rows, columns={"input": "q", "target": "a"})
    assert [row.target for row in loaded.examples] == read


def test_rows_of_a_document_that_is_one_line_have_ids_of_their_own(load):
    rows = [{"prompt": f"q{i}", "completion": f"a{i}"} for i in range(3)]
    examples = load("rows.json", json.dumps(rows).encode()).examples
    assert [example.id for example in examples] == ["rows.json:1", "rows.json:1#2", "rows.json:1#3"]
    assert len({example.group for example in examples}) == 3
