"""Bodies that are none: each is refused with a reason, at once, and the server answers the next."""

from __future__ import annotations

import gzip
import json
import time
import zlib

import pytest
from attacked import Attacked

GOOD = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


def good(**fields: object) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


MALFORMED = {
    "empty": b"",
    "half": good()[:-3],
    "two": good() + good(),
    "list": b"[]",
    "text": b'"hi"',
    "number": b"1",
    "null": b"null",
    "nan": good().replace(b'"hi"', b"NaN"),
    "infinity": good()[:-1] + b', "temperature": Infinity}',
    "minus infinity": good()[:-1] + b', "temperature": -Infinity}',
    "overflow": good()[:-1] + b', "temperature": 1e999}',
    "long number": good()[:-1] + b', "seed": ' + b"9" * 100_000 + b"}",
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "deep within": good(tools=[]).replace(b"[]", b"[" * 500 + b"]" * 500),
    "duplicate key": b'{"model": "echo", "model": "spam", "messages": [{"role": "user", "content": "hi"}]}',
    "duplicate key within": b'{"model": "echo", "messages": [{"role": "system", "role": "user", "content": "hi"}]}',
    "no utf-8": b'{"model": "echo", "messages": [{"role": "user", "content": "\xff\xfe"}]}',
    "overlong utf-8": b'{"model": "echo", "messages": [{"role": "user", "content": "\xc0\xaf"}]}',
    "utf-16": good().decode().encode("utf-16"),
    "half a character": b'{"model": "echo", "messages": [{"role": "user", "content": "\\ud800"}]}',
    "half in a key": b'{"model": "echo", "\\udc00": 1, "messages": [{"role": "user", "content": "a"}]}',
    "comment": b"/* */" + good(),
    "trailing comma": good()[:-1] + b",}",
    "single quotes": b"{'model': 'echo'}",
    "xml": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "pickle": b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.",
    "no messages": json.dumps({"model": "echo"}).encode(),
    "messages none": good(messages=[]),
    "messages a text": good(messages="hi"),
    "a message a text": good(messages=["hi"]),
    "no role": good(messages=[{"content": "hi"}]),
    "another role": good(messages=[{"role": "root", "content": "hi"}]),
    "content a number": good(messages=[{"role": "user", "content": 1}]),
    "content nothing": good(messages=[{"role": "user"}]),
    "unknown key": good(**{"temprature": 1}),
    "a tool's answer to nobody": good(messages=[{"role": "tool", "tool_call_id": "x", "content": "1"}]),
    "n none": good(n=0),
    "n many": good(n=10_000),
    "tokens none": good(max_tokens=0),
    "tokens many": good(max_tokens=10**12),
    "temperature": good(temperature=99),
    "temperature a text": good(temperature="1"),
    "temperature true": good(temperature=True),
    "stop long": good(stop=["x" * 100_000]),
    "stop many": good(stop=["x"] * 1000),
    "logprobs many": good(logprobs=True, top_logprobs=1000),
    "proto": good(**{"__proto__": {"a": 1}}),
    "class": good(**{"__class__": "x"}),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(attacked: Attacked, name: str) -> None:
    began = time.monotonic()
    came = attacked.wire.post(MALFORMED[name])
    assert came.status in (400, 413, 422) and came.error["message"] and came.error["type"] == "invalid_request_error", came
    assert time.monotonic() - began < 10 and b"Traceback" not in came.body and b"rung/" not in came.body
    assert attacked.wire.post(GOOD).status == 200


def test_too_large(attacked: Attacked) -> None:
    large = b'{"model": "echo", "messages": [{"role": "user", "content": "' + b"x" * (9 << 20) + b'"}]}'
    assert attacked.wire.post(large).status == 413
    # By its own word, before anything of it came; and by what came, where nothing was said.
    assert attacked.wire.post(b"{}", Content_Length=str(1 << 40)).status == 413
    assert attacked.wire.post(b"{}", Content_Length="9" * 50).status in (0, 400, 413)


def test_many_small_values(attacked: Attacked) -> None:
    assert attacked.wire.post(good(messages=[{"role": "user", "content": "a"}] * 50_000)).status in (400, 413)
    assert attacked.wire.post(good(tools=[{}] * 100_000)).status in (400, 413)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, gzip"])
def test_compressed_bombs_are_not_unpacked(attacked: Attacked, coding: str) -> None:
    bomb = gzip.compress(b"[" + b"0," * (8 << 20), 9) if "gzip" in coding else zlib.compress(b"0" * (16 << 20), 9)
    came = attacked.wire.post(bomb, Content_Encoding=coding)
    assert came.status == 415 and "ompressed" in came.error["message"]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "-"])
def test_what_a_page_of_another_origin_can_send_is_not_taken(attacked: Attacked, kind: str) -> None:
    assert attacked.wire.post(good(), Content_Type=kind).status == 415


SCHEMAS = {
    "no type that there is": {"type": "colour"},
    "a pattern that explodes": {"type": "string", "pattern": "^(a+)+$(?=b)"},
    "a pattern that is none": {"type": "string", "pattern": "("},
    "a lookbehind": {"type": "string", "pattern": "(?<=a)b"},
    "a pattern without end": {"type": "string", "pattern": "(" * 2000 + ")" * 2000},
    "a reference to nowhere": {"$ref": "#/$defs/none"},
    "a reference to itself": {"$ref": "#"},
    "round about": {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    "nothing fits": {"type": "string", "enum": []},
    "false": {"type": "object", "properties": {"a": False}, "required": ["a"]},
    "a bound that explodes": {"type": "string", "minLength": 10**9},
    "items without end": {"type": "array", "items": {"type": "string"}, "minItems": 10**9},
    "negative": {"type": "string", "minLength": -1},
    "a million names": {"type": "object", "properties": {f"p{n}": {"type": "string"} for n in range(20_000)}},
    "a huge enum": {"enum": [f"{n:0100d}" for n in range(5000)]},
    "a number's step of none": {"type": "number", "multipleOf": 0},
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_that_cannot_be_held(attacked: Attacked, name: str) -> None:
    """Each is refused, or held to, soon: no schema stops the server for others."""
    began = time.monotonic()
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMAS[name]}}
    came = attacked.wire.post(good(response_format=form, max_tokens=4))
    assert came.status in (200, 400, 422), came
    assert came.status == 200 or came.error["param"], came
    assert time.monotonic() - began < 10
    assert attacked.wire.post(GOOD).status == 200


def test_a_pattern_in_a_tool(attacked: Attacked) -> None:
    parameters = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a|a)*$"}}}
    began = time.monotonic()
    tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
    came = attacked.wire.post(good(tools=[tool], tool_choice="none"))
    assert came.status in (200, 400) and time.monotonic() - began < 10
