"""Targets that are lists: any of them, all of them, all in this order; and never a guess which of these is meant."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung import plugins
from rung.errors import UserError
from rung.parts import SchemaConstraint
from rung.task.load import load_task
from rung.types import Bar, Example
from rung.verify.items import readings
from rung.verify.lists import Match, pairs_up
from rung.verify.scoring import BoundScorer, bind

WITH_LISTS = [name for name in plugins.names("scorers") if hasattr(plugins.load("scorers", name), "LISTS")]
NEEDED: dict[str, dict[str, Any]] = {"regex": {"pattern": r"<?(.+?)>?$"}, "choice": {"choices": ["red", "blue", "green"]}}
# What each is asked about: three right items, and one that is not.
ITEMS: dict[str, list[Any]] = {
    "date": ["2024-05-03", "2024-06-14", "2024-12-25"],
    "numeric": [7, 31, 12.5],
    "overlap": ["a red house", "the blue sea", "green hills"],
}
OTHER = {"numeric": "99", "overlap": "cats"}


def row(target: Any) -> Example:
    """Shown a passage that holds all items, and one that holds none."""
    shown = ({"id": "0000000a", "source": "", "text": "red blue green"}, {"id": "0000000b", "source": "", "text": ""})
    asked = ({"role": "user", "content": "which?"},)
    return Example(id="1", messages=asked, target=target, source="rows.jsonl:1", shown=shown)


def scorer(name: str, **config: Any) -> BoundScorer:
    return bind(Bar(scorer=name, config={**NEEDED.get(name, {}), **config}))


def words_of(name: str) -> list[str]:
    """The values of `match` that a scorer takes."""
    annotation = plugins.load("scorers", name).Config.model_fields["match"].annotation
    return [word for part in get_args(annotation) for word in get_args(part)]


def items_of(name: str) -> list[Any]:
    return ITEMS.get(name, ["red", "blue", "green"])


@pytest.mark.parametrize("name", WITH_LISTS)
class TestEveryScorerWithLists:
    def test_it_says_what_each_word_means(self, name: str) -> None:
        lines = plugins.load("scorers", name).LISTS
        assert {line.removeprefix("match: ") for line in lines if line.startswith("match: ")} == set(words_of(name))
        assert {line.partition(", ")[0].removeprefix("scorer: ") for line in lines if line.startswith("scorer: ")} <= set(
            plugins.names("scorers")
        )
        assert "any" in words_of(name)

    def test_it_refuses_what_is_not_said(self, name: str) -> None:
        with pytest.raises(UserError) as caught:
            scorer(name).settle([row("red"), row(items_of(name))], Path())
        assert (
            "1 of 2 targets are lists of several, and the bar does not say what they mean: rows.jsonl:1 has ["
            in caught.value.problem
        )
        for line, meaning in plugins.load("scorers", name).LISTS.items():
            assert f"{line}  ({meaning})" in caught.value.hint
        assert scorer(name).score(row(items_of(name)), "red").value is None

    def test_a_list_of_one_is_its_item(self, name: str) -> None:
        (item, *_) = items_of(name)
        bound = scorer(name).settle([row([item])], Path())
        assert bound.score(row([item]), bound.ideal(row([item]))).value == 1
        assert bound.ideal(row([item])) == bound.ideal(row(item))

    def test_an_empty_list_is_no_target(self, name: str) -> None:
        for word in words_of(name):
            assert "empty" in (scorer(name, match=word).check(row([])) or "no words")

    def test_ideal_is_right(self, name: str) -> None:
        for word, order in itertools.product(words_of(name), itertools.permutations(items_of(name))):
            bound, example = scorer(name, match=word), row([*order])
            assert bound.check(example) is None
            assert bound.score(example, bound.ideal(example)).value == 1, (word, order)

    def test_any_one_is_right_where_any_will_do(self, name: str) -> None:
        bound, items = scorer(name, match="any"), items_of(name)
        assert [bound.score(row(items), bound.ideal(row(item))).value for item in items] == [1, 1, 1]
        assert bound.ideal(row(items)) == bound.ideal(row(items[0]))
        assert bound.score(row(items), OTHER.get(name, "pink")).value == 0

    def test_order_of_the_target_matters_only_to_in_order(self, name: str) -> None:
        if name == "overlap":
            return
        items = items_of(name)
        for word in words_of(name):
            bound = scorer(name, match=word)
            turned = bound.score(row(items), bound.ideal(row([*reversed(items)]))).value
            assert turned == (0 if word == "in_order" else 1)

    def test_one_that_is_missing_is_wrong_where_all_are_wanted(self, name: str) -> None:
        if name == "overlap":
            return
        items = items_of(name)
        for word in set(words_of(name)) - {"any"}:
            bound = scorer(name, match=word)
            for left_out in range(3):
                fewer = [item for place, item in enumerate(items) if place != left_out]
                assert bound.score(row(items), bound.ideal(row(fewer))).value == 0, (word, left_out)

    def test_settings_without_a_word_are_as_they_were(self, name: str) -> None:
        assert "match" not in scorer(name).settings()
        assert scorer(name, match="any").settings()["match"] == "any"

    @pytest.mark.parametrize(
        "text", ["[" * 5000, "a, " * 100_000, "\n- x" * 70_000, "; and" * 70_000, '["' * 2000, "and " * 80_000]
    )
    def test_a_long_answer_is_read_soon(self, name: str, text: str) -> None:
        if name == "overlap":
            return
        began = time.process_time()
        for word in words_of(name):
            assert scorer(name, match=word).score(row(items_of(name)), text).value in (0, 1)
        assert time.process_time() - began < 20


@pytest.mark.parametrize("match", get_args(Match))
@pytest.mark.parametrize(
    ("answer", "form"),
    [
        ('["b", "a, c"]', "JSON"),
        ('{"answers": ["b", "a, c"]}', "JSON in an object"),
        ('Here you are:\n```json\n["b", "a, c"]\n```', "JSON in a fence"),
        ("- b\n- a, c", "bullets"),
        ("1. b\n2) a, c\n", "numbers"),
        ("b\na, c", "lines"),
        ("b; a, c", "semicolons"),
        ("'b'; *a, c*", "quotes"),
    ],
)
def test_forms_of_a_list(answer: str, form: str, match: str) -> None:
    bound = scorer("exact", match=match)
    assert bound.score(row(["b", "a, c"]), answer).value == (0 if match == "any" else 1), form
    assert bound.score(row(["a, c", "b"]), answer).value == (1 if match == "all" else 0), form
    assert bound.score(row(["b", "a, c", "d"]), answer).value == 0, form


@pytest.mark.parametrize("answer", ["a, b and c", "a, b, and c", "a,b,c", "a and b and c", "A\nB\nC"])
def test_words_between_items(answer: str) -> None:
    assert scorer("exact", match="in_order", ignore_case=True).score(row(["a", "b", "c"]), answer).value == 1


@pytest.mark.parametrize(
    ("target", "answer", "right"),
    [
        (["New York", "New York City"], "New York City", 0),
        (["New York", "New York City"], "New York City, then New York", 1),
        (["ab", "b"], "ab b", 1),
        (["ab", "b"], "ab", 0),
        (["a", "a"], "a", 1),
    ],
)
def test_each_needs_a_place_of_its_own(target: list[str], answer: str, right: int) -> None:
    assert scorer("contains", match="all").score(row(target), answer).value == right


def test_in_order_means_one_behind_the_other() -> None:
    bound = scorer("contains", match="in_order")
    assert bound.score(row(["open", "turn", "close"]), "Open it, turn it, close it.").value == 1
    assert bound.score(row(["open", "turn", "close"]), "Turn it, open it, close it.").reason.startswith(
        "contains them, but not in the"
    )


def test_several_references_are_the_packages_own() -> None:
    import sacrebleu

    references, output = ["the cat is on the mat", "there is a cat on the mat"], "the cat sat on the mat"
    for metric, measure in (("bleu", sacrebleu.sentence_bleu), ("chrf", sacrebleu.sentence_chrf)):
        bound = scorer("overlap", measure=metric, match="any")
        assert bound.score(row(references), output).value == pytest.approx(measure(output, references).score / 100)
    lines = scorer("overlap", measure="bleu", match="in_order")
    assert lines.score(row(references), output).value == pytest.approx(
        sacrebleu.sentence_bleu(output, ["\n".join(references)]).score / 100
    )


def test_citing_all_of_several() -> None:
    shown = (
        {"id": "0000000a", "text": "It weighs 310 g.", "source": "a"},
        {"id": "0000000b", "text": "It is blue.", "source": "a"},
    )
    example = Example(id="1", messages=({"role": "user", "content": "?"},), target=["310 g", "blue"], shown=shown)
    bound = scorer("cited", match="all")
    assert bound.score(example, "It weighs 310 g [0000000a] and is blue [0000000b].").value == 1
    assert bound.score(example, "It weighs 310 g [0000000a].").reason == "does not contain 'blue'"
    assert scorer("cited", match="any").score(example, "It weighs 310 g [0000000a].").value == 1


def test_the_model_is_told_the_form_that_it_is_shown() -> None:
    rows = [row(["a", "b"]), row("c")]
    bound = scorer("exact", match="all")
    assert (
        bound.describe(rows) == "Reply with a JSON list of everything that is asked for, and nothing else: each item as one text."
    )
    assert [bound.ideal(one) for one in rows] == ['["a","b"]', '["c"]']
    assert bound.constraint(rows) == SchemaConstraint(schema={"type": "array", "items": {"type": "string"}})
    assert scorer("exact", match="any").describe(rows) == scorer("exact").describe(rows)
    assert "in their right order" in scorer("exact", match="in_order").describe(rows)
    assert scorer("contains", match="all").describe(rows) == "Name everything that is asked for."


def test_a_right_answer_of_several_has_the_first_ones_label() -> None:
    for name in ("exact", "choice"):
        bound = scorer(name, match="any")
        assert [bound.label(row(["red", "blue"]), answer) for answer in ("red", "blue", "green")] == ["red", "red", "green"]
    every = scorer("exact", match="all")
    assert every.label(row(["red", "blue"]), "blue, red") == every.target_label(row(["red", "blue"])) == '["red","blue"]'


def test_choices_are_taken_from_all_items() -> None:
    bound = bind(Bar(scorer="choice", config={"match": "any"})).settle([row(["a", "b"]), row("c"), row(["a"])] * 3, Path())
    assert bound.config.choices == ("a", "b", "c")
    with pytest.raises(UserError, match=r"'match' cannot be 'all'. Known: any."):
        scorer("choice", match="all")


def test_a_task_is_refused_with_the_line_to_write(tmp_path: Path) -> None:
    rows = [{"q": f"question {n}", "a": [f"answer {n}", f"the answer {n}"] if n % 2 else f"answer {n}"} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    text = "name: a\ndata: {examples: rows.jsonl, columns: {input: q, target: a}}\nquality: {scorer: exact, at_least: .5}\n"
    (tmp_path / "task.yaml").write_text(text, "utf-8")
    with pytest.raises(UserError) as caught:
        load_task(tmp_path / "task.yaml", tmp_path)
    assert caught.value.where == f"{tmp_path / 'task.yaml'}:3"
    assert caught.value.problem.startswith(
        "20 of 40 targets are lists of several, and the bar does not say what they mean: rows.jsonl:"
    )
    assert "\n    match: any  (several right answers: any one of them)\n" in caught.value.hint
    (tmp_path / "task.yaml").write_text(text.replace("exact", "exact, match: any"), "utf-8")
    assert load_task(tmp_path / "task.yaml", tmp_path).quality.config["match"] == "any"
    (tmp_path / "task.yaml").write_text(text.replace("exact", "exact, match: some"), "utf-8")
    with pytest.raises(UserError, match=r"'match' cannot be 'some'. Known: all, any, in_order"):
        load_task(tmp_path / "task.yaml", tmp_path)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), min_size=1, max_size=6).filter(
    lambda text: text == text.strip()
)


@given(items=st.lists(TEXTS, min_size=1, max_size=4), match=st.sampled_from(get_args(Match)))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_the_ideal_answer_to_any_list_is_right(items: list[str], match: str) -> None:
    for name in ("exact", "contains"):
        bound, example = scorer(name, match=match), row(items)
        if bound.check(example) is None:
            assert bound.score(example, bound.ideal(example)).value == 1


@given(
    left=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4), right=st.lists(st.sampled_from("abcd"), min_size=1, max_size=4)
)
@settings(max_examples=150, deadline=None, derandomize=True)
def test_being_the_same_list_is_mutual(left: list[str], right: list[str]) -> None:
    for match, same in (("all", sorted(left) == sorted(right)), ("in_order", left == right)):
        bound = scorer("exact", match=match)
        assert bound.score(row(left), json.dumps(right)).value == bound.score(row(right), json.dumps(left)).value == float(same)


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_can_be_read(text: str) -> None:
    for found in readings(text):
        assert all(isinstance(item, str) for item in found)


@given(st.lists(st.lists(st.integers(0, 4), max_size=5), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_pairing_is_what_trying_all_finds(fits: list[list[int]]) -> None:
    tried = any(
        all(place in fits[one] for one, place in enumerate(places)) for places in itertools.permutations(range(5), len(fits))
    )
    assert pairs_up(fits) == tried


@pytest.mark.parametrize(
    ("match", "said", "right"),
    [
        ("in_order", ["a", "b"], 1),
        ("in_order", ["b", "a"], 0),
        ("all", ["b", "a"], 1),
        ("all", ["a"], 0),
        ("all", ["a", "a"], 0),
        ("any", ["a", "b"], 1),
        ("any", ["b"], 1),
        ("any", "b", 1),
        ("any", ["b", "c"], 0),
        ("any", [], 0),
        ("any", "c", 0),
    ],
)
def test_a_field_that_is_a_list_says_the_same_words(match: str, said: Any, right: int) -> None:
    bound = bind(Bar(scorer="json_fields", config={"fields": {"tags": {"kind": "list", "match": match}}}))
    assert bound.score(row({"tags": ["a", "b"]}), json.dumps({"tags": said})).value == right


def test_items_within_a_tolerance_are_paired_as_well_as_can_be() -> None:
    items = {"kind": "number", "absolute": 1.0}
    bound = bind(Bar(scorer="json_fields", config={"fields": {"n": {"kind": "list", "match": "all", "items": items}}}))
    assert bound.score(row({"n": [1, 2]}), '{"n": [2, 2.9]}').value == 1
    assert bound.score(row({"n": [1, 2]}), '{"n": [2, 3.1]}').value == 0
