"""Heads of files as people bring them, with made-up cells: which columns are the question, which the answer, which neither."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from rung.errors import UserError
from rung.propose.columns.guess import Guess, guess_columns
from rung.propose.columns.undecided import Undecided
from rung.propose.columns.wanted import Wanted

ROWS = 120
Cell = Callable[[random.Random, int], Any]
TALE = "a river of small boats went under the old bridge while children sold warm bread and nobody looked at the clock"
WORDS = TALE.split()


def text(words: int) -> Cell:
    return lambda rng, n: " ".join(rng.choices(WORDS, k=words)) + f" {n}"


def shared(words: int, each: int) -> Cell:
    """The same text in so many rows."""
    return lambda rng, n: " ".join(random.Random(n // each).choices(WORDS, k=words)) + f" {n // each}"


def of(*values: Any) -> Cell:
    return lambda rng, n: rng.choice(values)


def number(n: int = 0, step: float = 1) -> Cell:
    return lambda rng, row: round(n + step * rng.randrange(300), 2)


def code(prefix: str = "x") -> Cell:
    return lambda rng, n: f"{prefix}{n:05}"


def count(rng: random.Random, n: int) -> Any:
    return n


def day(rng: random.Random, n: int) -> Any:
    return f"2023-0{n % 9 + 1}-1{n % 10}"


def link(rng: random.Random, n: int) -> Any:
    return f"https://example.org/{n}"


def tokens(rng: random.Random, n: int) -> Any:
    return rng.choices(WORDS, k=12)


def vector(rng: random.Random, n: int) -> Any:
    return [rng.random() for _ in range(16)]


def listed(*values: str) -> Cell:
    return lambda rng, n: rng.sample(values, k=rng.randrange(1, 3))


def choices(rng: random.Random, n: int) -> Any:
    return [f"{word} {n}" for word in rng.sample(WORDS, k=4)]


def sql(rng: random.Random, n: int) -> Any:
    return f"SELECT name FROM boats WHERE port = '{rng.choice(WORDS)}' AND size > {n}"


def word(rng: random.Random, n: int) -> Any:
    return "".join(rng.choices("abcdefghij", k=6))


def blank(rng: random.Random, n: int) -> Any:
    return ""


mark = of(0, 1)


def rows_of(columns: Mapping[str, Cell], rows: int = ROWS) -> list[dict[str, Any]]:
    rng = random.Random(3)
    return [{name: cell(rng, n) for name, cell in columns.items()} for n in range(rows)]


def guess(columns: Mapping[str, Cell], **wanted: str) -> Guess:
    return guess_columns(rows_of(columns), "data.csv", Wanted(**wanted))


# name, columns, input, target
HEADS: Sequence[tuple[str, Mapping[str, Cell], Any, Any]] = [
    ("mail", {"Subject": text(4), "Message": text(30), "Date": day, "Spam/Ham": of("spam", "ham")}, ["Subject", "Message"],
     "Spam/Ham"),
    ("shop", {"asin": code(), "reviewText": text(20), "overall": of(1, 2, 3, 4, 5), "summary": text(4),
     "unixReviewTime": number(10**6)},
     ["reviewText", "summary"], "overall"),
    ("airline", {"tweet_id": count, "airline_sentiment": of("good", "bad"), "airline_sentiment_confidence": number(0, 0.01),
                 "airline": of("A", "B", "C"), "name": code("u"), "text": text(15), "tweet_created": day}, "text",
     "airline_sentiment"),
    ("parsed query", {"db_id": of("ships", "ports"), "query": sql, "query_toks": tokens, "question": text(9),
                      "sql": lambda rng, n: {"select": [n], "where": []}}, ["db_id", "question"], "query"),
    ("Q and A", {"Q": text(6), "A": text(9)}, "Q", "A"),
    ("syllogism", {"major_premise": text(8), "minor_premise": text(7), "conclusion": text(6), "label": of("follows", "does not")},
     ["major_premise", "minor_premise", "conclusion"], "label"),
    ("excerpt", {"post_id": code(), "sentence_range": lambda rng, n: f"({n}, {n + 5})", "text": text(20), "label": mark}, "text",
     "label"),
    ("bias", {"question_polarity": of("neg", "nonneg"), "context": text(20), "question": shared(5, 40), "ans0": text(2),
              "ans1": text(2), "ans2": text(2), "label": of(0, 1, 2)},
     {"context": "context", "question": "question", "0": "ans0", "1": "ans1", "2": "ans2"}, "label"),
    ("predicted beside", {"question": text(9), "long_pred": of("yes", "no", "maybe"), "short_pred": of("yes", "no", "maybe"),
                          "final_decision": of("yes", "no", "maybe")}, "question", "final_decision"),
    ("nli", {"gold_label": of("yes", "no", "maybe"), "sentence1_parse": text(12), "sentence1": text(10), "sentence2": text(6),
             "pairID": code()}, ["sentence1", "sentence2"], "gold_label"),
    ("pairs", {"id": count, "qid1": count, "qid2": number(), "question1": text(9), "question2": text(9), "is_duplicate": mark},
     ["question1", "question2"], "is_duplicate"),
    ("quality", {"Quality": mark, "#1 ID": count, "#2 ID": number(), "#1 String": text(12), "#2 String": text(12)},
     ["#1 String", "#2 String"], "Quality"),
    ("stance", {"Target": of("bridges", "boats"), "Tweet": text(14), "Stance": of("FAVOR", "AGAINST", "NONE")},
     ["Target", "Tweet"], "Stance"),
    ("aspects", {"sentence": text(12), "aspect": of("food", "price", "place"), "polarity": of("good", "bad")},
     ["sentence", "aspect"], "polarity"),
    ("extractive", {"id": code(), "title": of("Rome", "Oslo", "Bern"), "context": shared(40, 4), "question": text(8),
     "answers": text(2)},
     ["context", "question"], "answers"),
    ("letters", {"question": text(9), "subject": of("law", "art"), "opa": text(3), "opb": text(3), "opc": text(3), "opd": text(3),
                 "cop": of(0, 1, 2, 3), "exp": text(20)},
     {"question": "question", "A": "opa", "B": "opb", "C": "opc", "D": "opd"}, "cop"),
    ("choices", {"question": text(9), "choices": choices, "answer": of(0, 1, 2, 3)}, ["question", "choices"], "answer"),
    ("endings", {"ind": count, "ctx": text(14), "endings": choices, "label": of("0", "1", "2", "3")}, ["ctx", "endings"], "label"),
    ("two ways", {"goal": text(6), "sol1": text(10), "sol2": text(10), "label": mark}, {"goal": "goal", "1": "sol1",
     "2": "sol2"}, "label"),
    ("sql", {"db_id": of("a", "b", "c"), "query": sql, "query_toks": tokens, "question": text(9), "question_toks": tokens},
     ["db_id", "question"], "query"),
    ("schema", {"question": text(9), "context": lambda rng, n: f"CREATE TABLE t{n} (name TEXT, size INT)", "answer": sql},
     ["question", "context"], "answer"),
    ("code", {"task_id": count, "prompt": text(20), "canonical_solution": text(20), "test": text(9), "entry_point": code("f")},
     "prompt", "canonical_solution"),
    ("mathematics", {"problem": text(20), "level": of("Level 1", "Level 2"), "type": of("Algebra", "Geometry"),
     "solution": text(30)},
     "problem", "solution"),
    ("news", {"id": code(), "article": text(60), "highlights": text(12)}, "article", "highlights"),
    ("summary", {"dialogue": text(50), "summary": text(10), "topic": of("work", "home")}, "dialogue", "summary"),
    ("decision", {"pubid": count, "question": text(9), "context": text(40), "long_answer": text(20),
     "final_decision": of("yes", "no")},
     ["question", "context"], "final_decision"),
    ("system", {"id": code(), "system_prompt": of("Be kind and short please.", "Think about it slowly now."), "question": text(9),
                "response": text(20)}, "question", "response"),
    ("clean", {"text": text(15), "clean_text": lambda rng, n: "", "category": of(-1, 0, 1)}, "text", "category"),
    ("lengths", {"text": text(15), "length": number(), "tokens": tokens, "embedding": vector, "label": of("a", "b")},
     "text", "label"),
    ("codes", {"label": of(0), "text": text(9), "intent_name": of("pay", "call", "stop"), "is_train": mark}, "text", "intent_name"),
    ("placed", {"v1": of("ham", "spam"), "v2": text(12), "Unnamed: 2": blank}, "v2", "v1"),
    ("places", {"column_1": of(1, 2, 3, 4), "column_2": text(5), "column_3": text(20)}, ["column_2", "column_3"], "column_1"),
    ("German", {"Nachricht": text(15), "Kategorie": of("Lob", "Tadel"), "Datum": day}, "Nachricht", "Kategorie"),
    ("Spanish", {"texto": text(15), "etiqueta": of("si", "no"), "fecha": day}, "texto", "etiqueta"),
    ("French", {"question": text(9), "réponse": text(20), "auteur": of("A", "B")}, "question", "réponse"),
    ("Chinese", {"编号": count, "文本": text(15), "标签": of("好", "坏")}, "文本", "标签"),
    ("Russian", {"текст": text(15), "тональность": of("плюс", "минус")}, "текст", "тональность"),
    ("flags", {"id": code(), "comment_text": text(15), "toxic": mark, "obscene": mark, "threat": mark}, "comment_text",
     ["toxic", "obscene", "threat"]),
    ("subjects", {"ID": count, "TITLE": text(8), "ABSTRACT": text(40), "Physics": mark, "Biology": mark, "Law": mark},
     ["TITLE", "ABSTRACT"], ["Physics", "Biology", "Law"]),
    ("judgements", {"sentence": text(12), "fuel": of("bad", "good", "none"), "price": of("bad", "good", "none"),
                    "seats": of("bad", "good", "none")}, "sentence", ["fuel", "price", "seats"]),
    ("votes", {"count": of(3, 6), "hate_speech": of(0, 1, 2, 3), "neither": of(0, 1, 2, 3), "class": of(0, 1, 2),
     "tweet": text(12)},
     "tweet", "class"),
    ("labels", {"text": text(12), "labels": listed("a", "b", "c")}, "text", "labels"),
    ("two texts", {"en": text(9), "de": text(9)}, "en", "de"),
    ("one text", {"message": text(9), "whatever": of("x", "y")}, "message", "whatever"),
    ("reference", {"source": text(9), "target": text(9)}, "source", "target"),
    ("names", {"name": word, "gender": of("m", "f")}, "name", "gender"),
    ("addresses", {"url": link, "label": of("bad", "good")}, "url", "label"),
    ("bookings", {"amount": number(-100, 0.5), "description": of("CARD 12 SHOP", "BANK FEE 3"), "account": of(15, 3),
     "category": of(48, 72),
                  "id": count}, "description", "category"),
    ("headline", {"Key": code(), "Summary": text(7), "Description": text(40), "Issue Type": of("bug", "wish"),
     "Status": of("x", "y")},
     ["Summary", "Description"], "Issue Type"),
    ("dealt with", {"Product": of("card", "loan"), "Narrative": text(40), "Company response to customer": of("closed", "open"),
                    "Timely response?": of("Yes", "No")}, "Narrative", "Product"),
    ("stars beside words", {"Rating": of(1, 2, 3, 4, 5), "RatingText": text(12)}, "RatingText", "Rating"),
    ("letters as names", {"a": text(5), "b": of("pay", "call")}, "a", "b"),
    ("mailbox", {"From": of("a@x.org", "b@x.org"), "Subject": text(5), "Body": text(40), "Folder": of("in", "out")},
     ["Subject", "Body"], "Folder"),
    ("own words", {"text": text(9), "prob_a": number(0, 0.003), "prediction": of("a", "b"), "gold": of("a", "b")}, "text", "gold"),
    ("corrected", {"corrected": text(9), "sentence": text(9), "link": link}, "sentence", "corrected"),
]  # fmt: skip


@pytest.mark.parametrize(("columns", "asked", "target"), [row[1:] for row in HEADS], ids=[row[0] for row in HEADS])
def test_heads(columns: Mapping[str, Cell], asked: Any, target: Any) -> None:
    found = guess(columns).columns.named()
    assert (found["input"], found["target"]) == (asked, target)


def test_what_takes_no_part_is_named_with_its_reason() -> None:
    found = guess(
        {"text": text(9), "text_hash": code("f"), "tokens": tokens, "label": of("a", "b"), "label_id": mark, "note": blank}
    )
    assert found.unused == ("text_hash", "tokens", "label_id", "note")
    told = next(inference for inference in found.inferences if inference.about == "unused").because
    assert "note (it is empty)" in told


def test_a_number_for_each_name_is_no_answer_and_no_question() -> None:
    rows = [{"text": f"boat number {n} is late", "label_int": n % 3, "label": ("red", "blue", "grey")[n % 3]} for n in range(90)]
    found = guess_columns(rows, "data.csv")
    assert (found.columns.named(), found.runners_up) == ({"input": "text", "target": "label"}, ())
    told = next(inference for inference in found.inferences if inference.about == "unused").because
    assert "label_int (it says the same as label" in told


def test_a_text_that_holds_the_answer_is_no_question() -> None:
    rows = [
        {"question": f"What of boat {n}?", "answer": f"boat {n} went under the old bridge and came back late",
         "text": f"### Q: What of boat {n}? ### A: boat {n} went under the old bridge and came back late"}
        for n in range(60)
    ]  # fmt: skip
    found = guess_columns(rows, "data.csv")
    assert found.columns.named() == {"input": "question", "target": "answer"}
    assert found.unused == ("text",)


def test_the_same_text_again_is_no_second_question() -> None:
    rows = [{"text": f"The Boat {n}, late!", "text_lower": f"the boat {n}, late", "label": "ab"[n % 2]} for n in range(60)]
    assert guess_columns(rows, "data.csv").columns.named() == {"input": "text", "target": "label"}


def test_other_answers_are_named() -> None:
    columns = {"Question": text(9), "Answer": text(20), "Class": of("a", "b")}
    found = guess(columns)
    assert found.runners_up == ("Answer",)
    told = next(inference for inference in found.inferences if inference.about == "other target")
    assert "target: Answer" in told.change
    assert "--target Answer" in told.change
    assert guess(columns, target="Answer").runners_up == ("Class",)


def test_places_of_options_have_letters() -> None:
    found = guess({"question": text(9), "choices": choices, "answer": of(0, 1, 2, 3)})
    assert found.names == {"0": "A", "1": "B", "2": "C", "3": "D"}
    assert guess({"question": text(9), "choices": choices, "answer": of(1, 2, 3, 4)}).names["4"] == "D"
    assert not guess({"goal": text(6), "sol1": text(9), "sol2": text(9), "label": of(1, 2)}).names


@pytest.mark.parametrize(
    ("columns", "group"),
    [
        ({"text": text(9), "label": of("a", "b"), "customer_id": of(*range(20))}, "customer_id"),
        ({"text": text(9), "label": of("a", "b"), "ProductId": of(*range(20)), "user": of(*range(20))}, "user"),
        ({"mr": shared(5, 2), "ref": text(12)}, "mr"),
        ({"context": shared(30, 2), "question": text(8), "answer": text(2)}, "context"),
        ({"text": text(9), "label": of("a", "b"), "customer_id": of(1, 2, 3)}, None),
    ],
)
def test_rows_that_belong_together(columns: Mapping[str, Cell], group: str | None) -> None:
    assert guess(columns).group == group


def test_a_group_that_tells_the_class_is_none() -> None:
    rows = [{"text": f"boat {n} is late", "label": f"c{n % 12 // 3}", "author": f"a{n % 12}"} for n in range(120)]
    assert guess_columns(rows, "data.csv").group is None


def test_two_splits_are_not_three() -> None:
    found = guess({"text": text(9), "label": of("a", "b"), "split": of("train", "test")})
    assert found.columns.split is None
    told = next(inference for inference in found.inferences if inference.about == "split")
    assert told.taken == "split is not used, the rows are split anew"


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        ({"input": "body"}, "body"),
        ({"input": "title, body"}, ("title", "body")),
        ({"input": "Mail: {body}"}, "Mail: {body}"),
    ],
)
def test_what_is_wanted_is_taken(wanted: Mapping[str, str], asked: Any) -> None:
    found = guess({"title": text(4), "body": text(12), "label": of("a", "b"), "tag": of("c", "d")}, target="tag", **wanted)
    assert (found.columns.input, found.columns.target) == (asked, "tag")


def test_what_is_wanted_is_found_in_any_case_and_without_blanks() -> None:
    found = guess({"TEXT": text(9), "label ": of("a", "b")}, input="text", target="Label")
    assert found.columns.named() == {"input": "TEXT", "target": "label "}


def test_an_answer_that_is_empty_is_told() -> None:
    found = guess({"text": text(9), "label": blank, "source": of("web", "mail")})
    assert found.columns.target == "source"
    told = next(inference for inference in found.inferences if inference.taken.startswith("label"))
    assert (told.because, told.aloud) == ("it is empty", True)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"input": "bod"}, r"(?s)no column 'bod'.*Did you mean 'body'.*Columns: body, label"),
        ({"target": "zzzz"}, "no column 'zzzz'"),
        ({"input": "{zzzz}"}, "no column 'zzzz'"),
        ({"input": "{}"}, "names no column"),
        ({"input": ","}, "names no column"),
        ({"input": "label", "target": "label"}, "both the question and the answer"),
    ],
)
def test_what_is_wanted_and_is_not_there(wanted: Mapping[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        guess({"body": text(12), "label": of("a", "b")}, **wanted)


def test_where_nothing_says_which_the_candidates_and_the_command_are_named() -> None:
    with pytest.raises(Undecided, match=r"(?s)It could be colour or size.*--input message --target colour") as caught:
        guess({"message": text(12), "colour": code("c"), "size": code("s")})
    assert caught.value.missing == "answer"
    assert [candidate.name for candidate in caught.value.candidates] == ["colour", "size"]
    with pytest.raises(Undecided, match="add a column with them"):
        guess({"id": count, "question": text(9)})


def test_odd_cells_break_nothing() -> None:
    odd = [None, "", "  ", [], {}, [[]], "[1, 2", "{'a': 1}", float("nan"), True, "\x00", 10**30, "[" * 500]
    rows = [{"text": f"boat {n} is late", "label": "ab"[n % 2], "odd": odd[n % len(odd)], f"only{n}": n} for n in range(60)]
    assert guess_columns(rows, "data.csv").columns.named() == {"input": "text", "target": "label"}
