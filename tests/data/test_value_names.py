"""Words for what the targets' values are."""

import pytest

from rung.data.value_names import check_names
from rung.errors import UserError

COLUMNS = {"input": "text", "target": "label"}


def targets(load, values, names, **settings):
    rows = [{"text": f"t{n}", "label": value} for n, value in enumerate(values)]
    return [row.target for row in load("rows.jsonl", rows, columns=COLUMNS, names=names, **settings).examples]


@pytest.mark.parametrize("values", [[0, 1], ["0", "1"], [0.0, 1.0], ["0.0", "1.0"], [" 0", "1 "]])
@pytest.mark.parametrize("names", [{"0": "negative", "1": "positive"}, {"0.0": "negative", "1.0": "positive"}])
def test_values_match_as_they_are_written_or_as_numbers(load, values, names):
    assert targets(load, values, names) == ["negative", "positive"]


def test_truths_match_in_any_case(load):
    assert targets(load, [True, False], {"true": "spam", "false": "ham"}) == ["spam", "ham"]
    assert targets(load, ["TRUE", "False"], {"true": "spam", "false": "ham"}) == ["spam", "ham"]


def test_texts_match_whole(load):
    assert targets(load, ["neg", "pos"], {"neg": "negative", "pos": "positive"}) == ["negative", "positive"]
    assert targets(load, ["01", "1"], {"01": "first", "1": "second"}) == ["first", "second"]


def test_forms_of_one_letter_are_one_letter(load):
    assert targets(load, ["cafe\u0301", "caf\u00e9"], {"caf\u00e9": "coffee"}) == ["coffee", "coffee"]
    assert targets(load, ["caf\u00e9"], {"cafe\u0301": "coffee"}) == ["coffee"]
    with pytest.raises(UserError, match="have one name"):
        check_names({"0": "caf\u00e9", "1": "cafe\u0301"})


def test_labels_in_lists_and_fields_of_objects(load):
    assert targets(load, [[3, 10], [3], []], {"3": "anger", "10": "joy"}) == [["anger", "joy"], ["anger"], []]
    assert targets(load, ["[3, 10]", "[3]", "[]"], {"3": "anger", "10": "joy"}) == [["anger", "joy"], ["anger"], []]
    assert targets(load, ["3,10", "3", "10", "10,3", "3,10"], {"3": "anger", "10": "joy"}) == [
        ["anger", "joy"], ["anger"], ["joy"], ["joy", "anger"], ["anger", "joy"]
    ]  # fmt: skip
    objects = [{"tone": 0, "size": 0}, {"tone": 1}]
    assert targets(load, objects, {"tone": {"0": "calm", "1": "angry"}}) == [{"tone": "calm", "size": 0}, {"tone": "angry"}]


def test_marks_take_the_names_of_their_columns(load):
    rows = [{"text": f"t{n}", "tox": n % 2, "obs": 1} for n in range(2)]
    columns = {"input": "text", "target": ["tox", "obs"]}
    names = {"tox": "toxic", "obs": "obscene"}
    assert [row.target for row in load("rows.jsonl", rows, columns=columns, names=names).examples] == [
        ["obscene"],
        ["toxic", "obscene"],
    ]


def test_values_without_a_name_are_all_told_at_once(load):
    with pytest.raises(UserError) as error:
        targets(load, [0, 1, 2, 3, 3], {"0": "negative", "1": "positive"})
    assert "data.names has no name for '2', '3' (first at rows.jsonl:3)" in error.value.message
    assert "named are '0', '1'" in error.value.message


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ({"0": "good", "1": "Good "}, "0 and 1 have one name, 'Good '"),
        ({"1": "good", "1.0": "bad"}, "'1' and '1.0' are one value"),
        ({"0": ""}, "the name of 0 cannot be ''"),
        ({"0": ["good"]}, r"the name of 0 cannot be \['good'\]"),
        ({"tone": {"0": "good", "1": "good"}}, "0 and 1 of tone have one name"),
        ({"tone": {"0": {"a": "b"}}}, "the name of 0 of tone cannot be"),
    ],
)
def test_names_that_cannot_be_told_apart_are_errors(names, problem):
    with pytest.raises(UserError, match=problem):
        check_names(names)
