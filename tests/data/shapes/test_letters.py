"""Targets that name one of the row's options, by mark, text or place, as its letter."""

import pytest

from rung.errors import UserError

COLUMNS = {"input": ["question", "choices"], "target": "answer"}
TEXTS = [["red wine", "tea"], ["a cup", "a pan"], ["up", "down"], ["seven", "nine"]]


def load_with(load, answers, choices=None, columns=None, **settings):
    rows = [
        {"question": f"q{n}", "choices": texts, "answer": answer}
        for n, (answer, texts) in enumerate(zip(answers, choices or TEXTS, strict=True))
    ]
    return load("rows.jsonl", rows, columns=columns or COLUMNS, names="letters", **settings)


@pytest.mark.parametrize(
    "answers",
    [
        ["red wine", "a pan", "down", "seven"],
        [" Red  wine.", "A pan", "DOWN", "seven"],
        [0, 1, 1, 0],
        ["0", "1", "1", "0"],
        [1, 2, 2, 1],
        ["A", "B", "b", "(a)"],
    ],
)
def test_text_mark_or_place_become_the_letter(load, answers):
    loaded = load_with(load, answers)
    assert [row.target for row in loaded.examples] == ["A", "B", "B", "A"]
    assert loaded.examples[0].messages[0]["content"] == "question: q0\n\nchoices:\nA) red wine\nB) tea"


def test_marks_of_two_kinds_are_letters_of_one(load):
    choices = [{"text": texts, "label": ["A", "B"] if n % 2 else ["1", "2"]} for n, texts in enumerate(TEXTS)]
    loaded = load_with(load, ["1", "B", "2", "A"], choices)
    assert [row.target for row in loaded.examples] == ["A", "B", "B", "A"]
    assert loaded.examples[2].messages[0]["content"].endswith("A) up\nB) down")
    plain = [{"question": "q", "choices": choices[0], "answer": "1"}]
    assert load("rows.jsonl", plain, columns=COLUMNS).examples[0].messages[0]["content"].endswith("1) red wine\n2) tea")


def test_options_in_columns_keep_the_names_that_are_shown(load):
    rows = [{"q": f"q{n}", "x": texts[0], "y": texts[1], "answer": texts[n % 2]} for n, texts in enumerate(TEXTS)]
    for names, letters in ((("A", "B"), "ABAB"), (("1", "2"), "1212")):
        columns = {"input": {"Question": "q", names[0]: "x", names[1]: "y"}, "target": "answer"}
        assert "".join(row.target for row in load("rows.jsonl", rows, columns=columns, names="letters").examples) == letters


def test_what_could_be_read_in_two_ways_is_asked_for(load):
    with pytest.raises(UserError, match=r"(?s)as an option's place from 0 and as its place from 1.*names: \{0: A, 1: B"):
        load_with(load, [1, 1, 1], [["x", "y", "z"]] * 3)
    with pytest.raises(UserError, match="as an option's text and as its place from 0"):
        load_with(load, ["2", "1"], [["2", "1", "0"], ["0", "2", "1"]])


def test_a_target_that_names_no_option_is_a_bad_row_and_many_are_the_wrong_word(load):
    answers = ["red wine", "a pan", "down", "seven"] * 5
    loaded = load_with(load, [*answers[:-1], "six"], TEXTS * 5)
    assert len(loaded.examples) == 19
    assert "the target (answer) is 'six', the text of no one option: A) seven, B) nine" in loaded.findings[0].message
    with pytest.raises(UserError, match="in 3 of 4 rows 'answer' names none of the options"):
        load_with(load, ["red wine", "x", "y", "z"])
    with pytest.raises(UserError, match="names none of the options"):
        load_with(load, ["a", "b", "a", "b"], columns={"input": "question", "target": "answer"})


def test_an_option_that_stands_twice_is_no_ones_answer(load):
    answers = ["red wine", "a pan", "down", "seven"] * 5
    loaded = load_with(load, [*answers, "x"], [*TEXTS * 5, ["x", "X"]])
    assert (len(loaded.examples), loaded.findings[0].count) == (20, 1)


def test_letters_are_for_one_named_target(load):
    with pytest.raises(UserError, match="letters is for one target column"):
        load_with(load, [0, 1, 1, 0], columns={"input": "question", "target": ["answer", "choices"]})
    with pytest.raises(UserError, match="letters needs columns that are named"):
        load("rows.jsonl", [{"prompt": "a", "completion": "b"}], names="letters")
