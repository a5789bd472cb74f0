"""Calls in a file: in a text of any form, with the nulls of a column of structs, or unreadable: then a bad row with its line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from rung.data.calls import as_calls, as_tools
from rung.data.load import load_examples
from rung.data.padding import fitted
from rung.data.read.source import Source
from rung.errors import UserError
from rung.types import Example

TOOL: dict[str, Any] = {
    "name": "weather",
    "parameters": {
        "type": "object",
        "properties": {"place": {"type": "string"}, "days": {"type": "integer"}, "note": {"type": ["string", "null"]}},
        "required": ["place"],
    },
}
ROME = [{"name": "weather", "arguments": {"place": "Rome"}}]


def load(folder: Path, *rows: dict[str, Any]) -> tuple[Example, ...]:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return load_examples(Source(reference="rows.jsonl", base_folder=folder, downloads=folder)).examples


def said(target: Any) -> dict[str, Any]:
    return {"question": "q", "tools": [TOOL], "target": target}


def told(content: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": content}], "tools": [TOOL]}


FORMS = [
    json.dumps(ROME),
    "weather(place='Rome')",
    '[weather(place="Rome")]',
    "```python\nweather(place='Rome')\n```",
    "{'name': 'weather', 'arguments': {'place': 'Rome'}}",
    '<function=weather>{"place": "Rome"}</function>',
    'I will look.\n<tool_call>\n{"name": "weather", "arguments": {"place": "Rome"}}\n</tool_call>',
    '{"type": "tool_use", "name": "weather", "input": {"place": "Rome"}}',
]


@pytest.mark.parametrize("text", FORMS)
@pytest.mark.parametrize("row", [said, told])
def test_a_call_in_a_text_is_one(tmp_path, text: str, row: Any) -> None:
    example, other = load(tmp_path, row(text), row("Only the weather, I am afraid."))
    assert (example.target, example.said) == (ROME, None)
    assert (other.target, other.said) == ([], "Only the weather, I am afraid.")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"name": "weather", "arguments": {"place": "Ro', r"meant as a call and cannot be read \(the JSON is cut off"),
        ("weather('Rome')", "gives an argument without its name"),
        ("weather(place=here())", "an argument that is not written out"),
        ('[TOOL_CALLS]weather{"place": "Rome"}', "meant as a call and cannot be read"),
        ("<tool_call>\n<function=weather>\n<parameter=place>\nRome\n</parameter>\n</function>\n</tool_call>", "cannot be read"),
        ('Action: weather\nAction Input: {"place": "Rome"}', "meant as a call and cannot be read"),
        ('<functioncall> {"name": "weather", "arguments": \'{"place": "Rome"}\'}', "meant as a call and cannot be read"),
    ],
)
@pytest.mark.parametrize("row", [said, told])
def test_a_call_that_cannot_be_read_is_a_bad_row_with_its_line(tmp_path, text: str, reason: str, row: Any) -> None:
    with pytest.raises(UserError, match=rf"rows\.jsonl:2: .*{reason}"):
        load(tmp_path, row(json.dumps(ROME)), row(text), row("Nothing fits."))


def test_what_a_column_of_structs_adds_is_left_out(tmp_path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    other = {"name": "pay", "parameters": {"type": "object", "properties": {"to": {"type": "string", "enum": ["a", "b"]}}}}
    # A column holds texts or lists, not both, so that no type is a list here.
    plain_tool = copy.deepcopy(TOOL)
    del plain_tool["parameters"]["properties"]["note"]
    rows = [
        {"question": "q", "tools": [plain_tool, other], "target": ROME},
        {"question": "p", "tools": [other], "target": [{"name": "pay", "arguments": {"to": "a"}}]},
    ]
    plain = load(tmp_path, *rows)
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    padded = parquet.read_table(tmp_path / "rows.parquet").to_pylist()[1]
    assert padded["target"][0]["arguments"] == {"place": None, "to": "a"}
    assert padded["tools"][0]["parameters"]["properties"]["place"] is None
    source = Source(reference="rows.parquet", base_folder=tmp_path, downloads=tmp_path)
    read = load_examples(source).examples
    assert [row.target for row in read] == [row.target for row in plain]
    assert read[1].tools == plain[1].tools
    assert [row.target for row in load(tmp_path, padded)] == [plain[1].target], "written as JSON, too"


def test_padded_answer_keys_of_the_benchmark() -> None:
    assert as_calls([{"weather": {"place": ["Rome"], "to": None}, "pay": None}, None]) == [
        {"name": "weather", "arguments": {"place": "Rome"}, "allowed": {"place": ["Rome"]}}
    ]


def test_null_is_a_value_where_the_schema_says_so() -> None:
    tools = as_tools([TOOL])
    (call,) = as_calls([{"name": "weather", "arguments": {"place": "Rome", "days": None, "note": None, "else": None}}], tools)
    assert call["arguments"] == {"place": "Rome", "note": None}
    schema = as_tools([{"name": "f", "parameters": {"type": "object", "properties": {"a": {"type": "string", "default": None}}}}])
    assert schema[0]["function"]["parameters"]["properties"]["a"] == {"type": "string", "default": None}


@pytest.mark.parametrize(
    ("value", "kind", "same"),
    [
        ("5", "integer", 5),
        ("-5", "integer", -5),
        ("5.5", "integer", "5.5"),
        ("5.50", "number", 5.5),
        ("00501", "integer", "00501"),
        ("12345678901234567890", "integer", "12345678901234567890"),
        ("five", "integer", "five"),
        (94103, "string", "94103"),
        (1.5, "string", 1.5),
        (True, "string", True),
        ("True", "boolean", True),
        ("5", "string", "5"),
    ],
)
def test_a_value_is_what_its_schema_leaves_one_reading_for(value: Any, kind: str, same: Any) -> None:
    found = fitted({"a": value}, {"properties": {"a": {"type": kind}}})["a"]
    assert found == same and type(found) is type(same)
