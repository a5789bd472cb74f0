"""Tools and tool calls: every form in, one form out."""

import json

import pytest

from rung.data.calls import as_calls, as_schema, as_tools, looks_like_calls
from rung.data.read.rows import RowError

PLAIN = [{"name": "area", "arguments": {"base": 10}}]


@pytest.mark.parametrize(
    "given",
    [
        PLAIN,
        PLAIN[0],
        json.dumps(PLAIN),
        [{"name": "area", "arguments": '{"base": 10}'}],
        [{"id": "1", "type": "function", "function": {"name": "area", "arguments": '{"base": 10}'}}],
    ],
)
def test_calls_in_every_form(given):
    assert looks_like_calls(given)
    assert as_calls(given) == PLAIN


def test_allowed_values_as_the_berkeley_benchmark_has_them():
    tools = as_tools([{"name": "area", "parameters": {"type": "dict", "properties": {}, "required": ["base", "side"]}}])
    allowed = {"base": [10, 10.0], "unit": ["", "cm"], "deep": ["yes", ""], "side": ["", "left"]}
    assert as_calls([{"area": allowed}], tools) == [
        {"name": "area", "arguments": {"base": 10, "deep": "yes", "side": "left"}, "allowed": allowed}
    ]


def test_allowed_values_inside_objects_and_lists():
    allowed = {"mode": [{"fan": ["LOW", "MID"], "extra": ["", 1]}], "where": [[{"field": ["age"], "value": ["25"]}]]}
    (call,) = as_calls([{"run": allowed}])
    assert call["arguments"] == {"mode": {"fan": "LOW"}, "where": [{"field": "age", "value": "25"}]}


def test_no_call_is_the_empty_list():
    assert as_calls([]) == as_calls("[]") == []


def test_canonical_calls_stay_as_they_are():
    canonical = as_calls([{"area": {"base": [10]}}])
    assert as_calls(canonical) == canonical


@pytest.mark.parametrize("given", ["I cannot do that", "[", 7, [{"arguments": {}}], [1], {"a": 1, "b": 2}])
def test_what_is_no_call(given):
    assert not looks_like_calls(given)
    if given != "I cannot do that":
        with pytest.raises(RowError):
            as_calls(given)


def test_tools_become_openai_tools():
    parameters = {
        "type": "dict",
        "properties": {
            "type": {"type": "float"},
            "pair": {"type": "tuple", "items": {"type": "any", "description": "x"}},
            "maps": {"type": "HashMap", "properties": {"a": {"type": "String"}}},
        },
        "required": ["type"],
    }
    (tool,) = as_tools([{"name": "f", "description": "d", "parameters": parameters}])
    assert tool == {
        "type": "function",
        "function": {
            "name": "f",
            "description": "d",
            "parameters": {
                "type": "object",
                "properties": {
                    "type": {"type": "number"},
                    "pair": {"type": "array", "items": {"description": "x"}},
                    "maps": {"type": "object", "properties": {"a": {"type": "string"}}},
                },
                "required": ["type"],
            },
        },
    }
    assert as_tools(json.dumps([tool])) == as_tools(tool) == (tool,)
    assert as_tools(None) == as_tools("") == ()


def test_parameters_listed_by_name_become_a_schema():
    (tool,) = as_tools([{"name": "f", "parameters": {"q": {"type": "str"}, "n": {"type": "int, optional", "default": 3}}}])
    assert tool["function"]["parameters"] == {
        "type": "object",
        "properties": {"q": {"type": "string"}, "n": {"type": "integer", "default": 3}},
        "required": ["q"],
    }


def test_schemas_in_standard_form_are_not_changed():
    schema = {
        "type": "object",
        "properties": {"a": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "additionalProperties": False,
    }
    assert as_schema(schema) == schema
