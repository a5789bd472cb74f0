"""The instruction says the job, by what the columns are called and what the answers look like."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from rung.data.shapes.columns import Columns
from rung.propose.instruction import instruction_for
from rung.propose.scorer import kind_of
from rung.types import Example

Row = Callable[[int], tuple[str, object]]
LONG = "a fairly long text about many things, number {n}, with more words in it than any answer that is made of it has"


def told(inputs: Sequence[str], target: str, row: Row) -> str:
    pairs = [row(n) for n in range(1, 61)]
    examples = [
        Example(id=str(n), messages=({"role": "user", "content": asked},), target=answer) for n, (asked, answer) in enumerate(pairs)
    ]
    kind, classes = kind_of(examples, target)
    columns = Columns(input=inputs[0] if len(inputs) == 1 else tuple(inputs), target=target)
    return instruction_for(kind, classes, examples, columns)


def of(*answers: object) -> Row:
    return lambda n: (LONG.format(n=n), answers[n % len(answers)])


def made(answer: Callable[[int], object], asked: str = LONG) -> Row:
    return lambda n: (asked.format(n=n), answer(n))


CASES: list[tuple[list[str], str, Row, str]] = [
    (["dialogue"], "summary", made(lambda n: f"They talk about thing {n} and agree"), "Summarise the dialogue."),
    (["article"], "highlights", made(lambda n: f"Many things, {n} of them"), "Summarise the article."),
    (["article"], "headline", made(lambda n: f"Many things {n} are told"), "Write a title for the article."),
    (["en"], "de", made(lambda n: f"ein Text {n}"), "Translate the text from English into German."),
    (["text"], "answer_th", made(lambda n: "ข้อความยาว" + chr(0x0E01 + n % 40) * (n + 1)), "Translate the text into Thai."),
    (["question"], "query", made(lambda n: f"SELECT a FROM b WHERE c = {n}"), "Write the SQL query that answers the question."),
    (["text"], "code", made(lambda n: f"def f{n}(x):\n    return x + {n}"), "Write the Python code that does what is asked."),
    (["sentence"], "corrected", made(lambda n: LONG.format(n=n) + "!"), "Correct the grammar and the spelling of the sentence."),
    (["sentence"], "paraphrase", made(lambda n: f"many words on {n} " * 5), "Say the same as the sentence in other words."),
    (["sentence"], "simplified", made(lambda n: f"many words on {n} " * 5), "Rewrite the sentence in simple words."),
    (["question", "context"], "answer", made(lambda n: f"number {n}"), "Answer the question from the text that is given, in words"),
    (["review"], "sentiment", of("good", "bad"), "Classify the review by its sentiment. Answer with one of these: bad, good."),
    (["ticket"], "topic", of("money", "login"), "Classify the ticket by its topic."),
    (["text"], "intent", of("order_status", "refundRequest"), "one of these: order_status, refundRequest."),
    (["text"], "Liked", of("0", "1"), "Answer with 1 for yes or 0 for no."),
    (["message"], "is_spam", of("yes", "no"), "Is this message spam? Answer with no or yes."),
    (["review"], "stars", of("1", "2", "3", "4", "5"), "Rate the review from 1 to 5."),
    (
        ["premise", "hypothesis"],
        "label",
        of("entailment", "neutral", "contradiction"),
        "whether the second text follows",
    ),
    (["q", "A", "B"], "answer", lambda n: (f"what {n}?\nA) x\nB) y", "AB"[n % 2]), "with the letter of the right option"),
    (["text"], "company", lambda n: (f"Yesterday Firm {n} & Sons opened.", f"Firm {n} & Sons"), "Find the company in the text"),
    (["invoice"], "fields", lambda n: (f"Invoice {n} of Rome", {"no": str(n), "city": "Rome"}), "as a JSON object: no, city."),
    (["description"], "price", made(lambda n: f"${n},{n + 100}.50"), "Give the price, as a number."),
    (["column_1"], "column_2", of("ham", "spam"), "Classify the text. Answer with one of these: ham, spam."),
    (["question", "passage"], "answer", of("yes", "no"), "Answer the question from the text that is given. Answer with no or yes."),
]


@pytest.mark.parametrize(("inputs", "target", "row", "said"), CASES, ids=[f"{'+'.join(c[0])}-{c[1]}" for c in CASES])
def test_the_job_is_said(inputs: list[str], target: str, row: Row, said: str) -> None:
    assert said in told(inputs, target, row)


@pytest.mark.parametrize("target", ["Liked", "label", "column_2", "y", "class"])
def test_numbers_as_classes_are_no_nonsense(target: str) -> None:
    said = told(["text"], target, of("0", "1"))
    assert not said.startswith("Answer with the")
    assert "0" in said
    assert "1" in said


def test_many_classes_are_not_listed() -> None:
    names = [f"intent_{n}" for n in range(25)]
    assert "one of the 25 that there are" in told(["text"], "intent", of(*names))
