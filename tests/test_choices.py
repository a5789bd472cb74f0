"""Which labels of a closed set an answer names."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rung.choices import choices, in_one_form, labels_in

LETTERS = ("A", "B", "C", "D")
TONE = ("positive", "negative", "neutral", "very positive")
YES = ("yes", "no")
LANGUAGES = ("C", "C++", "C#", ".NET", "Java", "JavaScript")
GRADES = ("A", "A*", "A-", "B")
DIGITS = ("-1", "0", "1", "2")
CHINESE = ("正面", "负面", "中性")

# labels, what was said, the one label that it names: "" for none, | between several
CASES: list[tuple[tuple[str, ...], str, str]] = [
    # the exact label, before anything is taken off
    (GRADES, "A*", "A*"),
    (GRADES, "A-", "A-"),
    (GRADES, "A", "A"),
    (GRADES, "**A**", "A"),
    (GRADES, "Grade: A*", "A*"),
    (("A", "B"), "A*", ""),
    (LANGUAGES, "C++", "C++"),
    (LANGUAGES, "It is written in C++.", "C++"),
    (LANGUAGES, "C#", "C#"),
    (LANGUAGES, ".NET", ".NET"),
    (LANGUAGES, "I believe this is .NET code", ".NET"),
    (("C", "Java"), "C++", ""),
    (("NET", "Java"), ".NET", ""),
    (LANGUAGES, "JavaScript", "JavaScript"),
    (LANGUAGES, "This is JavaScript!", "JavaScript"),
    (("Yes!", "Yes", "No"), "Yes!", "Yes!"),
    (("Yes!", "Yes", "No"), "Yes", "Yes"),
    # what a label is wrapped in
    (LETTERS, "b", "B"),
    (LETTERS, "(B)", "B"),
    (LETTERS, "B)", "B"),
    (LETTERS, "B.", "B"),
    (LETTERS, "**B**", "B"),
    (LETTERS, "$B$", "B"),
    (LETTERS, "\\boxed{B}", "B"),
    (LETTERS, "\\boxed{\\text{B}}", "B"),
    (LETTERS, "So it is \\boxed{\\text{B}}.", "B"),
    (LETTERS, "```\nB\n```", "B"),
    (LETTERS, "（Ｂ）", "B"),
    (TONE, '"Positive."', "positive"),
    (TONE, '{"tone": "positive"}', "positive"),
    (TONE, '{"answer": "positive", "why": "not negative"}', "positive"),
    (TONE, '```json\n{"label": "neutral"}\n```', "neutral"),
    (("card_arrival", "lost_card"), "card arrival", "card_arrival"),
    (("first class", "second"), "first  class", "first class"),
    # options listed with letters
    (LETTERS, "B) the second", "B"),
    (LETTERS, "(B) the second, as A is too small", "B"),
    (LETTERS, "B. Because a refund was asked for", "B"),
    (("the first", "the second"), "B) the second", "the second"),
    (("the first", "the second"), "(b) The second.", "the second"),
    # where the answer is said to be
    (LETTERS, "The answer is B because a refund was asked for.", "B"),
    (LETTERS, "The answer is B. Note that A is a common distractor.", "B"),
    (LETTERS, "ANSWER IS D. A is incorrect.", "D"),
    (LETTERS, "I considered (A), but it is incorrect. Final answer: D.", "D"),
    (LETTERS, "The correct answer is d.", "D"),
    (LETTERS, "Answer seems to be A.\n\nAnswer: C", "C"),
    (LETTERS, "ANSWER: $B$", "B"),
    (LETTERS, "**Answer: D** since \\boxed{\\langle H \\rangle}", "D"),
    (LETTERS, "Answer: **B**", "B"),
    (LETTERS, "**Answer:** B", "B"),
    (LETTERS, "Antwort:\n\nAntwort: C", "C"),
    (LETTERS, "答案是B。", "B"),
    (LETTERS, "Final answer - B", "B"),
    (LETTERS, "The answer is therefore option C, I think", "C"),
    (LETTERS, "I would pick B — a safe choice.", "B"),
    (LETTERS, "I choose A", "A"),
    (LETTERS, "It must be (C), as a rule", "C"),
    (("A", "B", "C", "I", "J"), "The answer is C because I computed the integral.", "C"),
    (TONE, "It may look negative.\nTone: positive", "positive"),
    (TONE, "Answer: negative\nWait, the answer is positive", "positive"),
    (TONE, "The tone is positive!", "positive"),
    (TONE, "Positive, since nothing negative is said", "positive"),
    (TONE, "the mood is very positive", "very positive"),
    # words of a sentence are no labels
    (LETTERS, "He asks for a refund", ""),
    (LETTERS, "A refund was asked for", ""),
    (LETTERS, "Actually this one is tricky, I'm unsure", ""),
    (LETTERS, "I cannot determine the answer.", ""),
    (LETTERS, "Error: rate limited", ""),
    (LETTERS, "ANSWER: None of the above", ""),
    (LETTERS, "ANSWER: Don't know", ""),
    (LETTERS, "The answer is a refund", ""),
    (YES, "I have no idea", ""),
    (YES, "There is no way to tell", ""),
    (YES, "No idea", ""),
    (YES, "No, because it is late", "no"),
    (YES, "Yes, no problem", "yes"),
    (YES, "I would say no.", "no"),
    (YES, "Is it late? No.", "no"),
    (("other", "refund"), "On the other hand it could be", ""),
    (DIGITS, "-1", "-1"),
    (DIGITS, "−1", "-1"),
    (DIGITS, "–1", "-1"),
    (DIGITS, "1.5", ""),
    (DIGITS, "It is 1.5", ""),
    (("0", "1"), "-1", ""),
    (("0", "1"), "The score is -1", ""),
    (DIGITS, "1%", ""),
    (DIGITS, "There are 2 reasons", ""),
    (DIGITS, "The rating is 2.", "2"),
    (DIGITS, "It is 0 or 1 or 2.", "0|1|2"),
    (DIGITS, "1,200", ""),
    # negation
    (TONE, "not positive", ""),
    (TONE, "It is not positive", ""),
    (TONE, "It isn't really positive, it is negative", "negative"),
    (TONE, "non-positive", ""),
    (TONE, "It is neither positive nor negative", ""),
    (TONE, "anything rather than positive", ""),
    (TONE, "It is not negative, it is positive", "positive"),
    (TONE, "There is no doubt it is positive", "positive"),
    (("spam", "not spam"), "This is not spam", "not spam"),
    (LETTERS, "The answer is not B", ""),
    (LETTERS, "B is incorrect", ""),
    # none, several, all
    (TONE, "", ""),
    (TONE, "positive or negative", "positive|negative"),
    (TONE, "positive, negative, neutral, very positive", "positive|negative|neutral|very positive"),
    (TONE, "positive negative", "positive|negative"),
    (TONE, "Positive. Negative.", "positive|negative"),
    (LETTERS, "A, B, C, D", "A|B|C|D"),
    (LETTERS, "A or B", "A|B"),
    (LETTERS, "Answer: A, B and C", "A|B|C"),
    (LETTERS, "The answer is B or C", "B|C"),
    (TONE, "Is it positive?", ""),
    (TONE, "I cannot tell whether this is positive", ""),
    (TONE, "I'm sorry, I can't say if this is positive or not.", ""),
    # case
    (("US", "us"), "US", "US"),
    (("US", "us"), "us", "us"),
    (("US", "us"), "Us", ""),
    (("US", "us"), "The label is us.", "us"),
    # other scripts
    (CHINESE, "正面", "正面"),
    (CHINESE, "这条评论是正面的。", "正面"),
    (CHINESE, "不是正面", ""),
    (CHINESE, "不是正面的，是负面的。", "负面"),
    (CHINESE, "答案：中性", "中性"),
    (("是", "否"), "答案是否。", "否"),
    (("إيجابي", "سلبي"), "إيجابي", "إيجابي"),
    (("إيجابي", "سلبي"), "الإجابة: سلبي", "سلبي"),
    (("إيجابي", "سلبي"), "ليس إيجابي", ""),
    (("सकारात्मक", "नकारात्मक"), "यह सकारात्मक है", "सकारात्मक"),
    (("क", "ख"), "का", ""),
    (("क", "ख"), "उत्तर: ख", "ख"),
    (("ja", "nein"), "Ja.", "ja"),
    (("позитив", "негатив"), "не позитив", ""),
    (("Straße", "Platz"), "STRASSE", "Straße"),
]


@pytest.mark.parametrize(("labels", "said", "named"), CASES)
def test_what_an_answer_names(labels: tuple[str, ...], said: str, named: str) -> None:
    assert choices(labels).named(said) == tuple(filter(None, named.split("|")))


def test_case_counts_where_it_is_asked_for() -> None:
    assert choices(("Yes", "No"), ignore_case=False).named("yes") == ()
    assert choices(("Yes", "No"), ignore_case=False).named("Yes.") == ("Yes",)


LABELS = st.lists(
    st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip),
    min_size=1,
    max_size=6,
    unique_by=lambda text: text.strip(),
)


@given(LABELS)
@settings(max_examples=300, deadline=None, derandomize=True)
def test_a_label_alone_names_itself(labels: list[str]) -> None:
    reader = choices(tuple(labels))
    for label in labels:
        assert reader.named(label) == (label,)
        assert reader.named(f"  {label}\n") == (label,)


@given(LABELS, st.text(max_size=60))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_any_text_is_read(labels: list[str], text: str) -> None:
    named = choices(tuple(labels)).named(text)
    assert set(named) <= set(labels) and len(set(named)) == len(named)
    assert choices(tuple(labels)).named(text) == named


@given(st.permutations(TONE), st.sampled_from([", ", " ", " or ", "\n", "; ", "/", ". ", " and "]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_all_labels_named_is_no_answer(labels: list[str], between: str) -> None:
    assert len(choices(TONE).named(between.join(labels))) != 1


PIECES = [
    *("positive ", "A", "answer is ", "answer: A ", "not ", "A, ", "1,", "不", "\\text{", "not " + "'" * 40 + "positive ", '{"a":'),
    *("- ", "*", "**A** ", "(", ". ", "\n", "{", "```", " "),
]


@pytest.mark.parametrize("piece", PIECES)
def test_long_answers_are_read_in_linear_time(piece: str) -> None:
    began = time.process_time()
    choices((*TONE, *LETTERS, "1")).named(piece * (1_000_000 // len(piece)))
    assert time.process_time() - began < 12


FORMS = [
    ("Caf\u00e9", "Cafe\u0301"),  # composed and decomposed
    ("ABC 1", "\uff21\uff22\uff23\u3000\uff11"),  # full width
    ("in stock", "in\u00a0stock"),
    ("spam", "sp\u200bam"),
    ("\u0633\u0644\u0627\u0645", "\ufeb3\ufefc\ufee1"),  # Arabic letters and their presentation forms
    ("\u30ab\u30bf\u30ab\u30ca", "\uff76\uff80\uff76\uff85"),  # half-width katakana
    ("\u2764", "\u2764\ufe0f"),  # a sign, and the same asked for in colour
    ("\u0633\u0644\u0627\u0645", "\u202b\u0633\u0644\u0627\u0645\u202c"),  # marks of direction
    ("office", "o\ufb03ce"),
]


@pytest.mark.parametrize(("one", "other"), FORMS)
def test_what_looks_the_same_is_one_label(one: str, other: str) -> None:
    assert in_one_form({one: 5, other: 3}) == {one: 8}
    assert labels_in({one: 5, other: 3, "zz": 9}, str) == tuple(sorted([one, "zz"]))
    reader = choices((one, "zz"), ignore_case=False)
    assert reader.label(other) == one
    assert reader.named(f"Answer: {other}.") == (one,)


def test_letters_that_are_not_the_same_stay_apart() -> None:
    apart = {"s\u0131k": 4, "sik": 4, "x\u00b2": 4, "x2": 4, "\u0411": 4, "B": 4, "US": 4, "us": 4}
    assert in_one_form(apart) == apart


def test_the_most_frequent_form_stands_for_all() -> None:
    assert in_one_form({"Caf\u00e9": 2, "Cafe\u0301": 3, "Bar": 1}) == {"Cafe\u0301": 5, "Bar": 1}
