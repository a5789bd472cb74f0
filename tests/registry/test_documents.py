"""Climb documents as JSON and back: every key has its field, every field its key and its type."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from documents import least_document

from rung import json_form
from rung.errors import UserError
from rung.registry.documents import CardLine, as_json, from_json
from rung.registry.forecasts import Ahead, Forecast
from rung.types import Verdict

DOCUMENT = replace(least_document("c0ffee", "It passes."), card=(CardLine(text="10 rows", figures={"rows": 10}),))


def test_what_is_written_is_read_back() -> None:
    stored = json.loads(json.dumps(as_json(DOCUMENT)))
    assert from_json(stored) == DOCUMENT
    assert as_json(from_json(stored)) == stored


def changed(*path: Any, value: Any = ..., drop: bool = False) -> dict[str, Any]:
    stored: Any = json.loads(json.dumps(as_json(DOCUMENT)))
    part = stored
    for key in path[:-1]:
        part = part[key]
    if drop:
        del part[path[-1]]
    else:
        part[path[-1]] = value
    return stored


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (changed("finished", value=True), "ClimbDocument has an unknown 'finished'"),
        (changed("rungs", 0, "latency_p50_s", value=0.1), "ClimbDocument.rungs[0] has an unknown 'latency_p50_s'"),
        (changed("rungs", 0, "build_s", drop=True), "ClimbDocument.rungs[0] lacks 'build_s'"),
        (changed("verdict", "status", value="passed"), "ClimbDocument.verdict.status cannot be 'passed'"),
        (changed("seconds", value="12"), "ClimbDocument.seconds is str, not float"),
        (changed("task", "seed", value=True), "ClimbDocument.task.seed is bool, not int"),
        (changed("rungs", value={}), "ClimbDocument.rungs is dict, not list"),
        ([], "ClimbDocument is list, not dict"),
        ({"task": None}, "ClimbDocument lacks 'climb'"),
    ],
)
def test_what_another_version_wrote_is_refused_with_what_to_do(stored: Any, words: str) -> None:
    with pytest.raises(UserError) as refused:
        from_json(stored)
    assert words in refused.value.problem and "is of an earlier version" in refused.value.problem
    assert refused.value.hint == "Repeat it with `rung climb task.yaml`."


def test_a_whole_number_will_do_for_a_float_and_none_only_where_it_may_be() -> None:
    assert json_form.from_json(Ahead, {"times": 2, "rows": 4, "estimate": 1, "lower": 0, "upper": 1}).estimate == 1
    with pytest.raises(json_form.Misfit, match=r"Ahead\.estimate is NoneType, not float"):
        json_form.from_json(Ahead, {"times": 2, "rows": 4, "estimate": None, "lower": 0, "upper": 1})
    assert json_form.from_json(Forecast, {"curves": [], "breakeven": None}) == Forecast(curves=(), breakeven=None)


def test_tuples_become_lists_and_mappings_dicts() -> None:
    assert json_form.as_json({"a": (1, (2,))}) == {"a": [1, [2]]}
    assert json_form.as_json(Verdict) is Verdict, "a class is no instance of one"
