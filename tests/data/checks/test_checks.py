"""The checks: what each finds, and what it leaves alone."""

from typing import Any

import pytest

from rung import plugins
from rung.data.audit import audit
from rung.types import Example, Finding


def row(text: str, target: Any = "x", **fields: Any) -> Example:
    return Example(**{"id": text, "messages": ({"role": "user", "content": text},), "target": target, **fields})


def found(examples: list[Example], check: str) -> list[Finding]:
    return [f for f in audit(examples, plugins.load("checks", check).ROWS) if f.check == check]


def told(examples: list[Example], check: str) -> list[tuple[str, str, int]]:
    return [(f.severity, f.message, f.count) for f in found(examples, check)]


def test_clean_rows_have_no_findings() -> None:
    examples = [row(f"question {n}", "ab"[n % 2], split=("train", "dev", "test")[n % 3]) for n in range(60)]
    assert audit(examples, "raw") == audit(examples, "split") == ()


def test_duplicates_and_conflicts() -> None:
    examples = [row("A b", "x", id="1"), row("a  B", "x", id="2"), row("A b", "x", id="3"), row("a b", "y", id="4", source="f:5")]
    assert told(examples, "duplicates") == [
        ("info", "1 row stands twice, with the same answer; the first of each counts", 1),
        ("info", "1 row stands twice but for case and blanks, with the same answer; the first of each counts", 1),
    ]
    assert told(examples, "labels") == [("warning", "1 question has two answers; the first of each counts", 1)]
    assert [f.places for f in found(examples, "duplicates")] == [("3 (as 1)",), ("2 (as 1)",)]
    assert [f.places for f in found(examples, "labels")] == [("f:5 (against 1)",)]


def test_contamination() -> None:
    examples = [row("Same", split="train"), row("same", split="test", source="a.csv:2"), row("other", split="test")]
    assert told(examples, "contamination") == [("error", "1 row of test stands in train too", 1)]
    assert found(examples, "contamination")[0].places == ("a.csv:2 stands at Same",)


def test_balance() -> None:
    one_class = [row(f"q{n}", "yes" if n else "no") for n in range(40)]
    assert told(one_class, "balance") == [("warning", "98% of the rows are 'yes': always answering so scores as much", 39)]
    unseen = [row(f"q{n}", "new" if n > 37 else "ab"[n % 2], split="test" if n > 35 else "train") for n in range(40)]
    assert ("warning", "2 test rows are of classes that train never shows: new", 2) in told(unseen, "balance")
    rare = [row(f"q{n}", "rare" if n < 2 else "ab"[n % 2], split="train") for n in range(40)]
    assert ("info", "1 class has fewer than 5 rows in train: rare", 1) in told(rare, "balance")
    assert told([row(f"q{n}", f"text {n}") for n in range(40)], "balance") == []


def test_a_long_class_is_named_by_its_beginning() -> None:
    (finding,) = found([row(f"q{n}", "very " * 40 if n else "no") for n in range(40)], "balance")
    assert len(finding.message) < 150


def test_origin() -> None:
    examples = [row("a", origin="synthetic", split="test"), row("b", origin="augmented"), row("c"), row("d", origin="log")]
    assert told(examples, "origin") == [
        ("warning", "1 test row is synthetic or augmented: the verdict is about made-up rows in that part", 1),
        ("info", "2 of 4 rows (50%) are synthetic or augmented", 2),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jane.doe+x@mail.example.org please", "e-mail addresses"),
        ("call +44 20 7946 0958 now", "phone numbers"),
        ("call (415) 555-0132", "phone numbers"),
        ("card 4111 1111 1111 1111", "payment card numbers"),
        ("pay to DE89 3704 0044 0532 0130 00", "bank account numbers"),
    ],
)
def test_personal_data(text: str, kind: str) -> None:
    assert [(f.message.split(" in ")[0], f.count) for f in found([row(text)], "pii")] == [(kind, 1)]
    assert found([row("who?", text)], "pii")


def test_personal_data_in_the_arguments_of_a_call() -> None:
    call = {"type": "function", "function": {"name": "mail", "arguments": {"to": "jane@mail.example.org"}}}
    asked = ({"role": "user", "content": "Write."}, {"role": "assistant", "content": "", "tool_calls": [call]})
    assert found([row("x", messages=asked)], "pii")
    assert found([row("x", [{"name": "mail", "arguments": {"to": "jane@mail.example.org"}}])], "pii")


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "order 1234567890123456",
        "DE88 3704 0044 0532 0130 00",
        "@handle said a@b",
        "pi is 3.14159265358979",
        "0000 0000 0000 0000",
    ],
)
def test_what_only_looks_like_personal_data(text: str) -> None:
    assert found([row(text)], "pii") == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("AKIA" + "ABCDEFGHIJKLMNOP", "AWS access keys"),
        ("ghp_" + "a1" * 18, "GitHub tokens"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "private keys"),
        ("sk-proj-" + "aB3_" * 10, "OpenAI or Anthropic keys"),
    ],
)
def test_secrets_are_found_and_not_repeated(text: str, kind: str) -> None:
    (finding,) = found([row(f"my key is {text} ok?", source="rows.csv:2")], "secrets")
    assert finding.message == f"{kind} in 1 row: revoke them and take them out"
    assert text not in str(finding)


def test_ordinary_text_holds_no_secret() -> None:
    assert found([row("the task-" + "abc" * 20 + " of AKIA and hf_ things, sk-ip")], "secrets") == []


@pytest.mark.parametrize("check", plugins.names("checks"))
def test_no_rows_are_no_findings(check: str) -> None:
    module = plugins.load("checks", check)
    assert module.check([], module.Config()) == []
