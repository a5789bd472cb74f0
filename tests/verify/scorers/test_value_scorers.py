"""numeric, json_schema, json_fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from scorer_rows import row, rows, scorer, settled, value

from rung.errors import UserError
from rung.parts import SchemaConstraint
from rung.verify.schema import value_fault

INVOICE = {"vendor": "Acme Ltd", "total": 1234.5, "day": "2024-03-01", "paid": None}
FIELDS = {"vendor": {"kind": "fuzzy", "threshold": 0.8}, "total": {"kind": "number", "weight": 2}, "day": "date", "paid": "exact"}


class TestNumeric:
    @pytest.mark.parametrize(
        ("target", "output", "settings", "right"),
        [
            (1234.5, "1,234.5", {}, 1),
            ("$12", "12", {}, 1),
            ("12", "The price is $12.", {}, 1),
            ("12", "4 and 8 make 12", {}, 1),
            ("12", "12 is 4 and 8", {}, 0),
            ("12", "12 is 4 and 8", {"take": "first"}, 1),
            ("12", "12 is 4 and 8", {"take": "only"}, 0),
            ("12%", "0.12", {}, 1),
            ("0.12", "12 %", {}, 1),
            (12, "12%", {}, 1),
            (-5, "(5)", {}, 1),
            (-5, "−5", {}, 1),
            (5, "-5", {}, 0),
            (100, "101", {"relative": 0.01}, 1),
            (100, "102", {"relative": 0.01}, 0),
            (100, "100.5", {"absolute": 0.5}, 1),
            (0, "0.0", {}, 1),
            (3, "three", {}, 0),
        ],
    )
    def test_score(self, target: Any, output: str, settings: dict[str, Any], right: int) -> None:
        assert value("numeric", target, output, **settings) == right

    def test_target_must_be_a_number(self) -> None:
        assert scorer("numeric").check(row("twelve")) == "the target 'twelve' is not a number"
        assert scorer("numeric").check(row(True)) == "the target True is not a number"
        assert scorer("numeric").score(row("twelve"), "12").value is None

    def test_constraint_is_whole_where_targets_are(self) -> None:
        assert scorer("numeric").constraint(rows(1, "2")) == SchemaConstraint(schema={"type": "integer"})
        assert scorer("numeric").constraint(rows(1, "2.5")) == SchemaConstraint(schema={"type": "number"})


class TestJsonSchema:
    SCHEMA: ClassVar = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }

    @pytest.mark.parametrize(
        ("output", "right"),
        [
            ('{"a": 1}', 1),
            ('Sure:\n```json\n{"a": 1}\n```', 1),
            ('{"a": "1"}', 0),
            ('{"a": 1, "b": 2}', 0),
            ("a: 1", 0),
            ('{"a": 1', 0),
        ],
    )
    def test_score(self, output: str, right: int) -> None:
        assert value("json_schema", None, output, schema=self.SCHEMA) == right

    def test_reason_says_where(self) -> None:
        assert (
            scorer("json_schema", schema=self.SCHEMA).score(row(None), '{"a": "x"}').reason == "'x' is not of type 'integer' at $.a"
        )

    def test_schema_from_the_targets(self) -> None:
        bound = settled("json_schema", rows('{"a": 1, "b": "x"}', {"a": 2}))
        assert bound.config.json_schema["required"] == ["a"]
        assert bound.score(row(None), '{"a": 5}').value == 1
        assert bound.score(row(None), '{"b": "x"}').value == 0
        assert bound.render('{ "a" : 1 }') == '{"a":1}'

    def test_schema_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "s.json").write_text(json.dumps(self.SCHEMA), "utf-8")
        bound = settled("json_schema", (), tmp_path, schema="s.json")
        assert bound.settings() == {"schema": self.SCHEMA}
        with pytest.raises(UserError, match="cannot read the schema"):
            settled("json_schema", (), tmp_path, schema="absent.json")

    def test_bad_schema_and_targets(self) -> None:
        with pytest.raises(UserError, match="'schema' is no JSON schema: 'intger' is not valid"):
            scorer("json_schema", schema={"type": "intger"})
        bound = scorer("json_schema", schema=self.SCHEMA)
        assert bound.check(row("{")) == "the target is not JSON: '{'"
        assert bound.check(row({"a": "x"})) == "the target does not fit the schema: 'x' is not of type 'integer' at $.a"
        with pytest.raises(UserError, match="no target is JSON"):
            settled("json_schema", rows("a", "b"))

    def test_elsewhere_is_never_fetched(self) -> None:
        fault = value_fault(1, {"$ref": "http://127.0.0.1:9/schema.json"})
        assert fault == "the schema refers to http://127.0.0.1:9/schema.json, which it does not hold"


class TestJsonFields:
    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({}, 1.0),
            ({"vendor": "ACME Ltd."}, 0.75),
            ({"vendor": "Acme Ltd."}, 1.0),
            ({"total": "$1,234.50"}, 1.0),
            ({"total": 1234}, 0.5),
            ({"day": "1 March 2024"}, 1.0),
            ({"day": "2 March 2024"}, 0.75),
            ({"paid": True}, 0.8),
            ({"extra": 1}, 0.8),
            ({"vendor": None, "total": None, "day": None, "paid": 1}, 0.0),
        ],
    )
    def test_weighted_share(self, change: dict[str, Any], expected: float) -> None:
        answer = json.dumps({**INVOICE, **change})
        assert value("json_fields", INVOICE, f"Here:\n```json\n{answer}\n```", fields=FIELDS) == pytest.approx(expected)

    def test_all_right(self) -> None:
        wrong = json.dumps({**INVOICE, "paid": 1})
        assert value("json_fields", INVOICE, wrong, fields=FIELDS, all_right=True) == 0
        assert value("json_fields", INVOICE, json.dumps(INVOICE), fields=FIELDS, all_right=True) == 1

    def test_reason_names_the_fields(self) -> None:
        answer = json.dumps({"vendor": "Bolt", "total": 1234.5, "day": "2024-03-01"})
        assert scorer("json_fields", fields=FIELDS).score(row(INVOICE), answer).reason == "vendor is Bolt, expected Acme Ltd"
        assert scorer("json_fields", fields=FIELDS).score(row(INVOICE), "no").reason == "no JSON object in the answer"

    def test_fields_and_schema_from_the_targets(self) -> None:
        examples = rows(
            *[{"n": 1.5, "day": "2024-01-02", "kind": kind, "who": f"person {i}"} for i in range(10) for kind in ("a", "b")]
        )
        bound = settled("json_fields", examples)
        kinds = {name: field.kind for name, field in bound.config.fields.items()}
        assert kinds == {"n": "number", "day": "date", "kind": "exact", "who": "exact"}
        schema = bound.constraint(examples).schema
        assert schema["properties"]["kind"] == {"type": "string", "enum": ["a", "b"]}
        assert schema["properties"]["who"] == {"type": "string"}
        text = (
            'Reply with one JSON object and nothing else. Its keys: "n" (number), "day" (date), "kind" (one of a, b), "who" (text).'
        )
        assert bound.describe(examples) == text

    def test_targets_that_cannot_match(self) -> None:
        bound = scorer("json_fields", fields=FIELDS)
        assert bound.check(row("[1]")) == "the target is not a JSON object: '[1]'"
        assert bound.check(row({**INVOICE, "total": "many"})) == "the target's field 'total' is not a number: many"
        assert bound.check(row({"x": 1})) == "the target has none of the fields vendor, total, day, paid"
        assert bound.check(row(json.dumps(INVOICE))) is None

    def test_settings_of_another_kind(self) -> None:
        with pytest.raises(UserError, match="'threshold' is not a setting of the kind 'date' but of 'fuzzy'"):
            scorer("json_fields", fields={"day": {"kind": "date", "threshold": 0.5}})

    def test_day_first(self) -> None:
        fields = {"day": {"kind": "date", "day_first": True}}
        assert value("json_fields", {"day": "03/04/2024"}, '{"day": "2024-04-03"}', fields=fields) == 1
        assert value("json_fields", {"day": "03/04/2024"}, '{"day": "2024-04-03"}', fields={"day": "date"}) == 0
