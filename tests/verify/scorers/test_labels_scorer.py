"""labels: sets of a closed set, in whatever form they come; held against scikit-learn."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scorer_rows import row, rows, scorer, settled

from rung.errors import UserError
from rung.verify.label_sets import separator_of
from rung.verify.scoring import BoundScorer

PLAIN = ("billing", "delivery", "refund")
ODD = ("C++", "food and drink", "food", "Smith, John", "Smith", "A*", "- dash", "1. one", "Yes!", "none of it", "a/b", "[x]", "“q”")


def bound(*choices: str, **config: Any) -> BoundScorer:
    return scorer("labels", choices=list(choices or PLAIN), **config)


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ('["refund", "billing"]', 1),
        ('["billing","refund","billing"]', 1),
        ('{"labels": ["billing", "refund"]}', 1),
        ('{"labels": "billing, refund"}', 0),
        ('{"billing": true, "delivery": false, "refund": true}', 1),
        ('{"billing": 1, "delivery": 1, "refund": 1}', 0),
        ('```json\n["billing", "refund"]\n```', 1),
        ('Sure: ["billing", "refund"].', 1),
        ("billing, refund", 1),
        ("Billing; REFUND.", 1),
        ("billing | refund", 1),
        ("billing and refund", 1),
        ("billing & refund", 1),
        ("billing/refund", 1),
        ("- billing\n- refund", 1),
        ("* **billing**\n* **refund**", 1),
        ("1. refund\n2. billing", 1),
        ("billing\nrefund\n", 1),
        ("Labels: billing, refund", 1),
        ("The labels are: billing and refund.", 1),
        ("`billing`, 'refund'", 1),
        ("billing, and refund", 1),
        ("billing", 0),
        ("billing, refund, delivery", 0),
        ("billing, refund, spam", 0),
        ("billing, not refund", 0),
        ("all except: billing, refund", 0),
        ("not these: billing, refund", 0),
        ("billing issue, refund", 0),
        ("none", 0),
        ("[]", 0),
        ("", 0),
        ("  \n", 0),
        ("I cannot tell.", 0),
    ],
)
def test_forms(answer: str, right: int) -> None:
    assert bound().score(row(["billing", "refund"]), answer).value == right


@pytest.mark.parametrize("answer", ["none", "None.", "[]", '["none"]', '{"labels": []}', "Labels: none", "`none`", "```\n[]\n```"])
def test_the_empty_set_is_a_right_answer(answer: str) -> None:
    assert bound().score(row([]), answer).value == 1
    assert bound().score(row(["billing"]), answer).value == 0
    assert bound(measure="f1").score(row([]), answer).value == 1


@pytest.mark.parametrize("answer", ["", " ", "billing", "nothing", "{}", "null"])
def test_what_is_not_the_empty_set(answer: str) -> None:
    assert bound().score(row([]), answer).value == 0


def test_another_word_for_none() -> None:
    german = bound("none", "alles", none="nichts davon")
    assert german.score(row([]), "Nichts davon.").value == 1
    assert german.score(row([]), "none").value == 0
    assert german.score(row(["none"]), "none").value == 1
    with pytest.raises(UserError, match="'none' is 'None', which is one of the choices: give the word for no label another"):
        bound("none", "all", none="None")


def test_labels_with_commas_and_marks_of_their_own() -> None:
    odd = bound(*ODD)
    for first in ODD:
        assert odd.score(row([first]), first).value == 1, first
        for second in ODD:
            if first == second:
                continue
            for answer in (json.dumps([second, first]), f"{first}; {second}", f"{first}\n{second}", f"{first}, {second}"):
                assert odd.score(row([first, second]), answer).value == 1, answer
    assert odd.score(row(["food", "Smith"]), "food and drink, Smith, John").value == 0


def test_reasons() -> None:
    score = bound().score(row(["billing", "refund"]), "billing, delivery, spam")
    assert score.reason == "lacks: 'refund'; names wrongly: 'delivery'; is none of the choices: 'spam'"


def test_case_may_matter() -> None:
    assert bound("US", "us", ignore_case=False).score(row(["US"]), "us").value == 0


def test_labels_that_differ_in_case_alone_are_two() -> None:
    told = bound("US", "us", "spam")
    assert told.score(row(["US"]), "us").value == 0
    assert told.score(row(["us", "spam"]), "us, Spam").value == 1
    assert told.score(row(["us"]), "Us").value == 0


class TestSettling:
    def test_case(self) -> None:
        found = settled("labels", rows(*[["US", "a"], ["us"]] * 5, ["A"]))
        assert found.config.choices == ("US", "a", "us")
        assert found.check(row(["Us"])) == "the target names 'Us', which is not one of the choices"
        assert "Capitals count." in found.describe(())

    def test_lists(self) -> None:
        found = settled("labels", rows(["b", "A"], ["a"], ["a", "c"], []))
        assert found.config.choices == ("a", "b", "c")
        assert found.config.separator is None
        assert found.ideal(row(["c", "A"])) == '["a","c"]'

    @pytest.mark.parametrize("mark", [";", "|", ",", "\n"])
    def test_texts_with_a_mark(self, mark: str) -> None:
        examples = rows(*[mark.join(labels) for labels in (["a", "b"], ["b", "c"], ["a"], ["b"], ["c"], ["none"])] * 4)
        found = settled("labels", examples)
        assert (found.config.separator, found.config.choices) == (mark, ("a", "b", "c"))
        assert found.ideal(row(f"b{mark} a{mark}")) == '["a","b"]'
        assert found.ideal(row("none")) == "[]"
        assert found.check(row(f"a{mark}d")) == "the target names 'd', which is not one of the choices"

    def test_json_in_texts(self) -> None:
        found = settled("labels", rows('["a, b", "c"]', '["c"]', "[]"))
        assert found.config.choices == ("a, b", "c")
        assert found.score(row('["a, b", "c"]'), "a, b, c").value == 1

    def test_labels_that_hold_commas_are_whole(self) -> None:
        found = settled("labels", rows(*["Washington, DC", "Portland, OR", "Portland, ME"] * 5))
        assert found.config.choices == ("Portland, ME", "Portland, OR", "Washington, DC")

    def test_free_text(self) -> None:
        with pytest.raises(UserError, match="the labels are no closed set: 150 different ones in 150 rows"):
            settled("labels", rows(*[[f"text {n}"] for n in range(150)]))
        with pytest.raises(UserError, match="no target names a label"):
            settled("labels", rows([], "none"))

    def test_what_the_model_is_told_and_held_to(self) -> None:
        found = settled("labels", rows(["b"], ["a", "b"], []))
        told = 'Reply with a JSON list of all that apply and nothing else, out of these: ["a","b"]. Where none applies, reply: []'
        assert found.describe(rows(["b"], [])) == told
        assert found.describe(rows(["b"])) == told.partition(" Where")[0]
        schema = {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "maxItems": 2}
        assert found.constraint(()).schema == schema  # type: ignore[union-attr]
        assert found.closed_set(rows(*[["a"], ["b", "a"], []] * 10)) == ('["a","b"]', '["a"]', "[]")


@pytest.mark.parametrize("mark", [";", "|", ","])
def test_the_constraint_can_write_every_ideal_answer(mark: str) -> None:
    import jsonschema

    examples = rows(*[mark.join(labels) for labels in (["a", "b"], ["b", "c"], ["a"], ["b"], ["c"])] * 4)
    found = settled("labels", examples)
    for example in examples:
        jsonschema.validate(json.loads(found.ideal(example)), found.constraint(examples).schema)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["a;b", "b;c", "a", "c"] * 3, ";"),
        (["a|b|c", "b|c", "a"] * 3, "|"),
        (["a, b", "b, c", "a", "b", "c"] * 3, ","),
        (["red", "blue"] * 5, None),
        (["Washington, DC", "Portland, OR", "Portland, ME"] * 5, None),
        (["Yes, with changes", "No, with changes", "Yes", "No"] * 5, None),
        ([f"It is {n}, she said, and {n} more" for n in range(40)], None),
        (["12,5", "12,7", "13,5"] * 4, None),
        ([], None),
    ],
)
def test_marks(texts: list[str], mark: str | None) -> None:
    assert separator_of(texts) == mark


def test_agreement_with_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score, jaccard_score
    from sklearn.preprocessing import MultiLabelBinarizer

    draw = random.Random(0)
    choices = [f"label {n}" for n in range(6)]
    pairs = [[[label for label in choices if draw.random() < 0.4] for _ in range(2)] for _ in range(200)]
    binarizer = MultiLabelBinarizer(classes=choices)
    truth, said = (binarizer.fit_transform([pair[side] for pair in pairs]) for side in (0, 1))
    expected = {
        "exact": accuracy_score(truth, said),
        "jaccard": jaccard_score(truth, said, average="samples", zero_division=1),
        "f1": f1_score(truth, said, average="samples", zero_division=1),
    }
    for measure, value in expected.items():
        one = bound(*choices, measure=measure)
        scores = [one.score(row(right), json.dumps(answer)).value for right, answer in pairs]
        assert sum(filter(None, scores)) / len(scores) == pytest.approx(value), measure


SETS = st.lists(st.sampled_from(ODD), unique=True, max_size=5)


@given(SETS, SETS, st.sampled_from(["exact", "jaccard", "f1"]))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_ideal_is_one_and_agreement_is_mutual(left: list[str], right: list[str], measure: str) -> None:
    one = bound(*ODD, measure=measure)
    assert one.score(row(left), one.ideal(row(left))).value == 1
    assert one.score(row(left), one.ideal(row(right))).value == one.score(row(right), one.ideal(row(left))).value
    assert (one.score(row(left), one.ideal(row(right))).value == 1) == (set(left) == set(right))


@given(st.text(max_size=80), SETS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_gets_a_score(text: str, target: list[str]) -> None:
    value = bound(*ODD, measure="jaccard").score(row(target), text).value
    assert value is not None
    assert 0 <= value <= 1


@pytest.mark.parametrize(
    "text",
    [
        *("food, " * 170_000, "food and " * 110_000, " " * 1_000_000 + "x", "*" * 1_000_000, "((" * 500_000, "1. " * 330_000),
        *("- food\n" * 140_000, "food" + "*" * 1_000_000, "[" * 1_000_000, "x" * 1_000_000, "food " * 200_000, "a:" * 500_000),
        *("food" + " *" * 500_000, "“" * 1_000_000),
    ],
)
def test_a_megabyte_is_read_soon(text: str) -> None:
    began = time.monotonic()
    assert bound(*ODD).score(row(["A*"]), text).value == 0
    assert time.monotonic() - began < 5


def test_targets_that_are_no_labels() -> None:
    assert bound().check(row(["spam"])) == "the target names 'spam', which is not one of the choices"
    assert bound().check(row(["billing", ""])) == "the target names '', which is not one of the choices"
    assert bound().check(row([])) is None
    assert settled("labels", rows([1], [2, 1]), Path()).score(row([1, 2]), "2, 1").value == 1


def test_a_models_own_mark_separates_no_labels() -> None:
    assert separator_of(["same<|endoftext|>", "other<|endoftext|>"] * 20) is None
    assert separator_of(["red|blue", "red|green", "blue", "green|blue"] * 20) == "|"
