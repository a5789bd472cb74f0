"""Arguments against the schemas that servers bring: exact, whatever the schema's author had in mind."""

from __future__ import annotations

import time

import pytest
from jsonschema import Draft202012Validator

from rung.calls import Call
from rung.engine.tools.box import Box
from rung.engine.tools.schema import call_schema, grammar_fault
from rung.engine.tools.validate import fault_of, validator_of, whole_numbers
from rung.parts import Tool, ToolSet


def an_object(**properties) -> dict:
    return {"type": "object", "properties": properties}


INTEGER = {"type": "integer"}
TREE = {
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/Node"}},
    "$defs": {"Node": an_object(n=INTEGER, children={"type": "array", "items": {"$ref": "#/$defs/Node"}})},
}
SCHEMAS = {
    "a reference to a property": (an_object(a=INTEGER, b={"$ref": "#/properties/a"}), {"b": 1}, {"b": "1"}),
    "a reference into a definition": (
        {**an_object(x={"$ref": "#/definitions/A/properties/y"}), "definitions": {"A": an_object(y=INTEGER)}},
        {"x": 1},
        {"x": "1"},
    ),
    "two definitions whose last names are one": (
        {
            **an_object(x={"$ref": "#/$defs/a/T"}, y={"$ref": "#/$defs/b/T"}),
            "$defs": {"a": {"T": INTEGER}, "b": {"T": {"type": "string"}}},
        },
        {"x": 1, "y": "s"},
        {"x": "s"},
    ),
    "an anchor": ({**an_object(x={"$ref": "#size"}), "$defs": {"S": {"$anchor": "size", **INTEGER}}}, {"x": 1}, {"x": "s"}),
    "an escaped name": ({**an_object(x={"$ref": "#/$defs/a~1b%20c"}), "$defs": {"a/b c": INTEGER}}, {"x": 1}, {"x": "s"}),
    "a limit beside a reference": (
        {**an_object(x={"$ref": "#/$defs/S", "maxLength": 2}), "$defs": {"S": {"type": "string"}}},
        {"x": "ab"},
        {"x": "abc"},
    ),
    "a tuple": (
        an_object(x={"type": "array", "prefixItems": [INTEGER, {"type": "string"}], "items": False}),
        {"x": [1, "a"]},
        {"x": ["a"]},
    ),
    "a tuple as before 2020": (an_object(x={"type": "array", "prefixItems": [INTEGER], "items": False}), {"x": [1]}, {"x": ["a"]}),
    "a tuple of a schema of before 2020": (
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            **an_object(x={"type": "array", "items": [INTEGER, {"type": "string"}]}),
        },
        {"x": [1, "a"]},
        {"x": ["a"]},
    ),
    "objects that must be all of several": (
        {
            "type": "object",
            "allOf": [{"$ref": "#/$defs/B"}, an_object(t={"type": "string"})],
            "properties": {"own": INTEGER},
            "$defs": {"B": {**an_object(i=INTEGER), "required": ["i"]}},
        },
        {"i": 1, "t": "s", "own": 2},
        {"t": "s", "own": 2},
    ),
    "objects that must be all of several, and share a name": (
        {"type": "object", "allOf": [an_object(i=INTEGER), an_object(i={"minimum": 3}, t={"type": "string"})]},
        {"i": 4, "t": "s"},
        {"i": "4"},
    ),
    "a name that must be there and of which nothing is said": (
        {**an_object(x=INTEGER), "required": ["x", "ghost"]},
        {"x": 1, "ghost": "boo"},
        {"x": 1},
    ),
    "listed names": (
        an_object(x={"type": "object", "propertyNames": {"enum": ["r", "g"]}, "additionalProperties": INTEGER}),
        {"x": {"r": 1}},
        {"x": {"b": 1}},
    ),
    "listed names behind a reference": (
        {
            **an_object(x={"type": "object", "propertyNames": {"$ref": "#/$defs/C"}, "additionalProperties": INTEGER}),
            "$defs": {"C": {"enum": ["r"]}},
        },
        {"x": {"r": 1}},
        {"x": {"b": 1}},
    ),
    "patterns of names": ({"type": "object", "patternProperties": {"^x-": INTEGER}}, {"x-a": 1}, {"y": 1}),
    "a tree": (TREE, {"root": {"n": 1, "children": [{"n": 2, "children": [{"n": 3}]}]}}, {"root": {"children": [{"n": "2"}]}}),
}
# What no grammar can say is refused when the call is made.
LATER = {
    "different items": (an_object(x={"type": "array", "items": INTEGER, "uniqueItems": True}), {"x": [1, 2]}, {"x": [1, 1]}),
    "not": (an_object(x={"type": "string", "not": {"const": "a"}}), {"x": "b"}, {"x": "a"}),
    "if": (
        {**an_object(x={"type": "string"}, y=INTEGER), "if": {"required": ["x"]}, "then": {"required": ["y"]}},
        {"x": "s", "y": 1},
        {"x": "s"},
    ),
}


@pytest.mark.parametrize("kind", [*SCHEMAS, *LATER])
def test_a_call_is_held_to_its_schema(kind) -> None:
    parameters, right, wrong = {**SCHEMAS, **LATER}[kind]
    assert grammar_fault({"name": "f", "parameters": parameters}) == ""
    validator, grammar = validator_of(parameters), Draft202012Validator(call_schema({"name": "f", "parameters": parameters}))
    assert fault_of(validator, right) == "" and fault_of(validator, wrong)
    assert grammar.is_valid({"name": "f", "arguments": right})
    assert grammar.is_valid({"name": "f", "arguments": wrong}) == (kind in LATER)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (an_object(x={"$ref": "#/$defs/Gone"}), "'#/$defs/Gone' points at nothing in the schema"),
        (an_object(x={"$ref": "https://example.org/schema.json"}), "'https://example.org/schema.json' points out of the schema"),
        (an_object(x={"type": "strnig"}), "'strnig' is not valid under any of the given schemas"),
        ({"type": "object", "properties": []}, "[] is not of type 'object'"),
    ],
)
def test_a_schema_that_cannot_be_followed_is_told(parameters, message) -> None:
    assert message in grammar_fault({"name": "f", "parameters": parameters})


def test_whole_numbers_are_whole_where_the_schema_asks_for_them() -> None:
    parameters = {
        **an_object(n=INTEGER, x={"type": "number"}, many={"type": "array", "items": {"$ref": "#/$defs/N"}}, s={"type": "string"}),
        "$defs": {"N": an_object(n={"$ref": "#/properties/n"})},
    }
    said = {"n": 2.0, "x": 2.0, "many": [{"n": 3.0}, {"n": 1.5}], "s": "2.0", "other": 1.0}
    found = whole_numbers(parameters, said)
    assert found == said and repr(found) == repr({**said, "n": 2, "many": [{"n": 3}, {"n": 1.5}]})
    assert repr(whole_numbers({"$ref": "#"}, said)) == repr(said)


def test_no_pattern_hangs_us() -> None:
    """Backtracking over a text that nearly matches takes longer than the universe has."""
    parameters = an_object(x={"type": "string", "pattern": "^(a|a)+$"})
    tool = Tool(name="f", description="", parameters=parameters, consequence="read", origin="mcp:shop")
    box = Box(tools=ToolSet(tools=(tool,), unattended=()), files=None)
    began = time.monotonic()
    said = box.perform([Call(name="f", arguments={"x": "a" * 60 + "b"})])[0]
    assert said["outcome"] == "refused" and "a pattern of the tool's own schema takes longer" in said["reason"]
    assert time.monotonic() - began < 30
    assert box.perform([Call(name="f", arguments={"x": "aaa"})])[0]["outcome"] == "queued"


def test_a_schema_that_leads_back_to_itself_ends() -> None:
    validator = validator_of({"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}})
    assert "nested too deep" in fault_of(validator, {"x": 1})
