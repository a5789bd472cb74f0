"""tool_call: what two values must have in common, which is decided by the row's schema."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import pytest
from scorer_rows import row, scorer

from rung.errors import UserError


def tool(name: str, required: list[str], **properties: Any) -> dict[str, Any]:
    parameters = {"type": "object", "properties": properties, "required": required}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


class TestValues:
    """What two values must have in common is decided by the row's schema."""

    SCHEMA: ClassVar = tool(
        "pay",
        [],
        amount={"type": "string"},
        account={"type": "integer"},
        rate={"type": "number"},
        currency={"type": "string", "enum": ["EUR", "USD"], "default": "EUR"},
        at={"type": "string", "format": "date-time"},
        day={"type": "string", "format": "date"},
        note={"type": ["string", "null"]},
        tags={"type": "array", "items": {"type": "string"}},
        to={"type": "object", "properties": {"bank": {"type": "string"}, "country": {"type": "string", "default": "DE"}}},
        free={},
    )

    def same(self, wanted: dict[str, Any], given: dict[str, Any], *, tools: bool = True, **config: Any) -> bool:
        example = row([{"name": "pay", "arguments": wanted}], tools=(self.SCHEMA,) if tools else ())
        return scorer("tool_call", **config).score(example, json.dumps({"name": "pay", "arguments": given})).value == 1.0

    @pytest.mark.parametrize(
        ("wanted", "given"),
        [
            ({"amount": "-50.00"}, {"amount": "5000"}),
            ({"amount": "00501"}, {"amount": "501"}),
            ({"amount": "a-b"}, {"amount": "ab"}),
            ({"amount": "New York"}, {"amount": "new york"}),
            ({"amount": "New York"}, {"amount": "NewYork"}),
            ({"amount": "5"}, {"amount": 5}),
            ({"account": 9876543210123456789}, {"account": 9876543210123456788}),
            ({"account": 9007199254740993}, {"account": 9007199254740992.0}),
            ({"account": 5}, {"account": "5"}),
            ({"account": 5}, {"account": 5.0}),
            ({"account": 1}, {"account": True}),
            ({"rate": 0.1}, {"rate": 0.1000000001}),
            ({"currency": "USD"}, {"currency": "usd"}),
            ({"currency": "USD"}, {}),
            ({}, {"currency": "USD"}),
            ({"at": "2026-01-05T15:30:00Z"}, {"at": "2026-01-05T15:30:00+01:00"}),
            ({"at": "2026-01-05T15:30:00Z"}, {"at": "2026-01-05"}),
            ({"day": "2026-03-05"}, {"day": "2026-05-03"}),
            ({"day": "2026-03-05"}, {"day": "March 5, 2026"}),
            ({"tags": ["a", "b"]}, {"tags": ["b", "a"]}),
            ({"tags": ["a", "b"]}, {"tags": ["a"]}),
            ({"tags": ["a"]}, {"tags": "a"}),
            ({"to": {"bank": "X"}}, {"to": {"bank": "X", "country": "FR"}}),
            ({"to": {"bank": "X"}}, {"to": {"bank": "X", "branch": 1}}),
            ({"amount": "5"}, {"amount": "5", "rate": None}),
        ],
    )
    def test_different(self, wanted: dict[str, Any], given: dict[str, Any]) -> None:
        assert not self.same(wanted, given)

    @pytest.mark.parametrize(
        ("wanted", "given"),
        [
            ({"amount": "caf\u00e9"}, {"amount": " cafe\u0301 "}),
            ({"rate": 5.0}, {"rate": 5}),
            ({"rate": 5}, {"rate": 5.0}),
            ({"currency": "EUR"}, {}),
            ({}, {"currency": "EUR"}),
            ({"at": "2026-01-05T15:30:00Z"}, {"at": "2026-01-05t16:30:00+01:00"}),
            ({"to": {"bank": "X", "country": "DE"}}, {"to": {"bank": "X"}}),
            ({"to": {"bank": "X"}}, {"to": {"country": "DE", "bank": "X"}}),
            ({"note": None}, {}),
            ({}, {"note": None}),
            ({"free": None}, {"free": None}),
        ],
    )
    def test_the_same(self, wanted: dict[str, Any], given: dict[str, Any]) -> None:
        assert self.same(wanted, given)

    def test_the_benchmark_leaves_nothing_out_and_drops_points_and_signs(self) -> None:
        assert self.same({"amount": "-50.00"}, {"amount": "5000"}, strings="bfcl")
        assert self.same({"amount": "New York"}, {"amount": "new-york"}, strings="bfcl")
        assert not self.same({"currency": "EUR"}, {}, strings="bfcl")
        assert not self.same({}, {"currency": "EUR"}, strings="bfcl")
        assert set(scorer("tool_call", strings="bfcl").accepts) == {
            "sign dropped",
            "sign added",
            "decimal point moved",
            "day and month swapped",
        }

    def test_without_tools_values_stand_by_themselves(self) -> None:
        assert self.same({"n": 5}, {"n": 5.0}, tools=False)
        assert self.same({"n": 5, "x": None}, {"n": 5}, tools=False)
        assert not self.same({"n": 5}, {"n": "5"}, tools=False)
        assert not self.same({"n": "a b"}, {"n": "a_b"}, tools=False)

    def test_a_setting_that_there_is_not(self) -> None:
        with pytest.raises(UserError, match="strings"):
            scorer("tool_call", strings="loose")
