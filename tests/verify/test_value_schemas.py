from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from rung.verify.schema import closed_values, in_schema_order, infer_schema, schema_fault, value_fault

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-5, 5) | st.sampled_from(["a", "b"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(json_values, min_size=1, max_size=6))
def test_every_value_fits_the_schema_inferred_from_it(values: list[Any]) -> None:
    schema = infer_schema(values)
    assert schema_fault(schema) is None
    assert [value_fault(value, schema) for value in values] == [None] * len(values)
    assert all(in_schema_order(value, schema) == value for value in values)


def test_objects() -> None:
    schema = infer_schema([{"a": 1, "b": "x"}, {"a": 2.5}])
    assert schema == {
        "type": "object",
        "properties": {"a": {"type": "number"}, "b": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert value_fault({"b": "x"}, schema) == "'a' is a required property at $"
    assert value_fault({"a": 1, "c": 1}, schema) == "Additional properties are not allowed ('c' was unexpected) at $"


def test_closed_sets_need_evidence() -> None:
    assert closed_values(["a", "b"] * 10) == ("a", "b")
    assert closed_values(["a", "b"] * 9) is None
    assert closed_values([str(i) for i in range(21)] * 10) is None
    assert closed_values([]) is None
    assert infer_schema(["a", "b"] * 10) == {"type": "string", "enum": ["a", "b"]}


def test_order_follows_the_schema() -> None:
    schema = {"properties": {"b": {"items": {"properties": {"y": {}, "x": {}}}}, "a": {}}}
    ordered = in_schema_order({"z": 0, "a": 1, "b": [{"x": 1, "y": 2}]}, schema)
    assert list(ordered) == ["b", "a", "z"]
    assert list(ordered["b"][0]) == ["y", "x"]
