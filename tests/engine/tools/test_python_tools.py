"""What of a file is a tool, what its arguments become, and what its results come back as."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rung.calls import Call
from rung.engine.tools.box import Box
from rung.engine.tools.declare import Declaration, declare
from rung.engine.tools.schema import calls_schema
from rung.errors import UserError
from rung.parts import CallLimits, ToolSet

SOURCE = '''
import datetime
import functools
import random
from collections import namedtuple
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from json import loads
from random import choice
from typing import Annotated, Literal, NamedTuple, Optional
from uuid import UUID

from pydantic import BaseModel, Field

class Colour(Enum):
    red = "r"
    blue = "b"

@dataclass
class Place:
    street: str
    since: datetime.date

class Person(BaseModel):
    name: str
    born: Optional[datetime.date] = None

class Pair(NamedTuple):
    left: int
    right: set

def kind(n: int) -> str:
    return type(n).__name__

def twice(n: Annotated[int, {"unit": "m"}]) -> str:
    return type(n).__name__

def told(city: Annotated[str, "The city's name"], at: Annotated[str, {"description": "When"}] = "now") -> str:
    return city + at

def day(when: datetime.date) -> str:
    return type(when).__name__ + str(when.year)

def money(amount: Decimal) -> str:
    return str(amount + Decimal("0.1"))

def level(n: Literal[1, 2]) -> str:
    return type(n).__name__

def count(stock: dict[Colour, int]) -> list:
    return [(key.name, value) for key, value in stock.items()]

def corner(at: tuple[int, str]) -> str:
    return type(at).__name__ + at[1]

def pick(ids: set[int]) -> int:
    return len(ids)

def greet(person: Person) -> str:
    return person.name

def odd_names(_id: int, model_config: str, schema: str = "s", copy: int = 1, self: int = 0) -> list:
    return [_id, model_config, schema, copy, self]

def described(n: int = Field(5, description="How many", ge=1), text: str = Field(description="What")) -> list:
    return [n, text]

@functools.cache
def cached(n: int) -> int:
    """Cached."""
    return n + 1

def _add(a: int, b: int) -> int:
    """Adds."""
    return a + b

add_five = functools.partial(_add, b=5)

class _Shop:
    """A shop's prices."""

    def __call__(self, item: str) -> int:
        return len(item)

    def close(self, day: int) -> int:
        """Closes."""
        return day

price = _Shop()
close = price.close

async def stream(n: int):
    for number in range(n):
        yield number

def numbers(n: int):
    yield from range(n)

def gives(what: str):
    if what == "place":
        return Place("Hill 1", datetime.date(2026, 3, 1))
    if what == "person":
        return Person(name="Ida", born=datetime.date(1990, 5, 6))
    if what == "pair":
        return Pair(1, {3, 1, 2})
    if what == "mixed":
        return {"when": datetime.datetime(2026, 1, 2, 3, 4), "sum": Decimal("19.90"), "part": Fraction(1, 3), "colour": Colour.red,
                "id": UUID(int=7), "took": datetime.timedelta(minutes=2), Colour.blue: b"text", 5: b"\\xff"}
    if what == "keys":
        return {1: "a", "1": "b"}
    if what == "infinite":
        return [float("inf")]
    if what == "class":
        return Place
    if what == "endless":
        return iter(int, 1)

def loose(n: int = "many") -> str:
    return str(n)
'''
SAID = Declaration(files=("tools.py",), unattended=("read", "reversible", "irreversible"), limits=CallLimits(seconds=20.0))


GIVEN = ("place", "person", "pair", "mixed", "keys", "infinite", "class", "endless")


@pytest.fixture(scope="module")
def box(tmp_path_factory) -> Box:
    folder = tmp_path_factory.mktemp("python_tools")
    (folder / "tools.py").write_text(SOURCE)
    return Box(tools=declare(SAID, folder), files=folder)


@pytest.fixture(scope="module")
def outcomes(box) -> dict[str, dict]:
    asked = {
        "whole": ("kind", {"n": 1.0}),
        "half": ("kind", {"n": 1.5}),
        "metadata": ("twice", {"n": 2.0}),
        "literal": ("level", {"n": 1.0}),
        "described": ("described", {"text": "x"}),
        "day": ("day", {"when": "2026-02-28"}),
        "no such day": ("day", {"when": "2026-02-30"}),
        "money": ("money", {"amount": "0.2"}),
        "keyed": ("count", {"stock": {"r": 2.0}}),
        "tuple": ("corner", {"at": [1.0, "x"]}),
        "set": ("pick", {"ids": [3, 4]}),
        "model": ("greet", {"person": {"name": "Ida"}}),
        "names": ("odd_names", {"_id": 1, "model_config": "m"}),
        "cached": ("cached", {"n": 1}),
        "partial": ("add_five", {"a": 2}),
        "instance": ("price", {"item": "lamp"}),
        "method": ("close", {"day": 3}),
        "stream": ("stream", {"n": 3}),
        "generator": ("numbers", {"n": 2}),
        **{what: ("gives", {"what": what}) for what in GIVEN},
    }
    found = box.perform([Call(name=name, arguments=arguments) for name, arguments in asked.values()])
    return dict(zip(asked, found, strict=True))


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("whole", "int"),
        ("metadata", "int"),
        ("literal", "int"),
        ("described", [5, "x"]),
        ("day", "date2026"),
        ("money", "0.3"),
        ("keyed", [["red", 2]]),
        ("tuple", "tuplex"),
        ("set", 2),
        ("model", "Ida"),
        ("names", [1, "m", "s", 1, 0]),
        ("cached", 2),
        ("partial", 7),
        ("instance", 4),
        ("method", 3),
        ("stream", [0, 1, 2]),
        ("generator", [0, 1]),
        ("place", {"street": "Hill 1", "since": "2026-03-01"}),
        ("person", {"name": "Ida", "born": "1990-05-06"}),
        ("pair", {"left": 1, "right": [1, 2, 3]}),
        (
            "mixed",
            {
                "when": "2026-01-02T03:04:00",
                "sum": "19.90",
                "part": "1/3",
                "colour": "r",
                "id": "00000000-0000-0000-0000-000000000007",
                "took": 120.0,
                "b": "text",
                "5": "/w==",
            },
        ),
    ],
)
def test_a_function_gets_what_its_annotations_say_and_its_result_comes_back(outcomes, name, result) -> None:
    said = outcomes[name]
    assert (said["outcome"], said.get("result")) == ("ran", result), said


@pytest.mark.parametrize(
    ("name", "outcome", "reason"),
    [
        ("half", "refused", "1.5 is not of type 'integer'"),
        ("no such day", "refused", "when: Input should be a valid date"),
        ("keys", "failed", "two of its keys are '1' in JSON"),
        ("infinite", "failed", "inf is no number of JSON"),
        ("class", "failed", "it is the class Place"),
        ("endless", "failed", "it has more than 100,000 items"),
    ],
)
def test_what_would_be_lost_is_told(outcomes, name, outcome, reason) -> None:
    said = outcomes[name]
    assert said["outcome"] == outcome and reason in said["reason"], said


def test_which_names_are_tools_and_what_they_say_of_their_arguments(box) -> None:
    tools = {tool.name: tool for tool in box.tools.tools}
    assert not tools.keys() & {"loads", "choice", "Person", "Place", "Colour", "_add"}
    assert {"cached", "add_five", "price", "close"} <= tools.keys()
    said = [tools[name].description for name in ("add_five", "price", "close")]
    assert said == ["Adds.", "A shop's prices.", "Closes."]
    words = tools["told"].parameters["properties"]
    assert (words["city"]["description"], words["at"]["description"]) == ("The city's name", "When")
    many = {"default": 5, "description": "How many", "minimum": 1, "type": "integer"}
    assert tools["described"].parameters["properties"]["n"] == many
    assert tools["described"].parameters["required"] == ["text"]
    assert list(tools["odd_names"].parameters["properties"]) == ["_id", "model_config", "schema", "copy", "self"]


BAD = '''
import functools

def good(n: int) -> int:
    """Consequence: read"""
    return n

def bare(n) -> int:
    return n

def _hidden(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner

@_hidden
def wrapped(n: int) -> int:
    return n

def unknown(n: "NoSuchType") -> int:
    return n
'''


def test_one_bad_tool_is_told_and_left_out_where_the_file_says_so(tmp_path) -> None:
    (tmp_path / "tools.py").write_text(BAD)
    said = Declaration(files=("tools.py",))
    with pytest.raises(UserError) as caught:
        declare(said, tmp_path)
    text = str(caught.value)
    assert f"{tmp_path / 'tools.py'}:8: the tool 'bare' cannot be used: the argument 'n' has no type annotation" in text
    assert "tools.py:12: the tool 'wrapped' cannot be used: the argument 'args' cannot be given by its name" in text
    assert "the tool 'unknown' cannot be used: NameError: name 'NoSuchType' is not defined" in text
    assert "`bad_tools: leave out`" in text
    tools = declare(replace(said, leave_out_bad=True), tmp_path)
    assert [tool.name for tool in tools.tools] == ["good"]
    assert [line.split(":")[0] for line in tools.left_out] == ["bare (tools.py", "wrapped (tools.py", "unknown (tools.py"]
    assert str(tmp_path) not in " ".join(tools.left_out), "the lock knows no place on this machine"


FRAMEWORK = """
class StructuredTool:
    def __init__(self, func):
        self.func = func
    def invoke(self, arguments):
        return self.func(**arguments)

def tool(function):
    return StructuredTool(function)

def hiding(function):
    def inner(*args, **kwargs):
        return function(*args, **kwargs)
    return inner
"""


def test_what_a_framework_made_of_a_function_is_told(tmp_path) -> None:
    (tmp_path / "framework.py").write_text(FRAMEWORK)
    (tmp_path / "tools.py").write_text(
        "from framework import tool, hiding\n\n@tool\ndef search(q: str) -> str:\n    return q\n\n"
        "@hiding\ndef other(q: str) -> str:\n    return q\n\ndef fine(q: str) -> str:\n    return q\n"
    )
    said = replace(SAID, beside=("framework.py",))
    with pytest.raises(UserError) as caught:
        declare(said, tmp_path)
    text = str(caught.value)
    assert "the tool 'search' cannot be used: it is a StructuredTool of framework: leave the decorator out" in text
    assert "the tool 'other' cannot be used: its decorator hides it" in text


def test_a_file_that_lists_its_tools_offers_those_alone(tmp_path) -> None:
    (tmp_path / "helpers.py").write_text("def shared(n: int) -> int:\n    return n\n")
    (tmp_path / "tools.py").write_text(
        "from helpers import shared\n__all__ = ['shared', 'mine']\n"
        "def mine(n: int) -> int:\n    return n\ndef other(n: int) -> int:\n    return n\n"
    )
    tools = declare(replace(SAID, beside=("helpers.py",)), tmp_path)
    assert [tool.name for tool in tools.tools] == ["shared", "mine"]
    (tmp_path / "tools.py").write_text("__all__ = ['gone']\n")
    with pytest.raises(UserError, match="the tool 'gone' cannot be used: `__all__` names it, and the file does not define it"):
        declare(SAID, tmp_path)


def test_a_module_of_the_users_may_be_called_as_one_of_ours(tmp_path) -> None:
    (tmp_path / "guard.py").write_text("SECRET = 41\n")
    (tmp_path / "tools.py").write_text("import guard\n\ndef secret() -> int:\n    return guard.SECRET + 1\n")
    box = Box(tools=declare(replace(SAID, beside=("guard.py",)), tmp_path), files=tmp_path)
    assert box.perform([Call(name="secret", arguments={})])[0]["result"] == 42


def _held(tools: ToolSet, call: dict) -> bool:
    """Whether the grammar that a model is held to lets this call through."""
    from jsonschema import Draft202012Validator

    return Draft202012Validator(calls_schema(tools.offers)).is_valid(call)


def test_the_grammar_holds_to_what_the_annotations_say(box) -> None:
    def call(name: str, **arguments):
        return {"name": name, "arguments": arguments}

    for right in (
        call("count", stock={"r": 1}),
        call("corner", at=[1, "x"]),
        call("pick", ids=[1, 2]),
        call("greet", person={"name": "Ida", "born": None}),
        call("odd_names", _id=1, model_config="m"),
        call("level", n=2),
    ):
        assert _held(box.tools, right), right
    for wrong in (
        call("count", stock={"green": 1}),
        call("count", stock={"r": "1"}),
        call("corner", at=["x", 1]),
        call("pick", ids=["a"]),
        call("greet", person={"born": None}),
        call("level", n=3),
    ):
        assert not _held(box.tools, wrong), wrong
