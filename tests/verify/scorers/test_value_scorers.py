"""numeric, json_schema, json_fields."""

from __future__ import annotations

import json
from dataclasses import replace
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

    def test_a_columns_way_of_writing_is_settled_once(self) -> None:
        bound = settled("numeric", rows("1.234,50", "99,10", "1.234"))
        assert bound.settings()["decimal"] == ","
        assert bound.score(row("1.234"), "1234").value == 1
        assert bound.score(row("1.234"), "1,234").value == 0
        assert bound.render("1.234,50") == "1.234,50"
        assert bound.constraint(rows("1.234,50")) is None
        assert bound.describe(rows("1.234,50")).endswith("Write a decimal comma.")
        assert bound.check(row("1234.5")) == "the target '1234.5' is not a number with a decimal comma"

    def test_whole_numbers_of_any_size_are_exact(self) -> None:
        assert value("numeric", 9876543210, "9876543219") == 0
        assert value("numeric", "9876543210", "9,876,543,210") == 1

    def test_identifiers_are_refused_with_the_way_out(self) -> None:
        with pytest.raises(UserError, match="the targets are identifiers, not quantities: leading zeros, as in '00501'") as refused:
            settled("numeric", rows("00501", "10001", "02134"))
        assert "Use the scorer 'exact'" in refused.value.hint
        odd = "the target '007' begins with a zero, as identifiers do and quantities do not"
        assert settled("numeric", rows(*range(100), "007")).check(row("007")) == odd

    def test_a_column_in_doubt_is_refused_until_the_setting_says(self) -> None:
        with pytest.raises(UserError, match=r"the targets can be read in two ways: '1\.234' is a number with three decimals"):
            settled("numeric", rows("1.234", "12.345"))
        assert settled("numeric", rows("1.234", "12.345"), decimal=",").score(row("1.234"), "1234").value == 1

    @pytest.mark.parametrize(
        ("target", "output", "right"),
        [
            ("12 kg", "12 lb", 0),
            ("12 kg", "12", 1),
            ("12 kg", "That is 12 kilograms.", 1),
            (12, "12 lb", 1),
            ("R$ 12", "12 reais", 1),
            ("12 €", "$12", 0),
            ("1/2", "0.5", 1),
            (2, "1/2", 0),
            (20, "The answer is 20%", 1),
            (5, "12,5", 0),
            (42, "The answer is 42, because 6 times 7", 1),
        ],
    )
    def test_units_and_words_around(self, target: Any, output: str, right: int) -> None:
        assert settled("numeric", rows(target, target)).score(row(target), output).value == right

    def test_a_question_that_is_repeated_is_no_answer(self) -> None:
        asked = {"role": "user", "content": "What is the price? A white frame, list price $3,982.77"}
        example = replace(row("$3,982.77"), messages=(asked,))
        bound = settled("numeric", rows("$3,982.77", "$5.00"))
        assert bound.score(example, asked["content"]).reason == "no number in the answer"
        assert bound.score(example, f"{asked['content']}\n$3,982.77").value == 1
        assert bound.score(example, "list price $3,982.77").value == 1

    def test_worked_solutions(self) -> None:
        worked = "He had 32 + 42 = <<32+42=74>>74.\nSo 74 - 35 = 39.\n#### 39"
        bound = settled("numeric", rows(worked))
        assert bound.check(row(worked)) is None
        assert bound.render(worked) == worked
        assert bound.score(row(worked), worked).value == bound.score(row(worked), "39").value == 1
        assert bound.score(row(worked), "74").value == 0
        assert bound.constraint(rows(worked)) is None

    def test_a_constraint_that_cannot_write_an_ideal_answer_is_none(self) -> None:
        assert scorer("numeric").constraint(rows("1,234", 5)) == SchemaConstraint(schema={"type": "integer"})
        assert scorer("numeric").constraint(rows("12 kg", 5)) is None
        assert scorer("numeric").constraint(rows("12%", 5)) is None


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
        assert value("json_fields", {"day": "03/04/2024"}, '{"day": "2024-03-04"}', fields=fields) == 0
        fields = {"day": {"kind": "date", "day_first": False}}
        assert value("json_fields", {"day": "03/04/2024"}, '{"day": "2024-04-03"}', fields=fields) == 0

    def test_the_order_of_a_column_is_taken_from_all_of_it(self) -> None:
        bound = settled("json_fields", rows({"day": "03/04/2024"}, {"day": "25/12/2024"}))
        assert bound.config.fields["day"].day_first is True
        assert bound.score(row({"day": "03/04/2024"}), '{"day": "3 April 2024"}').value == 1
        assert bound.score(row({"day": "03/04/2024"}), '{"day": "03/04/2024"}').value == 1
        assert bound.score(row({"day": "03/04/2024"}), '{"day": "04/03/2024"}').value == 0

    def test_a_column_that_does_not_say_its_order_is_refused_until_the_settings_do(self) -> None:
        examples = rows({"day": "03/04/2024"}, {"day": "01/02/2024"})
        with pytest.raises(UserError, match="the field 'day' can be read in two ways: '03/04/2024' is 03 April where") as refused:
            settled("json_fields", examples)
        assert refused.value.hint == "Say which under 'fields': {day: {kind: date, day_first: true (or false)}}."
        assert settled("json_fields", examples, fields={"day": {"kind": "date", "day_first": True}}).config.fields["day"].day_first

    def test_a_time_of_day_counts(self) -> None:
        target = {"at": "2026-01-05T15:30"}
        bound = settled("json_fields", rows(target, {"at": "2026-01-06T08:00"}))
        assert bound.score(row(target), '{"at": "2026-01-05T08:00"}').value == 0
        assert bound.score(row(target), '{"at": "5 January 2026, 3:30 PM"}').value == 1
        assert bound.score(row(target), '{"at": "2026-01-05"}').reason == "at is 2026-01-05, expected 2026-01-05T15:30"

    def test_digits_that_are_names_are_text(self) -> None:
        bound = settled("json_fields", rows({"zip": "00501", "n": "12"}, {"zip": "10001", "n": "1,200"}))
        assert {name: field.kind for name, field in bound.config.fields.items()} == {"zip": "exact", "n": "number"}
        assert bound.score(row({"zip": "00501"}), '{"zip": 501}').value == 0
        assert bound.score(row({"zip": "00501"}), '{"zip": "00501"}').value == 1

    def test_one_odd_row_changes_no_kind(self) -> None:
        examples = rows(*[{"n": n, "day": "2024-01-05"} for n in range(239)], {"n": "many", "day": "soon"})
        bound = settled("json_fields", examples)
        assert {name: field.kind for name, field in bound.config.fields.items()} == {"n": "number", "day": "date"}
        assert bound.check(examples[-1]) == "the target's field 'n' is not a number: many"
        assert bound.config.json_schema["properties"]["n"] == {"type": "integer"}
        assert all(bound.check(example) is None for example in examples[:-1])

    def test_nothing_to_say_is_an_answer(self) -> None:
        examples = rows({}, {"city": "Rome"}, {"city": "Oslo", "n": 2})
        bound = settled("json_fields", examples)
        assert [bound.check(example) for example in examples] == [None, None, None]
        assert [bound.score(example, bound.ideal(example)).value for example in examples] == [1, 1, 1]
        assert bound.score(examples[0], '{"city": null, "n": ""}').value == 1
        assert bound.score(examples[0], '{"city": "Rome"}').value == 0
        assert bound.score(examples[1], "{}").value == 0
        assert bound.score(examples[2], '{"city": "Oslo"}').value == 0.5
        assert bound.score(examples[2], '{"city": "Oslo", "n": 2, "street": "Main"}').value == pytest.approx(2 / 3)
        assert bound.score(examples[2], '{"city": "Oslo", "n": 2, "street": null}').value == 1

    def test_fields_that_no_target_has(self) -> None:
        said = '{"city": "Rome", "why": "it says so"}'
        assert settled("json_fields", rows({"city": "Rome"})).score(row({"city": "Rome"}), said).reason == "why is not a field"
        bound = settled("json_fields", rows({"city": "Rome"}), ignore_extra=True)
        assert bound.score(row({"city": "Rome"}), said).value == 1
        assert "field invented" in bound.accepts
        some = settled("json_fields", rows({"city": "Rome", "id": 7}), fields={"city": "exact"})
        assert some.score(row({"city": "Rome", "id": 7}), '{"city": "Rome", "id": 8}').value == 1

    @pytest.mark.parametrize(
        ("said", "right"),
        [
            ({"who": {"name": "Ann", "since": "5 March 2024"}, "tags": ["a", "b"]}, 1),
            ({"who": {"since": "2024-03-05", "name": "Ann"}, "tags": ["a", "b"]}, 1),
            ({"who": {"name": "Ann", "since": "2024-03-06"}, "tags": ["a", "b"]}, 0.5),
            ({"who": {"name": "Ann", "since": "2024-03-05", "age": 7}, "tags": ["a", "b"]}, 0.5),
            ({"who": "Ann", "tags": ["a", "b"]}, 0.5),
            ({"who": {"name": "Ann", "since": "2024-03-05"}, "tags": ["b", "a"]}, 0.5),
            ({"who": {"name": "Ann", "since": "2024-03-05"}, "tags": ["a"]}, 0.5),
            ({"who": {"name": "Ann", "since": "2024-03-05"}, "tags": ["a", "b", "b"]}, 0.5),
            ({"who": {"name": "Ann", "since": "2024-03-05"}, "tags": "a, b"}, 0.5),
        ],
    )
    def test_objects_and_lists_in_fields(self, said: dict[str, Any], right: float) -> None:
        target = {"who": {"name": "Ann", "since": "2024-03-05"}, "tags": ["a", "b"]}
        bound = settled("json_fields", rows(target))
        assert bound.config.fields["who"].fields["since"].kind == "date"
        assert bound.score(row(target), json.dumps(said)).value == right

    def test_the_order_of_a_list_may_not_matter(self) -> None:
        fields = {"tags": {"kind": "list", "match": "all"}}
        bound = settled("json_fields", rows({"tags": ["a", "a", "b"]}), fields=fields)
        assert bound.score(row({"tags": ["a", "a", "b"]}), '{"tags": ["b", "a", "a"]}').value == 1
        assert bound.score(row({"tags": ["a", "a", "b"]}), '{"tags": ["b", "b", "a"]}').value == 0

    def test_booleans_and_numbers_in_quotes(self) -> None:
        target = {"paid": True, "n": 3, "level": "3"}
        bound = settled("json_fields", rows(target))
        assert bound.score(row(target), '{"paid": "True", "n": "3.0", "level": 3}').value == 1
        assert bound.score(row(target), '{"paid": 1, "n": true, "level": "4"}').value == 0

    def test_what_was_said_last_counts(self) -> None:
        bound = settled("json_fields", rows({"a": "x"}))
        assert bound.score(row({"a": "x"}), 'First {"a": "x"}, but no: {"a": "y"}').value == 0
        assert bound.score(row({"a": "x"}), 'First {"a": "y"}, but no: {"a": "x"}').value == 1
        cut = bound.score(row({"a": "x"}), '{"a": "x"} or rather {"a": "y')
        assert (cut.value, cut.reason) == (0, "the last JSON object in the answer is cut off")

    @pytest.mark.parametrize(
        "said", ['{"a": 1e999}', '{"a": "\\ud800"}', '{"a": ' + "[" * 700 + "]" * 700 + "}", '{"a": ' + "9" * 9000 + "}"]
    )
    def test_any_json_gets_a_score_that_can_be_stored(self, said: str) -> None:
        for target in ({"a": "x"}, {"a": 1}, {"a": [1]}, {"a": {"b": 1}}):
            score = settled("json_fields", rows(target)).score(row(target), said)
            assert score.value == 0
            score.reason.encode("utf-8")
