"""Any frozen class as plain JSON and back; what does not fit its fields is named, not guessed at."""

from __future__ import annotations

import json

import pytest

from rung.json_form import Misfit, as_json, canonical_json, digest, from_json
from rung.parts import Abstention, CallConstraint, ChoiceConstraint, Demonstrations, Retrieval, SchemaConstraint
from rung.types import Candidate

WHOLE = Candidate(
    rung="r2_retrieve",
    base="pip:llm@sha256:00",
    demonstrations=Demonstrations(pool="a", k=2),
    retrieval=Retrieval(index="b", mode="lexical", k=1, form="cited", abstain=Abstention(below=1, answer="no")),
    adapters=("c", "d"),
)


@pytest.mark.parametrize(
    "constraint",
    [None, CallConstraint(), ChoiceConstraint(choices=("a", "b")), SchemaConstraint(schema={"properties": {"b": {}, "a": {}}})],
)
def test_a_class_comes_back_as_it_was(constraint) -> None:
    candidate = Candidate(**{field: getattr(WHOLE, field) for field in as_json(WHOLE)} | {"constraint": constraint})
    again = from_json(Candidate, json.loads(json.dumps(as_json(candidate))))
    assert again == candidate and again.id == candidate.id
    assert type(again.constraint) is type(constraint)


def test_the_order_of_a_schemas_keys_stays() -> None:
    held = SchemaConstraint(schema={"properties": {"b": {}, "a": {}}})
    assert list(from_json(SchemaConstraint, as_json(held)).schema["properties"]) == ["b", "a"]


def test_what_has_a_default_may_be_missing_and_nothing_else() -> None:
    assert from_json(Demonstrations, {"pool": "a", "k": 2}) == WHOLE.demonstrations
    assert from_json(Candidate, {"rung": "r1_prompt", "base": "b"}) == Candidate(rung="r1_prompt", base="b")
    with pytest.raises(Misfit, match="Demonstrations lacks 'k'"):
        from_json(Demonstrations, {"pool": "a"})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"demos": None}, "Candidate has an unknown 'demos'"),
        ({"max_tokens": "9"}, "Candidate.max_tokens is str, not int"),
        ({"max_tokens": True}, "Candidate.max_tokens is bool, not int"),
        ({"adapters": "cd"}, "Candidate.adapters is str, not list"),
        ({"demonstrations": {"pool": "a", "k": 2, "form": "x"}}, "Candidate.demonstrations has an unknown 'form'"),
        ({"retrieval": {"index": "b", "mode": "fuzzy", "k": 1, "form": "cited"}}, "Candidate.retrieval.mode cannot be 'fuzzy'"),
    ],
)
def test_what_does_not_fit_is_named(changes, said) -> None:
    with pytest.raises(Misfit) as caught:
        from_json(Candidate, as_json(WHOLE) | changes)
    assert said in str(caught.value)


def test_equal_values_have_one_digest_whatever_their_order() -> None:
    assert canonical_json({"b": [1, 2.5], "a": "ü"}) == '{"a":"ü","b":[1,2.5]}'
    assert digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1}) != digest({"a": 1, "b": 2})
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json(float("nan"))
